//! Channels and their lines.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use super::super::document::{Field, Findings, nearest};
use super::super::model::{Channel, Feed, Input, Line, Venue, Worker};
use super::super::raw::{RawChannel, RawConfig, RawLine, RawRecovery};
use super::sharing::{SharedLine, Sharing};
use super::{Names, number, recovery, text};
use gateway_feed::itch50::OrderIndexConfig;
use gateway_feed::order_index::ORDERS_MAX;
use gateway_feed::session_time::SessionDate;

/// Lines a channel may have; venues have one, two or (with a backup site) four.
const LINES_MAX: usize = 4;
/// Channels at most: a record names its channel in one byte.
const CHANNELS_MAX: usize = 255;

/// Every channel, with worker and inputs resolved.
pub(super) fn channels(
    raw: &RawConfig,
    base: &Path,
    worker_names: &Names<'_>,
    workers: &[Worker],
    inputs: &Names<'_>,
    findings: &Findings,
) -> Vec<Channel> {
    // Called for what it reports: duplicate and unusable names. Queues collect them again to resolve theirs.
    Names::collect(
        "channel",
        raw.channels.iter().map(|c| c.name.as_ref()),
        findings,
    );
    if let Some(beyond) = raw.channels.get(CHANNELS_MAX) {
        findings.add(
            &beyond.place,
            format!("more than {CHANNELS_MAX} channels"),
            "run a second gateway with a configuration and a broker_socket of its own",
        );
    }
    let mut sharing = Sharing::default();
    let channels: Vec<Channel> = raw
        .channels
        .iter()
        .map(|channel| {
            let worker = channel
                .worker
                .as_ref()
                .and_then(|field| worker_names.resolve(&field.value, &field.place, findings));
            let reach = worker
                .and_then(|w| workers.get(w))
                .map_or(&[][..], |w| &w.inputs);
            let feed = feed(channel.feed.as_ref(), findings);
            let unit = unit(channel, feed, findings);
            let venue = venue(channel.venue.as_ref(), feed, findings);
            let carried = ((feed, venue), unit);
            let lines = lines(
                (channel, carried),
                raw,
                reach,
                inputs,
                &mut sharing,
                findings,
            );
            let on_gap = channel.on_gap.as_ref();
            let recovery = recovery::recovery(channel, feed, base, reach, findings);
            Channel {
                name: text(channel.name.as_ref(), ""),
                feed,
                venue,
                worker: worker.unwrap_or_default(),
                session_date: session_date(channel.session_date.as_ref(), findings),
                unit,
                lines,
                hold_timeout: Duration::from_micros(number(
                    channel.hold_timeout_us.as_ref(),
                    0..=10_000_000,
                    1000,
                    "microseconds",
                    findings,
                )),
                hold_packets_max: usize::try_from(number(
                    channel.hold_packets_max.as_ref(),
                    1..=65_536,
                    1024,
                    "packets",
                    findings,
                ))
                .unwrap_or(1024),
                on_gap: on_gap.map(|field| field.value.into()).unwrap_or_default(),
                recover_timeout: Duration::from_millis(number(
                    channel.recover_timeout_ms.as_ref(),
                    1..=600_000,
                    500,
                    "milliseconds",
                    findings,
                )),
                recover_packets_max: usize::try_from(number(
                    channel.recover_packets_max.as_ref(),
                    1..=262_144,
                    32_768,
                    "packets",
                    findings,
                ))
                .unwrap_or(32_768),
                stale_after: Duration::from_millis(number(
                    channel.stale_after_ms.as_ref(),
                    0..=3_600_000,
                    3_000,
                    "milliseconds",
                    findings,
                )),
                market_recovery_timeout: Duration::from_millis(number(
                    channel
                        .recovery
                        .as_ref()
                        .and_then(|raw| raw.market_recovery_timeout_ms.as_ref()),
                    1..=3_600_000,
                    300_000,
                    "milliseconds",
                    findings,
                )),
                recovery,
                symbols_file: channel.symbols_file.as_ref().map(|f| base.join(&f.value)),
                orders_max: number(
                    channel.orders_max.as_ref(),
                    1..=u64::from(ORDERS_MAX),
                    u64::from(OrderIndexConfig::default().orders_max),
                    "orders",
                    findings,
                ) as u32,
            }
        })
        .collect();
    recovery::sessions_differ(&raw.channels, &channels, findings);
    channels
}

