//! More groups on one worker: each packet is looked up by its addresses, as the way in does it, and its messages published.

use std::hint::black_box;
use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use gateway::ingest::{Lookup, Stream, StreamTable};
use gateway_guard::inputs;

use super::lanes::Lanes;
use crate::{
    flow::Packets,
    harness::{Case, Run},
    report::Row,
};

/// Packets of a run, of one message each.
const PACKETS: usize = 300_000;
const RESTING: u32 = 60_000;
const SYMBOLS: u32 = 8_000;
const GROUPS: [u32; 3] = [1, 100, 1_000];
const PORT: u16 = 26_400;
const SOURCE: [u8; 4] = [10, 77, 0, 1];

fn group(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(239, 77, 0, 0)) + number)
}

/// Which group each packet came by: in no order that a branch predictor learns.
fn groups_of_packets(groups: u32) -> Vec<[u8; 4]> {
    let draw = |number: usize| {
        let mixed = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        group(((mixed * u64::from(groups)) >> 32) as u32).octets()
    };
    (0..PACKETS).map(draw).collect()
}

fn table(groups: u32) -> StreamTable {
    let streams: Vec<Stream> = (0..groups)
        .map(|number| Stream {
            group: group(number),
            port: PORT,
            sources: Vec::new(),
        })
        .collect();
    StreamTable::new(&streams)
}

/// A worker behind the opening, with a channel that every group leads to.
fn opened(opening: &Packets) -> Result<Lanes> {
    let mut lanes = Lanes::new(&[RESTING + RESTING / 100])?;
    let mut stamp = lanes.now();
    for packet in opening.iter() {
        lanes.take(0, packet, &mut stamp);
    }
    Ok(lanes)
}

/// Steers and takes all packets; returns how many messages they brought.
fn take(lanes: &mut Lanes, table: &StreamTable, groups: &[[u8; 4]], packets: &Packets) -> u64 {
    let before = lanes.messages();
    let mut stamp = lanes.now();
    for (packet, group) in packets.iter().zip(groups) {
        if let Lookup::Found(stream) = table.find(black_box(*group), PORT, SOURCE) {
            // All streams are of one channel: what is compared is finding them.
            black_box(stream);
            lanes.take(0, packet, &mut stamp);
        }
    }
    lanes.messages() - before
}

/// Measures each number of groups.
///
/// # Errors
/// When memory or a queue cannot be had.
pub(super) fn groups(runs: usize) -> Result<Vec<Row>> {
    let day = inputs::day(inputs::SEED, SYMBOLS, RESTING, PACKETS);
    let opening = Packets::pack(day.opening.iter(), 30, 1)?;
    let packets = Packets::pack(day.market.iter(), 1, opening.next())?;
    let points: Vec<(u32, StreamTable, Vec<[u8; 4]>)> = GROUPS
        .iter()
        .map(|&groups| (groups, table(groups), groups_of_packets(groups)))
        .collect();
    let mut cases = Vec::new();
    for (count, table, of_packets) in &points {
        let messages = take(&mut opened(&opening)?, table, of_packets, &packets);
        ensure!(
            messages == PACKETS as u64,
            "{messages} of {PACKETS} messages with {count} groups"
        );
        let (opening, packets) = (&opening, &packets);
        let name = format!("full records, 1 message a packet, groups of one worker: {count}");
        cases.push(Case::prepared(name, move || {
            let lanes = opened(opening);
            Run::timed(|| lanes.map_or(0, |mut lanes| take(&mut lanes, table, of_packets, packets)))
        }));
    }
    Ok(super::rows(&mut cases, runs))
}
