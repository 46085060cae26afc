//! Queues: each lives on one worker.

use gateway_feed::class::Classes;

use super::super::document::{Field, Findings, nearest};
use super::super::model::{Channel, Feed, Queue, Records};
use super::super::raw::{RawConfig, RawQueue};
use super::{Names, text};

/// Slots of 64 bytes: 64 Ki are 4 MiB.
const SLOTS_DEFAULT: u64 = 65_536;
/// From the fewest that hold the longest record in a sixteenth, to 4 GiB.
const SLOTS: std::ops::RangeInclusive<u64> = 1024..=1 << 26;
/// Queues a worker can feed: one bit each in an instrument's mask, and one bit to spare.
pub(super) const QUEUES_PER_WORKER_MAX: usize = 63;
/// Longest pattern in `symbols`.
const PATTERN_MAX: usize = 64;

/// Every queue, with channels and worker resolved.
pub(super) fn queues(raw: &RawConfig, channels: &[Channel], findings: &Findings) -> Vec<Queue> {
    Names::collect(
        "queue",
        raw.queues.iter().map(|q| q.name.as_ref()),
        findings,
    );
    let unchecked = Findings::default();
    let names = Names::collect(
        "channel",
        raw.channels.iter().map(|c| c.name.as_ref()),
        &unchecked,
    );
    let mut of_worker = std::collections::HashMap::<usize, usize>::new();
    raw.queues
        .iter()
        .map(|queue| {
            let (indices, worker) = members(queue, raw, channels, &names, findings);
            let count = of_worker.entry(worker).or_default();
            *count += 1;
            if *count == QUEUES_PER_WORKER_MAX + 1
                && let Some(name) = &queue.name
            {
                findings.add(
                    &name.place,
                    format!("a worker feeds at most {QUEUES_PER_WORKER_MAX} queues"),
                    "move some channels and their queues to another worker",
                );
            }
            Queue {
                name: text(queue.name.as_ref(), ""),
                channels: indices,
                worker,
                slots: slots(queue.slots.as_ref(), findings),
                records: records(queue.records.as_ref(), findings),
                symbols: symbols(queue.symbols.as_ref(), findings),
                classes: classes(queue.classes.as_ref(), findings),
                huge_pages: queue.huge_pages.as_ref().is_some_and(|f| f.value),
            }
        })
        .collect()
}

fn members(
    queue: &RawQueue,
    raw: &RawConfig,
    channels: &[Channel],
    names: &Names<'_>,
    findings: &Findings,
) -> (Vec<usize>, usize) {
    let Some(field) = &queue.channels else {
        return (Vec::new(), 0);
    };
    let mut indices: Vec<usize> = Vec::new();
    for written in &field.value {
        let Some(index) = names.resolve(written, &field.place, findings) else {
            continue;
        };
        if indices.contains(&index) {
            findings.add(
                &field.place,
                format!("\"{written}\" stands here twice"),
                "name each channel once",
            );
            continue;
        }
        indices.push(index);
    }
    if field.value.is_empty() {
        findings.add(
            &field.place,
            "a queue without channels stays empty",
            "name at least one [[channel]]",
        );
    }
    let worker = indices.first().map_or(0, |first| channels[*first].worker);
    if let Some(other) = indices.iter().find(|i| channels[**i].worker != worker) {
        let name = |index: usize| {
            let worker = raw.channels[index].worker.as_ref();
            worker.map_or("", |field| field.value.as_str())
        };
        findings.add(
            &field.place,
            format!(
                "\"{}\" lives on worker \"{}\" and \"{}\" on \"{}\"; a queue has one producer",
                channels[indices[0]].name,
                name(indices[0]),
                channels[*other].name,
                name(*other),
            ),
            "make one queue for each worker (a strategy may subscribe to several), or move the channels to one worker",
        );
    }
    // Nasdaq and CME number instruments for all their channels; elsewhere each channel's decoder does, from 1.
    let numbers_itself =
        |index: &&usize| !matches!(channels[**index].feed, Feed::NasdaqItch50 | Feed::CmeMdp3);
    let mut own = indices.iter().filter(numbers_itself);
    let is_twice = |index: &usize| {
        let publisher = channels[*index].publisher();
        let mut others = indices.iter().filter(|other| *other != index);
        others.any(|other| channels[*other].publisher() == publisher)
    };
    if own.any(is_twice) {
        findings.warn(
            &field.place,
            "it carries several channels of one publisher that number their instruments each for itself, and quotations, \
             statuses and imbalances do not say which channel they are of",
            "make one queue for each channel; a strategy may subscribe to several",
        );
    }
    (indices, worker)
}