fn lines(
    (channel, (feed, unit)): (&RawChannel, ((Feed, Venue), Option<u8>)),
    raw: &RawConfig,
    reach: &[Input],
    inputs: &Names<'_>,
    sharing: &mut Sharing,
    findings: &Findings,
) -> Vec<Line> {
    let beside = |take: fn(&RawRecovery) -> &Vec<RawLine>| {
        let lines = channel.recovery.iter().flat_map(take);
        lines.enumerate().map(|(index, line)| (line, index))
    };
    let of_answers =
        beside(|raw| &raw.gap_response).map(|(line, index)| (line, index, Some("gap")));
    let of_refreshes =
        beside(|raw| &raw.market_recovery).map(|(line, index)| (line, index, Some("recovery")));
    let of_definitions = beside(|raw| &raw.instrument_definition)
        .map(|(line, index)| (line, index, Some("definition")));
    let of_stream = channel.lines.iter().enumerate();
    let all: Vec<_> = of_stream
        .map(|(index, line)| (line, index, None))
        .chain(of_answers)
        .chain(of_refreshes)
        .chain(of_definitions)
        .collect();
    if channel.lines.is_empty() || all.len() > LINES_MAX {
        let mut place = channel.place.clone();
        place.key.push_str(".lines");
        findings.add(
            &place,
            format!("a channel has 1 to {LINES_MAX} lines, those of gap responses, market recovery and instrument definitions included, this one {}", all.len()),
            "add lines = [{ name = \"A\", group = \"239.1.1.1\", port = 5001 }], one for each group that carries it",
        );
    }
    let mut names: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for (line, index, beside) in all {
        let letter = char::from(b'A' + u8::try_from(index.min(25)).unwrap_or(25));
        let default = match beside {
            Some(kind) => format!("{kind}-{letter}"),
            None => letter.to_string(),
        };
        if let Some(field) = &line.name {
            super::check_name(field, findings);
            if names.contains(&field.value.as_str()) {
                findings.add(
                    &field.place,
                    "another line of this channel has this name",
                    "name them A and B",
                );
            }
            names.push(&field.value);
        }
        let line_inputs = line_inputs(line, raw, reach, inputs, findings);
        let group = group(line, findings);
        let port = port(line, findings);
        let sources = sources(line, findings);
        if let (Some(group), Some(port)) = (group, port) {
            for input in &line_inputs {
                let this = SharedLine {
                    written: line.place.line,
                    feed,
                    unit,
                    answers: beside.is_some(),
                    sources: sources.clone(),
                };
                if let Some((what, remedy)) = sharing.admit((group, port, *input), this) {
                    let place = line.group.as_ref().map_or(&line.place, |f| &f.place);
                    findings.add(place, what, remedy);
                    break;
                }
            }
        }
        lines.push(Line {
            name: text(line.name.as_ref(), &default),
            group: group.unwrap_or(Ipv4Addr::UNSPECIFIED),
            port: port.unwrap_or_default(),
            sources,
            inputs: line_inputs,
            answers: beside.is_some(),
        });
    }
    lines
}

fn line_inputs(
    line: &RawLine,
    raw: &RawConfig,
    reach: &[Input],
    inputs: &Names<'_>,
    findings: &Findings,
) -> Vec<Input> {
    let Some(field) = &line.input else {
        return reach.to_vec();
    };
    let Some(index) = inputs.resolve(&field.value, &field.place, findings) else {
        return Vec::new();
    };
    let input = match index.checked_sub(raw.interfaces.len()) {
        None => Input::Interface(index),
        Some(capture) => Input::Capture(capture),
    };
    if !reach.contains(&input) {
        findings.add(
            &field.place,
            "the channel's worker does not poll this input",
            "add it to the worker's inputs, or remove `input` to listen on all of them",
        );
    }
    vec![input]
}

/// An input on which no line arrives has no group to join and nothing to hand out.
pub(super) fn every_input_is_used(
    raw: &RawConfig,
    worker_names: &Names<'_>,
    inputs: &Names<'_>,
    workers: &[Worker],
    channels: &[Channel],
    findings: &Findings,
) {
    let unknown = |names: &Names<'_>, field: &Option<Field<String>>| {
        field
            .as_ref()
            .is_some_and(|field| !names.knows(&field.value))
    };
    // A reference that leads nowhere is reported already, and might have meant any input.
    let astray = raw.channels.iter().any(|channel| {
        channel.worker.is_none()
            || unknown(worker_names, &channel.worker)
            || channel
                .lines
                .iter()
                .chain(channel.recovery.iter().flat_map(RawRecovery::lines))
                .any(|line| unknown(inputs, &line.input))
    });
    if astray {
        return;
    }
    for (raw_worker, worker) in raw.workers.iter().zip(workers) {
        let Some(field) = &raw_worker.inputs else {
            continue;
        };
        for input in &worker.inputs {
            let lines = channels.iter().flat_map(|channel| &channel.lines);
            if lines.into_iter().any(|line| line.inputs.contains(input)) {
                continue;
            }
            let name = match *input {
                Input::Interface(index) => &raw.interfaces[index].name,
                Input::Capture(index) => &raw.captures[index].name,
            };
            let name = name.as_ref().map_or("", |field| &field.value);
            findings.add(
                &field.place,
                format!("no line of a channel arrives on \"{name}\", so it has nothing to receive"),
                format!("remove it from the inputs, or give worker \"{}\" a [[channel]] with a line on it", worker.name),
            );
        }
    }
}

