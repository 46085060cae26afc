//! `docs/deploy.md` says of drivers what the gateway's own rules say.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use gateway::ingest::allow::{Platform, ruled_out};
use gateway::ingest::filter_table::{Beyond, FilterTable, filter_table};
use gateway::ingest::netdev::{KernelVersion, XdpFeatures};
use gateway::ingest::{Tier, mtu};

/// A line of the table of drivers.
#[derive(Debug)]
struct Row<'a> {
    driver: &'a str,
    native_since: &'a str,
    zero_copy_since: &'a str,
    best: &'a str,
    filter: &'a str,
    mtu: &'a str,
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [
        _,
        driver,
        _,
        native_since,
        zero_copy_since,
        best,
        filter,
        mtu,
        _,
        _,
    ] = cells[..]
    else {
        return None;
    };
    Some(Row {
        driver: driver.strip_prefix('`')?.strip_suffix('`')?,
        native_since,
        zero_copy_since,
        best,
        filter,
        mtu,
    })
}

/// What the driver reports on a new kernel, if it does all that the table says.
fn features(row: &Row<'_>) -> Option<XdpFeatures> {
    const BASIC: u64 = 1;
    const REDIRECT: u64 = 1 << 1;
    const ZERO_COPY: u64 = 1 << 3;
    match (row.native_since, row.zero_copy_since) {
        ("none", _) => Some(XdpFeatures::from_bits(0)),
        (_, "none") => Some(XdpFeatures::from_bits(BASIC | REDIRECT)),
        _ => Some(XdpFeatures::from_bits(BASIC | REDIRECT | ZERO_COPY)),
    }
}

fn best(row: &Row<'_>) -> Tier {
    let platform = Platform {
        driver: row.driver,
        kernel: KernelVersion::new(7, 3),
        features: features(row),
    };
    Tier::LADDER
        .into_iter()
        // Without zero-copy the kernel refuses, whatever the rules say.
        .filter(|&tier| tier != Tier::ZeroCopy || row.zero_copy_since != "none")
        .find(|&tier| ruled_out(tier, platform).is_none())
        .unwrap()
}

fn filter(driver: &str) -> String {
    match filter_table(driver) {
        None => "unknown".to_owned(),
        Some(FilterTable {
            beyond: Beyond::Fabric,
            ..
        }) => "the cloud's".to_owned(),
        Some(FilterTable {
            addresses_max,
            beyond,
        }) => {
            let holds = addresses_max.map_or("firmware's".to_owned(), |max| max.to_string());
            let then = match beyond {
                Beyond::Dropped => "dropped",
                Beyond::AllMulticast | Beyond::Fabric => "all groups",
            };
            format!("{holds}, then {then}")
        }
    }
}

#[test]
fn the_table_of_drivers_says_what_the_rules_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("docs/deploy.md")).unwrap();
    let rows: Vec<Row<'_>> = text.lines().filter_map(row).collect();
    assert!(rows.len() > 15, "only {} drivers", rows.len());
    for row in &rows {
        let driver = row.driver;
        assert_eq!(row.best, best(row).to_string(), "{row:?}");
        assert_eq!(row.filter, filter(driver), "{driver}");
        let limit = mtu::limit(driver).map_or("any".to_owned(), |bytes| bytes.to_string());
        assert_eq!(row.mtu, limit, "{driver}");
    }
    // What the rules know by name is in the table.
    for driver in [
        "mlx5_core",
        "iavf",
        "igbvf",
        "ixgbevf",
        "ice",
        "idpf",
        "ena",
        "virtio_net",
    ] {
        assert!(rows.iter().any(|row| row.driver == driver), "no {driver}");
    }
}
