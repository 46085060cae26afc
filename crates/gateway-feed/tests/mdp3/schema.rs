//! Our description of the schema against CME's own file, where it is there: version 9.

use std::collections::BTreeMap;

use gateway_feed::mdp3::sbe::{BlockSpec, FieldSpec, GROUP, GROUP_8};
use gateway_feed::mdp3::schema::{HEARTBEAT, TEMPLATES, UNVIEWED};
use gateway_test_support::data::find_or_skip;

const VERSION: u16 = 9;
/// Versions before this one are not read, so what they added was always there.
const OLDEST: u16 = 5;

/// The attributes of a tag: the file has one tag a line.
fn attributes(line: &str) -> BTreeMap<&str, &str> {
    let mut parts = line.split('"');
    let mut attributes = BTreeMap::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let name = name.rsplit([' ', '<']).next().unwrap();
        attributes.insert(name.trim_end_matches('='), value);
    }
    attributes
}

/// Size, decimal places, and whether one value says that there is none, of each type.
fn type_of(name: &str) -> (usize, Option<u8>, bool) {
    let (size, decimals) = match name {
        "CHAR" | "Int8" | "Int8NULL" | "uInt8" | "uInt8NULL" => (1, None),
        "MatchEventIndicator" | "SecurityUpdateAction" | "SecurityTradingStatus" => (1, None),
        "PutOrCall" | "SettlPriceType" | "EventType" | "LegSide" | "HaltReason" => (1, None),
        "MDUpdateAction" | "MDEntryType" | "MDEntryTypeBook" | "OrderUpdateAction" => (1, None),
        "MDEntryTypeDailyStatistics" | "MDEntryTypeStatistics" | "AggressorSide" => (1, None),
        "OpenCloseSettlFlag" | "SecurityTradingEvent" | "UserDefinedInstrument" => (1, None),
        "Int16" | "LocalMktDate" => (2, None),
        "Currency" | "MDFeedType" => (3, None),
        "Int32" | "Int32NULL" | "uInt32" | "uInt32NULL" | "InstAttribValue" => (4, None),
        "SecurityExchange" => (4, None),
        "DecimalQty" => (4, Some(4)),
        "MaturityMonthYear" | "SecuritySubType" => (5, None),
        "Asset" | "CFICode" | "SecurityGroup" | "SecurityType" => (6, None),
        "uInt64" | "uInt64NULL" => (8, None),
        "PRICE" | "PRICENULL" | "FLOAT" => (8, Some(7)),
        "PRICE9" | "PRICENULL9" | "Decimal9" | "Decimal9NULL" => (8, Some(9)),
        "Symbol" | "UnderlyingSymbol" => (20, None),
        "UnitOfMeasure" => (30, None),
        other => panic!("the file has a type {other}"),
    };
    let optional = name.contains("NULL")
        || ["LocalMktDate", "DecimalQty", "AggressorSide"].contains(&name)
        || ["OpenCloseSettlFlag", "SecurityTradingStatus"].contains(&name);
    (size, decimals, optional)
}

fn since(attributes: &BTreeMap<&str, &str>) -> u16 {
    let since = attributes
        .get("sinceVersion")
        .map_or(0, |text| text.parse().unwrap());
    if since <= OLDEST { 0 } else { since }
}

