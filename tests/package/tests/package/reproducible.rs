//! Equal inputs, equal bytes; and what stands beside the archives.

use std::collections::BTreeSet;
use std::process::Command;

use gateway_test_package::{Dist, output_of};
use serde_json::Value;

use crate::skip_without_packaging;

fn sums(dist: &Dist) -> String {
    std::fs::read_to_string(dist.folder().join("SHA256SUMS")).unwrap()
}

#[test]
fn two_builds_give_the_same_bytes_and_their_checksums_hold() {
    skip_without_packaging!();
    let first = Dist::of_this_build().unwrap();
    // A second later at least: a time that slipped in would show.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let second = Dist::make("").unwrap();
    assert_eq!(sums(first), sums(&second));
    assert_eq!(sums(first).lines().count(), 3);
    let mut command = Command::new("sha256sum");
    command
        .current_dir(first.folder())
        .args(["--check", "--strict", "SHA256SUMS"]);
    output_of(&mut command).unwrap();
}

#[test]
fn the_tarball_holds_the_packages_files() {
    skip_without_packaging!();
    let dist = Dist::of_this_build().unwrap();
    let tarball = dist.file(".tar.gz").unwrap();
    let list = output_of(Command::new("tar").arg("-tzf").arg(tarball)).unwrap();
    let packed: BTreeSet<String> = list
        .lines()
        .filter_map(|line| line.split_once('/').map(|(_, name)| format!("/{name}")))
        .filter(|name| !name.ends_with('/'))
        .collect();
    let package = dist.package().unwrap();
    let list = output_of(Command::new("dpkg-deb").arg("--contents").arg(package)).unwrap();
    let installed: BTreeSet<String> = list
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .map(|name| name.trim_start_matches('.').to_owned())
        .filter(|name| !name.ends_with('/') && !name.contains("lintian"))
        .collect();
    assert_eq!(packed, installed);
}

#[test]
fn the_bill_of_materials_names_what_is_linked_and_is_whole() {
    skip_without_packaging!();
    let file = Dist::of_this_build().unwrap().file(".cdx.json").unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["bomFormat"], "CycloneDX");
    assert_eq!(document["metadata"]["component"]["name"], "gateway");
    let components = document["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|one| one["name"] == name);
    for name in [
        "aya",
        "tokio",
        "dbn",
        "libxdp",
        "gateway-client-c",
        "gateway-sim",
    ] {
        assert!(named(name).is_some(), "no {name}");
    }
    for name in ["proptest", "cbindgen", "xtask"] {
        assert!(named(name).is_none(), "{name} is not linked into anything");
    }
    let mut references: BTreeSet<&str> = components
        .iter()
        .map(|one| one["bom-ref"].as_str().unwrap())
        .collect();
    assert_eq!(references.len(), components.len(), "one reference each");
    references.insert(
        document["metadata"]["component"]["bom-ref"]
            .as_str()
            .unwrap(),
    );
    for dependency in document["dependencies"].as_array().unwrap() {
        assert!(references.contains(dependency["ref"].as_str().unwrap()));
        for on in dependency["dependsOn"].as_array().unwrap() {
            assert!(references.contains(on.as_str().unwrap()), "{on}");
        }
    }
    for one in components {
        let is_foreign = one["hashes"].is_array();
        let has_terms = one["licenses"][0]["expression"].is_string();
        assert!(!is_foreign || has_terms, "{one:#}");
    }
    assert_eq!(named("tokio").unwrap()["hashes"][0]["alg"], "SHA-256");
}
