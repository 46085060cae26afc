//! The software bill of materials: CycloneDX 1.5 (<https://cyclonedx.org/docs/1.5/json/>).
//!
//! It is made from `cargo metadata`, like `cargo-cyclonedx` does it: a crate less to install, one list for all programs and
//! libraries of the package, and nothing in it that changes from build to build (no serial number, no time of day).

use anyhow::Result;
use serde_json::{Value, json};

use super::Release;
use super::inventory::{Inventory, Package};

/// The document.
pub(super) fn text(release: &Release, inventory: &Inventory) -> Result<String> {
    let mut components: Vec<Value> = inventory
        .packages
        .iter()
        .filter(|package| !is_product(package))
        .map(|package| component(package, inventory))
        .collect();
    components.extend(bundled(inventory));
    let dependencies: Vec<Value> = inventory
        .packages
        .iter()
        .map(|package| {
            let mut on: Vec<String> = inventory
                .packages
                .iter()
                .filter(|other| inventory.links[&package.id].contains(&other.id))
                .map(reference)
                .collect();
            if package.name == BRINGS_BUNDLED {
                on.extend(
                    bundled(inventory)
                        .iter()
                        .map(|one| one["bom-ref"].as_str().unwrap_or_default().to_owned()),
                );
            }
            json!({ "ref": reference(package), "dependsOn": on })
        })
        .collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": release.epoch.formatted("+%Y-%m-%dT%H:%M:%SZ")?,
            "component": {
                "type": "application",
                "bom-ref": PRODUCT,
                "name": "gateway",
                "version": release.version,
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// The crate whose archive holds C libraries.
const BRINGS_BUNDLED: &str = "libxdp-sys";
/// What the document calls the product itself.
const PRODUCT: &str = "gateway";

fn is_product(package: &Package) -> bool {
    package.source.is_none() && package.name == "gateway"
}

/// How the document refers to a crate.
fn reference(package: &Package) -> String {
    if is_product(package) {
        PRODUCT.to_owned()
    } else {
        package.purl()
    }
}

fn component(package: &Package, inventory: &Inventory) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
        "scope": "required",
        "purl": package.purl(),
    });
    if let Some(description) = &package.description {
        component["description"] = json!(description.trim());
    }
    if let Some(license) = &package.license {
        // Crates from before SPDX write "MIT/Apache-2.0" and mean a choice.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    let key = (package.name.clone(), package.version.clone());
    if let (Some(checksum), Some(_)) = (inventory.checksums.get(&key), &package.source) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// C libraries that a crate's archive holds; libxdp's version is the crate's build metadata.
fn bundled(inventory: &Inventory) -> Vec<Value> {
    let brings = inventory
        .packages
        .iter()
        .find(|package| package.name == BRINGS_BUNDLED);
    let Some(version) = brings.and_then(|package| package.version.split_once('+')) else {
        return Vec::new();
    };
    ["libxdp", "libbpf"]
        .map(|name| {
            let mut component = json!({
                "type": "library",
                "bom-ref": format!("bundled:{name}"),
                "name": name,
                "scope": "required",
                "licenses": [{ "expression": "LGPL-2.1-only OR BSD-2-Clause" }],
            });
            if name == "libxdp" {
                component["version"] = json!(version.1);
            }
            component
        })
        .to_vec()
}