pub(super) fn slots(field: Option<&Field<u64>>, findings: &Findings) -> u64 {
    let Some(field) = field else {
        return SLOTS_DEFAULT;
    };
    if field.value.is_power_of_two() && SLOTS.contains(&field.value) {
        return field.value;
    }
    let near = field.value.clamp(*SLOTS.start(), *SLOTS.end());
    let near = near.checked_next_power_of_two().unwrap_or(*SLOTS.end());
    findings.add(
        &field.place,
        "not a number of slots that a ring can have",
        format!(
            "give a power of two from {} to {}, for instance {near} ({} KiB)",
            SLOTS.start(),
            SLOTS.end(),
            near / 16
        ),
    );
    SLOTS_DEFAULT
}

fn records(field: Option<&Field<String>>, findings: &Findings) -> Records {
    match field.map(|field| (field, field.value.as_str())) {
        None | Some((_, "full")) => Records::Full,
        Some((_, "plain")) => Records::Plain,
        Some((_, "native")) => Records::Native,
        Some((field, _)) => {
            findings.add(
                &field.place,
                "not a kind of records",
                "write \"full\", \"plain\" or \"native\"",
            );
            Records::Full
        }
    }
}

fn symbols(field: Option<&Field<Vec<String>>>, findings: &Findings) -> Vec<String> {
    let Some(field) = field else {
        return vec!["*".to_owned()];
    };
    if field.value.is_empty() {
        findings.add(
            &field.place,
            "no symbol matches an empty list",
            "write [\"*\"] for all, or list symbols and globs",
        );
    }
    for pattern in &field.value {
        let printable = pattern.bytes().all(|byte| byte.is_ascii_graphic());
        if pattern.is_empty() || pattern.len() > PATTERN_MAX || !printable {
            findings.add(
                &field.place,
                format!("{pattern:?} is not a symbol or a glob"),
                "write symbols as the venue does, with * ? [a-z] {A,B} as wildcards",
            );
        } else if let Err(reason) = balanced(pattern) {
            findings.add(
                &field.place,
                format!("\"{pattern}\" is not a glob: {reason}"),
                "close what is open, or put a backslash before a literal bracket",
            );
        }
    }
    field.value.clone()
}

fn classes(field: Option<&Field<Vec<String>>>, findings: &Findings) -> Classes {
    let Some(field) = field else {
        return Classes::ALL;
    };
    let names = Classes::NAMED.map(|(name, _)| name);
    let mut chosen = Classes::NONE;
    for written in &field.value {
        match Classes::NAMED.iter().find(|(name, _)| name == written) {
            Some((_, class)) => chosen = chosen | *class,
            None => {
                let remedy = nearest(written, names.into_iter()).map_or_else(
                    || format!("use one of: {}", names.join(", ")),
                    |near| format!("did you mean \"{near}\"?"),
                );
                findings.add(
                    &field.place,
                    format!("there is no class \"{written}\""),
                    remedy,
                );
            }
        }
    }
    if field.value.is_empty() {
        findings.add(
            &field.place,
            "a queue without classes has nothing but control records",
            "leave the key out for all classes; write [\"control\"] for none but those about the channel",
        );
    }
    chosen
}

/// The glob library takes any pattern and matches nothing with a broken one; say so instead.
fn balanced(pattern: &str) -> Result<(), &'static str> {
    let mut bytes = pattern.bytes();
    let mut braces = 0usize;
    let mut class = false;
    while let Some(byte) = bytes.next() {
        match (byte, class) {
            (b'\\', _) => {
                bytes.next().ok_or("a backslash ends it")?;
            }
            (b'[', false) => class = true,
            (b']', true) => class = false,
            (b'{', false) => braces += 1,
            (b'}', false) => braces = braces.checked_sub(1).ok_or("a brace closes nothing")?,
            _ => {}
        }
    }
    match (class, braces) {
        (false, 0) => Ok(()),
        (true, _) => Err("a bracket stays open"),
        (_, _) => Err("a brace stays open"),
    }
}
