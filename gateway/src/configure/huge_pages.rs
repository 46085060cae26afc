//! Huge pages for packet memory, queues, order indices and books.
//!
//! All of these take pages of 2 MiB while there are any, in the order of the start: with too few, packet memory is left
//! without. Hence the sum of all. Pages that other programs use count as there; `others_mib` of the profile adds theirs.

use super::plan::{Plan, Stage, Wanted, uses_af_xdp};
use super::setting::{Setting, Wish};
use crate::config::Config;
use crate::config::model::Records;
use crate::ingest::Queues;

pub(super) const STAGE: Stage = Stage {
    name: "huge-pages",
    about: "huge pages for packets, queues and books",
    wanted,
};

const PAGE: u64 = 2 << 20;
/// Packet memory of an entry of the receive ring: a frame of 4096 bytes for it, and two for the fill ring.
const RING_ENTRY: u64 = 3 * 4096;
const SLOT: u64 = 64;
const RESTING_ORDER: u64 = 40;
const BOOK_INSTRUMENT: u64 = 2048;
const BOOK_ORDER: u64 = 37;
const BOOK_LEVEL: u64 = 100;

fn wanted(plan: &Plan<'_>) -> Wanted {
    let mut all = Wanted::default();
    let profile = &plan.profile.huge_pages;
    if profile.reserve != Some(true) {
        return all;
    }
    let packets = plan.interfaces().filter(|(i, _)| uses_af_xdp(i));
    let packets = packets.map(|(interface, _)| {
        let queues = match &interface.queues {
            Queues::Only(queues) => queues.len() as u64,
            Queues::All => {
                let set = plan.profile.channels.receive;
                set.or_else(|| plan.machine.receive_queues(&interface.name))
                    .map_or(1, u64::from)
            }
        };
        queues * pages(u64::from(interface.rx_ring) * RING_ENTRY)
    });
    let others = profile.others_mib.unwrap_or(0).div_ceil(2);
    let pages = packets.sum::<u64>() + memory(plan.config) + others;
    all.wish(Wish::at_least(Setting::HugePages, pages));
    all
}

/// Pages of what does not depend on interfaces.
fn memory(config: &Config) -> u64 {
    let queues = config.queues.iter().filter(|queue| queue.huge_pages);
    let queues: u64 = queues.map(|queue| pages(queue.slots * SLOT)).sum();
    let indexed = (0..).zip(&config.channels).filter(|(index, _)| {
        let mut of_it = config.queues.iter().filter(|q| q.channels.contains(index));
        of_it.any(|queue| queue.records == Records::Full)
    });
    let indices: u64 = indexed
        .map(|(_, channel)| pages(u64::from(channel.orders_max) * RESTING_ORDER))
        .sum();
    let books: u64 = config
        .books
        .iter()
        .map(|book| {
            pages(u64::from(book.instruments_max) * BOOK_INSTRUMENT)
                + pages(u64::from(book.orders_max) * BOOK_ORDER)
                + pages(u64::from(book.levels_max) * BOOK_LEVEL)
        })
        .sum();
    queues + indices + books
}

const fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE)
}