/// Checks that `spec` has the field of a tag.
fn check(
    place: &str,
    tag: &BTreeMap<&str, &str>,
    spec: &BlockSpec,
    since_template: u16,
    decimals: u8,
) {
    let Some(offset) = tag.get("offset") else {
        return; // A constant takes no bytes.
    };
    let place = format!("{place}.{}", tag["name"]);
    let offset: usize = offset.parse().unwrap();
    let (size, places, optional) = type_of(tag["type"]);
    let at = |offset: usize| -> &FieldSpec {
        let found = spec.fields.iter().find(|field| field.offset == offset);
        found.unwrap_or_else(|| panic!("{place}: nothing at {offset}"))
    };
    if tag["type"] == "MaturityMonthYear" {
        let sizes = [0, 2, 3, 4].map(|part| at(offset + part).size);
        assert_eq!(sizes, [2, 1, 1, 1], "{place}");
        return;
    }
    let field = at(offset);
    assert_eq!(field.size, size, "{place} ({})", field.name);
    // One generation of a template may have a null where the other has none: then the description, which is both's, has it.
    let generations = TEMPLATES.iter().filter(|template| {
        let entries = template.groups.iter().map(|group| group.entry.fields);
        let mut blocks = entries.chain([template.root.fields]);
        blocks.any(|fields| std::ptr::eq(fields, spec.fields))
    });
    let lenient = field.optional && generations.count() > 1;
    assert!(
        field.optional == optional || lenient,
        "{place} ({}): null",
        field.name
    );
    // A template that is younger than the field always has it.
    let since = since(tag);
    let since = if since <= since_template { 0 } else { since };
    let told = if field.since <= since_template {
        0
    } else {
        field.since
    };
    assert_eq!(told, since, "{place}: since");
    match places {
        Some(4) | None => {}
        places => assert_eq!(places, Some(decimals), "{place}: decimals"),
    }
}

#[test]
fn the_description_agrees_with_the_exchanges_file_field_by_field() {
    let Some(path) = find_or_skip("cme-mdp3/templates_FixBinary_v9.xml") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let (mut templates, mut fields) = (0, 0);
    let mut message: Option<(u16, u16)> = None;
    let mut group: Option<usize> = None;
    let mut groups = 0;
    let spec_of = |id: u16| TEMPLATES.iter().find(|spec| spec.id == id);
    for line in text.lines().map(str::trim) {
        let tag = attributes(line);
        if line.starts_with("<ns2:message ") {
            let id = tag["id"].parse().unwrap();
            message = None;
            (group, groups) = (None, 0);
            templates += 1;
            if id == HEARTBEAT || UNVIEWED.contains(&id) {
                continue;
            }
            let spec = spec_of(id).unwrap_or_else(|| panic!("template {id} is not described"));
            let length: usize = tag["blockLength"].parse().unwrap();
            assert_eq!(spec.root.length(VERSION), length, "template {id}");
            message = Some((id, since(&tag)));
        } else if line.starts_with("</ns2:message") {
            if let Some((id, _)) = message {
                assert_eq!(spec_of(id).unwrap().groups.len(), groups, "groups of {id}");
            }
            message = None;
        } else if let Some((id, since_template)) = message {
            let spec = spec_of(id).unwrap();
            if line.starts_with("<group ") {
                let described = &spec.groups[groups];
                let header = match tag["dimensionType"] {
                    "groupSize" => GROUP,
                    "groupSize8Byte" => GROUP_8,
                    other => panic!("{other}"),
                };
                assert_eq!(described.header, header, "template {id}, group {groups}");
                let length: usize = tag["blockLength"].parse().unwrap();
                assert_eq!(
                    described.entry.length(VERSION),
                    length,
                    "template {id}, group {groups}"
                );
                let told = if described.since <= since_template {
                    0
                } else {
                    described.since
                };
                let there = if since(&tag) <= since_template {
                    0
                } else {
                    since(&tag)
                };
                assert_eq!(told, there, "template {id}, group {groups}");
                group = Some(groups);
                groups += 1;
            } else if line.starts_with("</group") {
                group = None;
            } else if line.starts_with("<field ") {
                fields += 1;
                let block = group.map_or(&spec.root, |index| &spec.groups[index].entry);
                check(
                    &format!("template {id}"),
                    &tag,
                    block,
                    since_template,
                    spec.decimals,
                );
            }
        }
    }
    assert_eq!((templates, fields), (29, 537), "all of the file was read");
}

#[test]
fn templates_are_described_once() {
    let mut ids: Vec<u16> = TEMPLATES.iter().map(|spec| spec.id).collect();
    ids.extend(UNVIEWED);
    ids.push(HEARTBEAT);
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(ids.iter().all(|id| *id < 256), "counted by a byte");
}
