//! Where the packets of a stream go: to a line of a channel, or of the channel that their header names.
//!
//! A venue may put several units of PITCH on one group and port. Each is a channel of its own, with numbers, arbitration,
//! recovery and orders of its own; what they share is the stream, whose packets are told apart here, before any of that.

use gateway_feed::arbitration::LineId;
use gateway_feed::pitch::{Addressee, addressee};

/// Which line of which of the worker's channels a packet is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineOf {
    /// Index among the worker's channels.
    pub channel: usize,
    /// The line.
    pub line: LineId,
}

/// Where the packets of a stream go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// All to one line.
    Line(LineOf),
    /// Each to the line of its unit.
    Units(Box<Units>),
}

/// The lines that share a stream, by unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units {
    /// The lines, the first one's first.
    lines: Vec<LineOf>,
    /// By unit: which of the lines it is. Units that are no channel's lead to the first, which counts them.
    by_unit: [u8; 256],
}

impl Units {
    /// The lines of `first` and `others`, each with its unit. Of more than 256, and of several with the same unit, the last
    /// one counts; the configuration has neither.
    #[must_use]
    pub fn new(first: (u8, LineOf), others: impl IntoIterator<Item = (u8, LineOf)>) -> Self {
        let mut units = Self {
            lines: Vec::new(),
            by_unit: [0; 256],
        };
        for (unit, line) in std::iter::once(first).chain(others) {
            units.by_unit[usize::from(unit)] = units.lines.len() as u8;
            units.lines.push(line);
        }
        units
    }

    /// The line that is to get `packet` (the UDP payload), and others that are to get it as well: every packet has a line that
    /// counts it.
    #[inline]
    #[must_use]
    pub fn lines_of(&self, packet: &[u8]) -> (LineOf, &[LineOf]) {
        match addressee(packet) {
            Addressee::Unit(unit) => {
                let place = self.by_unit[usize::from(unit)];
                (self.lines[usize::from(place)], &[])
            }
            Addressee::Every => (self.lines[0], &self.lines[1..]),
            Addressee::Nobody => (self.lines[0], &[]),
        }
    }
}

