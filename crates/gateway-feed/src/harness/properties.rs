//! Random schedules against a naive oracle that knows what the venue sent and what arrived.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Echo, Item, Log, channel, check, moldudp64};
use crate::arbitration::LineId;
use crate::channel::{Channel, ChannelConfig};
use crate::moldudp64::{PacketBuilder, Session};

const HOLD_NS: u64 = 1_000_000;
/// No line delivers a packet, or a copy of one, later than this after it was sent.
const DELAY_NS_MAX: u64 = HOLD_NS - 1;
/// Long enough that nothing sent before is still under way, and that a late copy is ruled out.
const IDLE_NS: u64 = 3 * HOLD_NS;

#[derive(Clone, Copy, Debug)]
enum Action {
    Data(u8),
    Heartbeat,
    EndOfSession,
    NewSession,
    Restart,
}

/// What a line does to a packet: how late it comes, and its copy, if they come.
type Fate = (Option<u64>, Option<u64>);

/// What a line brought: when, and the packet.
type Arrival = (u64, LineId, Vec<u8>);

#[derive(Clone, Debug)]
struct Step {
    action: Action,
    pause_ns: u64,
    fates: [Fate; 2],
}

fn fate() -> impl Strategy<Value = Fate> {
    let delay = || prop_oneof![3 => Just(7_000), 2 => 0..50_000_u64, 1 => 0..=DELAY_NS_MAX];
    (
        prop::option::weighted(0.8, delay()),
        prop::option::weighted(0.1, delay()),
    )
}

fn step() -> impl Strategy<Value = Step> {
    let action = prop_oneof![
        40 => (1..6_u8).prop_map(Action::Data),
        5 => Just(Action::Heartbeat),
        1 => Just(Action::EndOfSession),
        1 => Just(Action::NewSession),
        1 => Just(Action::Restart),
    ];
    let pause = prop_oneof![Just(0), 0..30_000_u64, 0..2 * HOLD_NS];
    (action, pause, [fate(), fate()]).prop_map(|(action, pause_ns, fates)| Step {
        action,
        pause_ns,
        fates,
    })
}

/// One numbering as the oracle sees it.
struct Numbering {
    opens: Item,
    bytes: Vec<Vec<u8>>,
    arrived: BTreeSet<u64>,
    /// The number behind the highest that any frame told; 0 if none arrived.
    told: u64,
    told_by_line: [u64; 2],
    ended: bool,
}

impl Numbering {
    fn new(opens: Item) -> Self {
        Self {
            opens,
            bytes: Vec::new(),
            arrived: BTreeSet::new(),
            told: 0,
            told_by_line: [0; 2],
            ended: false,
        }
    }

    fn next(&self) -> u64 {
        self.bytes.len() as u64 + 1
    }

    fn expected(&self, items: &mut Vec<Item>) {
        if self.told == 0 {
            return;
        }
        items.push(self.opens.clone());
        for sequence in 1..self.told {
            match items.last_mut() {
                _ if self.arrived.contains(&sequence) => {
                    let bytes = self.bytes[sequence as usize - 1].clone();
                    items.push(Item::Message { sequence, bytes });
                }
                Some(Item::Gap(_, count)) => *count += 1,
                _ => items.push(Item::Gap(sequence, 1)),
            }
        }
        if self.ended {
            items.push(Item::SessionEnd(self.told));
        }
    }
}

