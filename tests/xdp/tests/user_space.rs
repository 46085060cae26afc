//! The fixtures through the parser and the table that the service uses: it must judge as the XDP program does.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;

use gateway::ingest::{Lookup, StreamTable};
use gateway_test_xdp::fixtures::{all, streams};
use gateway_wire::parse;
use gateway_wire::shared::{Note, Verdict};

#[test]
fn user_space_judges_each_fixture_as_the_program_does() {
    let table = StreamTable::new(&streams());
    for fixture in all() {
        let (verdict, vlans) = match parse(&fixture.frame[..]) {
            Err(reject) => (reject.into(), 0),
            Ok(packet) => {
                assert!(packet.payload(&fixture.frame).is_some(), "{}", fixture.name);
                let verdict =
                    match table.find(packet.destination, packet.destination_port, packet.source) {
                        Lookup::Found(_) => Verdict::Redirected,
                        Lookup::WrongSource => Verdict::SourceRefused,
                        Lookup::Unknown => Verdict::UnknownStream,
                    };
                (verdict, packet.vlan_count)
            }
        };
        assert_eq!(verdict, fixture.verdict, "{}", fixture.name);
        let expected = match fixture.note {
            Some(Note::OneVlan) => 1,
            Some(Note::TwoVlans) => 2,
            _ => 0,
        };
        assert_eq!(vlans, expected, "{}", fixture.name);
    }
}

#[test]
fn each_fixture_has_its_own_name_and_each_verdict_a_fixture() {
    let fixtures = all();
    let names: HashSet<_> = fixtures.iter().map(|fixture| fixture.name).collect();
    assert_eq!(names.len(), fixtures.len());
    assert!(names.len() >= 25);
    for verdict in Verdict::ALL
        .into_iter()
        .filter(|verdict| *verdict != Verdict::NoSocket)
    {
        assert!(
            fixtures.iter().any(|fixture| fixture.verdict == verdict),
            "{}",
            verdict.name()
        );
    }
}