impl Route {
    /// The line that is to get `packet` (the UDP payload), and others that are to get it as well.
    #[inline]
    #[must_use]
    pub fn lines_of(&self, packet: &[u8]) -> (LineOf, &[LineOf]) {
        match self {
            Self::Line(line) => (*line, &[]),
            Self::Units(units) => units.lines_of(packet),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use gateway_feed::channel::{Channel, ChannelConfig};
    use gateway_feed::pitch::layout::{WriteDelete, WriteTime};
    use gateway_feed::pitch::{
        Market, PacketBuilder, PitchConfig, PitchDecoder, PitchUnit, unit_session,
    };
    use gateway_feed::record::{ControlKind, ControlRecord};
    use gateway_feed::sink::{InstrumentId, Output, Outputs, RecordSink};
    use proptest::prelude::*;

    use super::*;

    const fn line(channel: usize, line: usize) -> LineOf {
        LineOf {
            channel,
            line: LineId(line as u8),
        }
    }

    fn told(units: &Units, packet: &[u8]) -> Vec<LineOf> {
        let (first, others) = units.lines_of(packet);
        std::iter::once(first)
            .chain(others.iter().copied())
            .collect()
    }

    #[test]
    fn a_packet_goes_to_its_units_line_and_what_is_nobodys_to_the_first() {
        let others = [(255, line(4, 0)), (1, line(0, 1))];
        let units = Units::new((3, line(2, 1)), others);
        let of = |unit: u8, sequence: u8| told(&units, &[8, 0, 0, unit, sequence, 0, 0, 0]);
        assert_eq!(of(3, 9), [line(2, 1)]);
        assert_eq!(of(255, 9), [line(4, 0)]);
        assert_eq!(of(1, 0), [line(0, 1)]);
        assert_eq!(of(2, 9), [line(2, 1)]);
        assert_eq!(of(0, 0), [line(2, 1), line(4, 0), line(0, 1)]);
        assert_eq!(of(0, 1), [line(2, 1)]);
        assert_eq!(told(&units, &[1, 2]), [line(2, 1)]);
    }

    /// What a reader of one channel gets.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Read {
        natives: Vec<Vec<u64>>,
        gaps: Vec<(u64, u64)>,
    }

    impl RecordSink for Read {
        fn wants(&self, _: InstrumentId) -> Outputs {
            Outputs::NONE.with(Output::Native)
        }

        fn publish(&mut self, _: Output, _: InstrumentId, words: &[u64]) {
            self.natives.push(words.to_vec());
        }

        fn control(&mut self, record: &ControlRecord) {
            if ControlKind::from_number(record.kind) == Some(ControlKind::Gap) {
                self.gaps.push((record.sequence, record.count));
            }
        }

        fn instrument(&mut self, _: InstrumentId, _: &[u8]) {}
    }

    fn channel(unit: u8) -> Channel<PitchDecoder, PitchUnit> {
        let decoder = PitchDecoder::new(&PitchConfig::new(Market::Equities)).unwrap();
        let config = ChannelConfig {
            session: Some(unit_session(unit)),
            hold_timeout_ns: 50,
            ..ChannelConfig::default()
        };
        Channel::new(config, decoder)
    }

    /// The packets of a unit, one message each; the messages tell which unit and number they are.
    fn packets(unit: u8, count: u32) -> Vec<Vec<u8>> {
        let mut builder = PacketBuilder::new(unit, 1, 1_400);
        let packet = |number: u32| {
            let written = if number == 0 {
                let seconds = 34_200 + u32::from(unit);
                WriteTime { seconds }.encode(Market::Equities)
            } else {
                let order_id = u64::from(number) << 8 | u64::from(unit);
                WriteDelete {
                    time_offset: number,
                    order_id,
                }
                .encode(Market::Equities)
            };
            builder.push(&written).unwrap();
            builder.finish(<[u8]>::to_vec)
        };
        (0..count).map(packet).collect()
    }

    proptest! {
        /// However the packets of units on one port are mixed, and whatever is lost of each: a channel tells what it would
        /// have told had it had a port of its own.
        #[test]
        fn units_on_one_port_do_not_touch_each_other(
            // Which unit's next packet (the last: one without numbers, of no unit), which lines bring it, and whether in exchange
            // with the one before.
            schedule in prop::collection::vec((0_usize..5, 0_u8..4, any::<bool>()), 0..120),
        ) {
            // The fourth is configured nowhere.
            const UNITS: [u8; 4] = [1, 2, 250, 9];
            let streams = UNITS.map(|unit| packets(unit, schedule.len() as u32));
            let mut builder = PacketBuilder::new(0, 0, 1_400);
            builder.push(&WriteTime { seconds: 7 }.encode(Market::Equities)).unwrap();
            let of_all = builder.finish(<[u8]>::to_vec);
            let mut next = [0_usize; 4];
            let mut wire: Vec<(usize, u8, &[u8])> = Vec::new();
            for (of, lines, early) in &schedule {
                let packet = if *of == 4 {
                    &of_all
                } else {
                    next[*of] += 1;
                    &streams[*of][next[*of] - 1]
                };
                for number in 0..2 {
                    if lines >> number & 1 == 1 {
                        wire.push((*of, number, packet));
                    }
                }
                let count = wire.len();
                if *early && count >= 2 {
                    wire.swap(count - 1, count - 2);
                }
            }
            let routes = [0, 1].map(|of_line| {
                let all = (0..3).map(|index| (UNITS[index], line(index, of_line)));
                let mut all = all.collect::<Vec<_>>().into_iter();
                Units::new(all.next().unwrap(), all)
            });
            let mut shared = UNITS.map(|unit| (channel(unit), Read::default()));
            let mut alone = UNITS.map(|unit| (channel(unit), Read::default()));
            let mut foreign = 0;
            for (now, (of, number, packet)) in (1_u64..).zip(&wire) {
                let now = now * 10;
                let (to, others) = routes[usize::from(*number)].lines_of(packet);
                prop_assert_eq!(others.len(), if *of == 4 { 2 } else { 0 });
                for also in others {
                    let (channel, read) = &mut shared[also.channel];
                    channel.on_packet(also.line, now, packet, read);
                }
                let (channel, read) = &mut shared[to.channel];
                channel.on_packet(to.line, now, packet, read);
                foreign += u64::from(*of == 3);
                for (index, (channel, read)) in alone.iter_mut().take(3).enumerate() {
                    if *of == 4 || *of == index {
                        channel.on_packet(LineId(*number), now, packet, read);
                    }
                }
                for (channel, read) in shared.iter_mut().chain(&mut alone) {
                    channel.on_time(now, read);
                }
            }
            for (index, (shared, alone)) in shared.iter_mut().zip(&mut alone).enumerate() {
                for (channel, read) in [&mut *shared, alone] {
                    channel.finish(u64::MAX / 2, read);
                }
                prop_assert_eq!(&shared.1, &alone.1);
                let others = shared.0.counters().other_units;
                prop_assert_eq!(others, if index == 0 { foreign } else { 0 });
            }
        }
    }
}