fn group(line: &RawLine, findings: &Findings) -> Option<Ipv4Addr> {
    let field = line.group.as_ref()?;
    match field.value.parse::<Ipv4Addr>() {
        Ok(group) if group.is_multicast() => Some(group),
        _ => {
            findings.add(
                &field.place,
                "not an IPv4 multicast group",
                "give an address from 224.0.0.0 to 239.255.255.255, as the venue's specification lists it",
            );
            None
        }
    }
}

fn port(line: &RawLine, findings: &Findings) -> Option<u16> {
    let field = line.port.as_ref()?;
    if field.value == 0 {
        findings.add(
            &field.place,
            "not a port",
            "give a UDP port from 1 to 65535",
        );
        return None;
    }
    Some(field.value)
}

fn sources(line: &RawLine, findings: &Findings) -> Vec<Ipv4Addr> {
    let Some(field) = &line.sources else {
        return Vec::new();
    };
    let mut sources = Vec::new();
    for written in &field.value {
        match written.parse::<Ipv4Addr>() {
            Ok(source) if !source.is_multicast() && !source.is_unspecified() => {
                sources.push(source);
            }
            _ => findings.add(
                &field.place,
                format!("\"{written}\" is not a host's IPv4 address"),
                "list the venue's senders, or [] for any source",
            ),
        }
    }
    sources.sort_unstable();
    sources.dedup();
    sources
}

fn feed(field: Option<&Field<String>>, findings: &Findings) -> Feed {
    let Some(field) = field else {
        return Feed::NasdaqItch50;
    };
    let known = Feed::ALL
        .into_iter()
        .find(|feed| feed.name() == field.value);
    known.unwrap_or_else(|| {
        let names = Feed::ALL.map(Feed::name);
        let remedy = match nearest(&field.value, names.into_iter()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("this gateway knows: {}", names.join(", ")),
        };
        findings.add(&field.place, "no such feed", remedy);
        Feed::NasdaqItch50
    })
}

fn venue(field: Option<&Field<String>>, feed: Feed, findings: &Findings) -> Venue {
    let venues = feed.venues();
    let Some(field) = field else {
        return venues[0];
    };
    let known = venues.iter().find(|venue| venue.name() == field.value);
    known.copied().unwrap_or_else(|| {
        let names: Vec<&str> = venues.iter().map(|venue| venue.name()).collect();
        let remedy = match nearest(&field.value, names.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("its venues are: {}", names.join(", ")),
        };
        let what = format!("not a venue of the feed \"{}\"", feed.name());
        findings.add(&field.place, what, remedy);
        venues[0]
    })
}

/// The unit that a channel of PITCH is. Lines may carry several, each numbered for itself.
fn unit(channel: &RawChannel, feed: Feed, findings: &Findings) -> Option<u8> {
    let field = channel.unit.as_ref();
    if feed.pitch_market().is_none() {
        if let Some(field) = field {
            findings.add(
                &field.place,
                format!("the feed \"{}\" has no units", feed.name()),
                "remove unit",
            );
        }
        return None;
    }
    if field.is_none() {
        let mut place = channel.place.clone();
        place.key.push_str(".unit");
        findings.add(
            &place,
            "a channel of PITCH is one unit, and this one does not say which",
            "add unit = 1 to 255, as the venue's list of groups and ports has it",
        );
        return None;
    }
    u8::try_from(number(field, 1..=255, 1, "units", findings)).ok()
}

fn session_date(field: Option<&Field<String>>, findings: &Findings) -> SessionDate {
    match field {
        None => SessionDate::Auto,
        Some(field) if field.value == "auto" => SessionDate::Auto,
        Some(field) => match field.value.parse() {
            Ok(date) => SessionDate::Fixed(date),
            Err(_) => {
                findings.add(
                    &field.place,
                    "not a date",
                    "write \"auto\", or the trading day as \"2026-11-30\"",
                );
                SessionDate::Auto
            }
        },
    }
}
