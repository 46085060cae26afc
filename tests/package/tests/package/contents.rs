//! What is in the package, and whose.

use std::collections::BTreeSet;
use std::process::Command;

use gateway_test_package::{Dist, output, output_of};

use crate::{skip_without, skip_without_packaging};

/// A line of `dpkg-deb --contents`: mode, owner, name and, of a link, where it leads.
struct Entry {
    mode: String,
    owner: String,
    name: String,
    leads: Option<String>,
}

fn entries() -> Vec<Entry> {
    let package = Dist::of_this_build().unwrap().package().unwrap();
    let text = output_of(Command::new("dpkg-deb").arg("--contents").arg(package)).unwrap();
    text.lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Entry {
                mode: words[0].to_owned(),
                owner: words[1].to_owned(),
                name: words[5].trim_start_matches('.').to_owned(),
                leads: words.get(7).map(|word| (*word).to_owned()),
            }
        })
        .collect()
}

#[test]
fn everything_is_there() {
    skip_without_packaging!();
    let entries = entries();
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let multiarch = output_of(Command::new("dpkg-architecture").arg("-qDEB_HOST_MULTIARCH"));
    let library = format!("/usr/lib/{}", multiarch.unwrap().trim());
    for name in [
        "/etc/gateway/gateway.toml",
        "/usr/bin/gateway",
        "/usr/bin/gateway-sim",
        "/usr/include/gateway.h",
        "/usr/include/gateway.hpp",
        &format!("{library}/libgateway_client.a"),
        &format!("{library}/libgateway_client.so"),
        &format!("{library}/libgateway_client.so.0"),
        &format!("{library}/pkgconfig/gateway-client.pc"),
        "/usr/lib/systemd/system/gateway.service",
        "/usr/lib/sysusers.d/gateway.conf",
        "/usr/lib/tmpfiles.d/gateway.conf",
        "/usr/share/bash-completion/completions/gateway",
        "/usr/share/bash-completion/completions/gateway-sim",
        "/usr/share/zsh/vendor-completions/_gateway",
        "/usr/share/fish/vendor_completions.d/gateway.fish",
        "/usr/share/doc/gateway/CHANGELOG.md.gz",
        "/usr/share/doc/gateway/changelog.gz",
        "/usr/share/doc/gateway/copyright",
        "/usr/share/doc/gateway/docs/operations.md",
        "/usr/share/doc/gateway/sbom.cdx.json",
        "/usr/share/doc/gateway/third-party-licenses.txt.gz",
        "/usr/share/gateway/gateway.toml",
        "/usr/share/gateway/libvirt/domain.xml",
        "/usr/share/gateway/scenarios/both_lines_gap.toml",
        "/usr/share/man/man1/gateway.1.gz",
        "/usr/share/man/man1/gateway-run.1.gz",
        "/usr/share/man/man1/gateway-bench-scenarios-measure.1.gz",
        "/usr/share/man/man1/gateway-sim.1.gz",
        "/usr/share/man/man1/gateway-sim-generate.1.gz",
    ] {
        assert!(names.contains(name), "no {name} in {names:#?}");
    }
    // What only the packaging needs is not in it, and nothing lies where packages have no business.
    for name in &names {
        assert!(!name.starts_with("/usr/share/gateway/debian"), "{name}");
        let known = ["/usr/", "/etc/"]
            .iter()
            .any(|start| name.starts_with(start));
        assert!(known || *name == "/", "{name}");
        assert!(!name.starts_with("/usr/local"), "{name}");
    }
}

#[test]
fn everything_is_roots_and_nobody_elses_to_write() {
    skip_without_packaging!();
    for Entry {
        mode, owner, name, ..
    } in entries()
    {
        assert_eq!(owner, "root/root", "{name}");
        let expected = match mode.chars().next() {
            Some('d') => "drwxr-xr-x",
            Some('l') => "lrwxrwxrwx",
            _ if name.starts_with("/usr/bin/") => "-rwxr-xr-x",
            _ => "-rw-r--r--",
        };
        assert_eq!(mode, expected, "{name}");
    }
}

#[test]
fn the_library_is_found_by_its_name_and_by_that_of_its_interface() {
    skip_without_packaging!();
    let entries = entries();
    let leads = |end: &str| {
        let entry = entries.iter().find(|entry| entry.name.ends_with(end));
        entry.unwrap().leads.clone().unwrap()
    };
    assert_eq!(leads("/libgateway_client.so"), "libgateway_client.so.0");
    let file = leads("/libgateway_client.so.0");
    assert!(file.starts_with("libgateway_client.so.0."), "{file}");
    assert!(entries.iter().any(|entry| entry.name.ends_with(&file)));
}

#[test]
fn the_configuration_is_kept_as_it_was_edited() {
    skip_without_packaging!();
    let place = Dist::of_this_build().unwrap().unpacked().unwrap();
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).unwrap();
    assert_eq!(read("DEBIAN/conffiles"), "/etc/gateway/gateway.toml\n");
    assert_eq!(
        read("etc/gateway/gateway.toml"),
        read("usr/share/gateway/gateway.toml")
    );
    for script in ["postinst", "prerm", "postrm"] {
        let script = place.path().join("DEBIAN").join(script);
        output_of(Command::new("sh").arg("-n").arg(script)).unwrap();
    }
}

#[test]
fn what_the_programs_load_is_named_as_dependencies() {
    skip_without_packaging!();
    let package = Dist::of_this_build().unwrap().package().unwrap();
    let mut command = Command::new("dpkg-deb");
    let depends = output_of(command.arg("--field").arg(package).arg("Depends")).unwrap();
    for name in ["libc6 (>=", "libelf1", "zlib1g", "systemd"] {
        assert!(depends.contains(name), "no {name}: {depends}");
    }
}

/// What Debian's own checker calls errors.
#[test]
fn lintian_finds_no_error() {
    skip_without_packaging!();
    skip_without!("lintian");
    let package = Dist::of_this_build().unwrap().package().unwrap();
    let mut command = Command::new("lintian");
    command.args(["--fail-on", "error,warning", "--allow-root"]);
    let ended = output(command.arg(package)).unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}");
}