/// Sends by `steps` and returns what arrives (time, line, packet), in order, and what must leave the channel.
fn play(steps: &[Step]) -> (Vec<Arrival>, Vec<Item>) {
    let session = |number: usize| Session::from_name(&format!("S {number}")).unwrap();
    let mut sessions = 0;
    let mut builder = PacketBuilder::new(session(0), 1, 1_472);
    let mut numberings = vec![Numbering::new(Item::SessionStart(1))];
    let mut arrivals = Vec::new();
    let mut now = 1_700_000_000_000_000_000;
    for (number, step) in steps.iter().enumerate() {
        now += step.pause_ns;
        let current = numberings.last_mut().unwrap();
        if current.ended && !matches!(step.action, Action::NewSession) {
            continue;
        }
        let mut fates = step.fates;
        let packet = match step.action {
            Action::Data(count) => {
                for index in 0..count {
                    let message = [number as u8, (number >> 8) as u8, index, sessions as u8];
                    builder.push(&message).unwrap();
                    current.bytes.push(message.to_vec());
                }
                builder.finish(<[u8]>::to_vec)
            }
            Action::Heartbeat => builder.heartbeat().to_vec(),
            Action::EndOfSession => {
                // The venue repeats it; here it comes at least once.
                fates[0].0 = Some(0);
                current.ended = true;
                builder.end_of_session().to_vec()
            }
            Action::NewSession => {
                now += IDLE_NS;
                sessions += 1;
                builder.restart(session(sessions), 1);
                numberings.push(Numbering::new(Item::SessionStart(1)));
                continue;
            }
            Action::Restart => {
                if current.told_by_line.iter().all(|&told| told <= 1) {
                    continue;
                }
                now += IDLE_NS;
                fates = [(Some(0), None); 2];
                builder.restart(session(sessions), 1);
                numberings.push(Numbering::new(Item::Reset(1)));
                builder.heartbeat().to_vec()
            }
        };
        let current = numberings.last_mut().unwrap();
        for (line, (delay, copy)) in fates.into_iter().enumerate() {
            for delay in [delay, copy].into_iter().flatten() {
                arrivals.push((now + delay, LineId(line as u8), packet.clone()));
                let next = current.next();
                current.told = current.told.max(next);
                current.told_by_line[line] = current.told_by_line[line].max(next);
                if let Action::Data(count) = step.action {
                    current.arrived.extend(next - u64::from(count)..next);
                }
            }
        }
        if matches!(step.action, Action::Restart) {
            now += 1;
        }
    }
    arrivals.sort_by_key(|(time, ..)| *time);
    let mut expected = Vec::new();
    numberings
        .iter()
        .for_each(|numbering| numbering.expected(&mut expected));
    (arrivals, expected)
}

proptest! {
    /// As long as no line is later than the hold time, the channel's output is exactly what could be had: all that
    /// arrived on either line, in order and once, and each hole announced with its exact bounds.
    #[test]
    fn what_arrives_in_time_is_delivered_and_the_rest_is_announced(steps in vec(step(), 1..120), poll in any::<bool>()) {
        let (arrivals, expected) = play(&steps);
        let config = ChannelConfig {
            hold_timeout_ns: HOLD_NS,
            expect_first_sequence: Some(1),
            ..ChannelConfig::default()
        };
        let mut channel = Channel::<Echo>::new(config, Echo::default());
        let mut log = Log::default();
        for (time, line, packet) in &arrivals {
            if poll {
                while let Some(deadline) = channel.next_deadline().filter(|deadline| deadline <= time) {
                    channel.on_time(deadline, &mut log);
                }
            }
            let defect = channel.on_packet(*line, *time, packet, &mut log);
            prop_assert_eq!(defect, None);
        }
        if let Some(deadline) = channel.next_deadline() {
            channel.on_time(deadline + HOLD_NS, &mut log);
        }
        prop_assert_eq!(channel.next_deadline(), None);
        check(&channel, &config, &log);
        prop_assert_eq!(log.merged(), expected);
    }

    /// Whatever comes on the lines, the channel keeps its promises.
    #[test]
    fn any_schedule_keeps_the_promises(script in vec(any::<u8>(), 0..2_000)) {
        channel(&script);
    }

    #[test]
    fn any_bytes_are_a_packet_or_an_error(packet in vec(any::<u8>(), 0..200)) {
        moldudp64(&packet);
    }

    #[test]
    fn any_well_formed_header_is_read(count in 0..8_u16, body in vec(0..6_u8, 0..40)) {
        let mut packet = b"ABCDEFGHIJ\0\0\0\0\0\0\0\x01".to_vec();
        packet.extend_from_slice(&count.to_be_bytes());
        packet.extend(body);
        moldudp64(&packet);
    }
}
