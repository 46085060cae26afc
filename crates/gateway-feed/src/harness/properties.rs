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
/// The venue's pause between heartbeats: nothing sent before is still under way.
const IDLE_NS: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
enum Action {
    Data(u8),
    Heartbeat,
    EndOfSession,
    NewSession,
    Restart,
    /// What no line of the channel should bring: a packet far ahead, or one of another session.
    Stray {
        foreign: bool,
        line: u8,
        count: u8,
    },
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
        1 => (any::<bool>(), 0..2_u8, 0..3_u8)
            .prop_map(|(foreign, line, count)| Action::Stray { foreign, line, count }),
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

/// The venue, the lines and the oracle.
struct Play {
    now: u64,
    sessions: usize,
    builder: PacketBuilder,
    numberings: Vec<Numbering>,
    arrivals: Vec<Arrival>,
}

fn session(number: usize) -> Session {
    Session::from_name(&format!("S {number}")).unwrap()
}

impl Play {
    fn new() -> Self {
        Self {
            now: 1_700_000_000_000_000_000,
            sessions: 0,
            builder: PacketBuilder::new(session(0), 1, 1_472),
            numberings: vec![Numbering::new(Item::SessionStart(1))],
            arrivals: Vec::new(),
        }
    }

    /// What the lines do to a packet that ends at the venue's next number and has `count` messages.
    fn send(&mut self, packet: &[u8], count: u8, fates: [Fate; 2]) {
        let current = self.numberings.last_mut().unwrap();
        for (line, (delay, copy)) in fates.into_iter().enumerate() {
            for delay in [delay, copy].into_iter().flatten() {
                let line_id = LineId(line as u8);
                self.arrivals
                    .push((self.now + delay, line_id, packet.to_vec()));
                let next = current.next();
                current.told = current.told.max(next);
                current.told_by_line[line] = current.told_by_line[line].max(next);
                current.arrived.extend(next - u64::from(count)..next);
            }
        }
    }

    /// A second without a message: both lines show where they are.
    fn idle(&mut self) {
        self.now += IDLE_NS;
        let heartbeat = self.builder.heartbeat();
        self.send(&heartbeat, 0, [(Some(0), None); 2]);
    }

    fn step(&mut self, number: usize, step: &Step) {
        self.now += step.pause_ns;
        let current = self.numberings.last_mut().unwrap();
        if current.ended && !matches!(step.action, Action::NewSession) {
            return;
        }
        let fates = step.fates;
        match step.action {
            Action::Data(count) => {
                for index in 0..count {
                    let message = [
                        number as u8,
                        (number >> 8) as u8,
                        index,
                        self.sessions as u8,
                    ];
                    self.builder.push(&message).unwrap();
                    current.bytes.push(message.to_vec());
                }
                let packet = self.builder.finish(<[u8]>::to_vec);
                self.send(&packet, count, fates);
            }
            Action::Heartbeat => {
                let packet = self.builder.heartbeat();
                self.send(&packet, 0, fates);
            }
            Action::EndOfSession => {
                current.ended = true;
                let packet = self.builder.end_of_session();
                self.send(&packet, 0, fates);
                for _ in 0..4 {
                    self.now += IDLE_NS;
                    self.send(&packet, 0, [(Some(0), None), (None, None)]);
                }
            }
            Action::NewSession => {
                if !current.ended {
                    self.idle();
                }
                self.now += IDLE_NS;
                self.sessions += 1;
                self.builder.restart(session(self.sessions), 1);
                let opens = Item::SessionStart(1);
                self.numberings.push(Numbering::new(opens));
                self.idle();
                self.idle();
            }
            Action::Restart => {
                if current.told_by_line.iter().all(|&told| told <= 1) {
                    return;
                }
                self.idle();
                self.builder.restart(session(self.sessions), 1);
                self.numberings.push(Numbering::new(Item::Reset(1)));
                self.idle();
                self.idle();
            }
            Action::Stray {
                foreign,
                line,
                count,
            } => {
                // No two say the same: their sessions differ, or they are far from each other.
                let stray = if foreign {
                    Session::from_name(&format!("X {number}")).unwrap()
                } else {
                    session(self.sessions)
                };
                let first = (number as u64 + 1) << 20;
                let mut builder = PacketBuilder::new(stray, first, 1_472);
                (0..count).for_each(|_| builder.push(b"stray").unwrap());
                let packet = builder.finish(<[u8]>::to_vec);
                self.arrivals.push((self.now, LineId(line), packet));
            }
        }
        self.now += 1;
    }
}

/// Sends by `steps` and returns what arrives (time, line, packet), in order, and what must leave the channel.
fn play(steps: &[Step]) -> (Vec<Arrival>, Vec<Item>) {
    let mut play = Play::new();
    // Before the first frame there is no place for a stray one to be far from.
    play.idle();
    for (number, step) in steps.iter().enumerate() {
        play.step(number, step);
    }
    if !play.numberings.last().unwrap().ended {
        (0..4).for_each(|_| play.idle());
    }
    play.arrivals.sort_by_key(|(time, ..)| *time);
    let mut expected = Vec::new();
    play.numberings
        .iter()
        .for_each(|numbering| numbering.expected(&mut expected));
    (play.arrivals, expected)
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
