//! The crates that are linked into what is distributed, as cargo resolved them for this machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{shell, workspace};

/// What is distributed.
const ROOTS: [&str; 3] = ["gateway", "gateway-client-c", "gateway-sim"];

/// A crate.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) license: Option<String>,
    pub(super) description: Option<String>,
    pub(super) repository: Option<String>,
    /// `None` for a crate of this workspace.
    pub(super) source: Option<String>,
    manifest_path: PathBuf,
}

impl Package {
    /// Where its source lies.
    pub(super) fn folder(&self) -> PathBuf {
        self.manifest_path
            .parent()
            .map(PathBuf::from)
            .unwrap_or_default()
    }

    /// Its address as <https://github.com/package-url/purl-spec> has it.
    pub(super) fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `None` for a normal one, else `dev` or `build`.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// All of them, and who links whom.
pub(super) struct Inventory {
    /// By id, sorted by name and version.
    pub(super) packages: Vec<Package>,
    /// Ids of what each links directly.
    pub(super) links: BTreeMap<String, BTreeSet<String>>,
    /// SHA-256 of each crate's archive, by name and version.
    pub(super) checksums: BTreeMap<(String, String), String>,
}

impl Inventory {
    /// Asks cargo, without the network.
    pub(super) fn read() -> Result<Self> {
        let target = target()?;
        let mut command = Command::new(workspace::cargo());
        command.current_dir(workspace::root()).args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &target,
        ]);
        let metadata = shell::output_of(&mut command)?;
        let metadata = serde_json::from_str(&metadata).context("cargo metadata")?;
        let lock = fs::read_to_string(workspace::root().join("Cargo.lock"))
            .context("cannot read Cargo.lock")?;
        let lock: Lock = toml::from_str(&lock).context("Cargo.lock")?;
        Ok(Self::of(metadata, lock))
    }

    /// What the roots link, directly or through others. Of build scripts and procedural macros nothing is in the result.
    fn of(metadata: Metadata, lock: Lock) -> Self {
        let nodes: BTreeMap<&str, &Node> = metadata
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        let mut links: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut waiting: VecDeque<String> = metadata
            .packages
            .iter()
            .filter(|package| package.source.is_none() && ROOTS.contains(&package.name.as_str()))
            .map(|package| package.id.clone())
            .collect();
        while let Some(id) = waiting.pop_front() {
            if links.contains_key(&id) {
                continue;
            }
            let linked: BTreeSet<String> = nodes
                .get(id.as_str())
                .into_iter()
                .flat_map(|node| &node.deps)
                .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none()))
                .map(|dependency| dependency.pkg.clone())
                .collect();
            waiting.extend(linked.iter().cloned());
            links.insert(id, linked);
        }
        let mut packages = metadata.packages;
        packages.retain(|package| links.contains_key(&package.id));
        packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        let checksums = lock
            .package
            .into_iter()
            .filter_map(|locked| Some(((locked.name, locked.version), locked.checksum?)))
            .collect();
        Self {
            packages,
            links,
            checksums,
        }
    }

    /// The version of the product.
    pub(super) fn version(&self) -> Result<&str> {
        let gateway = self
            .packages
            .iter()
            .find(|package| package.name == "gateway" && package.source.is_none());
        Ok(&gateway.context("the workspace has no gateway")?.version)
    }

    /// Others' crates.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.source.is_some())
    }
}

/// What rustc builds for.
fn target() -> Result<String> {
    let text = shell::output_of(
        Command::new("rustc")
            .arg("-vV")
            .current_dir(workspace::root()),
    )?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_linked_counts_and_what_only_builds_or_tests_does_not() {
        let package = |name: &str, source: Option<&str>| {
            serde_json::json!({
                "id": name, "name": name, "version": "1.0.0", "license": "MIT", "description": null,
                "repository": null, "source": source, "manifest_path": format!("/x/{name}/Cargo.toml"),
            })
        };
        let dependency = |name: &str, kinds: &[Option<&str>]| {
            let kinds: Vec<_> = kinds
                .iter()
                .map(|kind| serde_json::json!({ "kind": kind }))
                .collect();
            serde_json::json!({ "pkg": name, "dep_kinds": kinds })
        };
        let metadata = serde_json::json!({
            "packages": [
                package("gateway", None), package("serde", Some("registry")), package("itoa", Some("registry")),
                package("proptest", Some("registry")), package("cc", Some("registry")), package("bench", None),
            ],
            "resolve": { "nodes": [
                { "id": "gateway", "deps": [
                    dependency("serde", &[None, Some("dev")]), dependency("proptest", &[Some("dev")]),
                    dependency("cc", &[Some("build")]),
                ] },
                { "id": "serde", "deps": [dependency("itoa", &[None])] },
                { "id": "itoa", "deps": [] },
                { "id": "bench", "deps": [dependency("proptest", &[None])] },
            ] },
        });
        let lock = "[[package]]\nname = \"itoa\"\nversion = \"1.0.0\"\nchecksum = \"ab\"\n";
        let inventory = Inventory::of(
            serde_json::from_value(metadata).unwrap(),
            toml::from_str(lock).unwrap(),
        );
        let names: Vec<&str> = inventory.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["gateway", "itoa", "serde"]);
        assert_eq!(inventory.version().unwrap(), "1.0.0");
        assert_eq!(inventory.foreign().count(), 2);
        let key = ("itoa".to_owned(), "1.0.0".to_owned());
        assert_eq!(inventory.checksums[&key], "ab");
    }
}
