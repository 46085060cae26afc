//! The licences of what others wrote: name, version, terms, and the texts that came with their source.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::Result;

use super::inventory::{Inventory, Package};

/// Code that is linked in without being a crate: where its licences lie in the crate that brings it.
const BUNDLED: &str = "\
libbpf and libxdp (LGPL-2.1-only OR BSD-2-Clause) come with the crate libxdp-sys and are linked in under BSD-2-Clause.
";

/// The text of all of them. Equal licence texts stand once, behind the names of those they are of.
pub(super) fn text(inventory: &Inventory) -> Result<String> {
    let mut text = String::from(
        "What others wrote and what is linked into the programs and libraries of this package.\n\n",
    );
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in inventory.foreign() {
        let name = format!("{} {}", package.name, package.version);
        let terms = package.license.as_deref().unwrap_or("see its text");
        let from = package.repository.as_deref().unwrap_or("crates.io");
        let _ = writeln!(text, "{name}: {terms} ({from})");
        for licence in licences(package) {
            texts.entry(licence).or_default().push(name.clone());
        }
    }
    let _ = writeln!(text, "\n{BUNDLED}");
    let mut texts: Vec<(String, Vec<String>)> = texts.into_iter().collect();
    texts.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    for (licence, names) in texts {
        let _ = writeln!(
            text,
            "{}\n{}\n\n{licence}\n",
            "-".repeat(80),
            names.join(", ")
        );
    }
    Ok(text)
}

/// The licence files beside a crate's manifest.
fn licences(package: &Package) -> Vec<String> {
    let Ok(entries) = fs::read_dir(package.folder()) else {
        return Vec::new();
    };
    let is_licence = |name: &str| {
        let name = name.to_ascii_uppercase();
        ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(is_licence)
        })
        .collect();
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| fs::read(path).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
        .collect()
}
