//! Delivers a channel's records to the queues that want them.

use gateway_feed::record::{ControlKind, ControlRecord};
use gateway_feed::sink::{InstrumentId, Output, Outputs, RecordSink};

use super::filter::Filter;

/// Takes records for one queue.
///
/// The seam between the worker and shared memory: the queue's publisher implements it, and so does a list in a test.
pub trait RecordWriter {
    /// Publishes one record of whole 8-byte words; `false` where it is too long for the queue.
    fn write(&mut self, words: &[u64]) -> bool;

    /// Declares the next record the first from which state can be rebuilt: where readers go on that were overtaken and
    /// asked for it.
    fn mark_resync(&mut self);
}

/// One of a worker's queues, and what went into it.
#[derive(Debug)]
pub struct Outlet<W> {
    /// Where the records go.
    pub writer: W,
    /// How many went there.
    pub records: u64,
    /// How many were too long for it.
    pub refused: u64,
}

impl<W> Outlet<W> {
    /// Nothing published yet.
    pub const fn new(writer: W) -> Self {
        Self {
            writer,
            records: 0,
            refused: 0,
        }
    }
}

/// A channel's view of its worker's queues, for the length of a packet.
#[derive(Debug)]
pub struct ChannelSink<'a, W> {
    /// Who wants what.
    pub filter: &'a mut Filter,
    /// All queues of the worker.
    pub outlets: &'a mut [Outlet<W>],
}

impl<W: RecordWriter> ChannelSink<'_, W> {
    #[inline(always)]
    fn write(&mut self, mut queues: u64, words: &[u64]) {
        while queues != 0 {
            let outlet = &mut self.outlets[queues.trailing_zeros() as usize];
            let taken = u64::from(outlet.writer.write(words));
            outlet.records += taken;
            outlet.refused += 1 - taken;
            queues &= queues - 1;
        }
    }
}

impl<W: RecordWriter> RecordSink for ChannelSink<'_, W> {
    #[inline(always)]
    fn wants(&self, instrument: InstrumentId) -> Outputs {
        self.filter.wants(instrument)
    }

    #[inline(always)]
    fn publish(&mut self, output: Output, instrument: InstrumentId, words: &[u64]) {
        self.write(self.filter.queues(output, instrument, words), words);
    }

    fn control(&mut self, record: &ControlRecord) {
        if begins_anew(record) {
            let mut queues = self.filter.own();
            while queues != 0 {
                let outlet = &mut self.outlets[queues.trailing_zeros() as usize];
                outlet.writer.mark_resync();
                queues &= queues - 1;
            }
        }
        self.write(self.filter.all(), &record.words());
    }

    fn instrument(&mut self, instrument: InstrumentId, symbol: &[u8]) {
        self.filter.learn(instrument, symbol);
    }
}

/// Whether nothing before the record is needed to know what comes after it.
fn begins_anew(record: &ControlRecord) -> bool {
    matches!(
        ControlKind::from_number(record.kind),
        Some(ControlKind::SessionStart | ControlKind::Reset | ControlKind::SnapshotBegin)
    )
}

#[cfg(test)]
mod tests {
    use gateway_feed::class::Classes;
    use gateway_feed::itch50;

    use super::super::filter::Want;
    use super::*;

    /// Records, and in front of how many of them state begins anew.
    #[derive(Debug, Default)]
    struct List(Vec<Vec<u64>>, Option<usize>);

    impl RecordWriter for List {
        fn write(&mut self, words: &[u64]) -> bool {
            self.0.push(words.to_vec());
            true
        }

        fn mark_resync(&mut self) {
            self.1 = Some(self.0.len());
        }
    }

    fn control(kind: ControlKind) -> ControlRecord {
        ControlRecord {
            length: 14,
            rtype: 0xF0,
            publisher_id: 0x0102,
            instrument_id: 0,
            ts_event: 5,
            kind: kind as u16,
            channel_id: 9,
            reserved: [0; 5],
            sequence: 291,
            count: 5,
            ts_recv: 6,
            session: *b"SESSION1",
        }
    }

    #[test]
    fn a_record_goes_where_it_is_wanted_and_a_control_record_everywhere() {
        let mut filter = Filter::new(
            &[
                Want {
                    queue: 0,
                    output: Output::Plain,
                    symbols: vec!["*".to_owned()],
                    classes: Classes::ALL,
                    shared: false,
                },
                Want {
                    queue: 1,
                    output: Output::Native,
                    symbols: vec!["X".to_owned()],
                    classes: Classes::ALL,
                    shared: false,
                },
            ],
            itch50::classes,
        );
        let mut outlets = [Outlet::new(List::default()), Outlet::new(List::default())];
        let mut sink = ChannelSink {
            filter: &mut filter,
            outlets: &mut outlets,
        };
        sink.publish(Output::Plain, InstrumentId(1), &[1]);
        sink.publish(Output::Native, InstrumentId(1), &[2]);
        sink.instrument(InstrumentId(1), b"X");
        sink.publish(Output::Native, InstrumentId(1), &[3]);
        sink.control(&control(ControlKind::Gap));
        assert_eq!(outlets[0].records, 2);
        assert_eq!(outlets[1].records, 2);
        assert_eq!(outlets[0].writer.0[0], [1]);
        assert_eq!(outlets[1].writer.0[0], [3]);
        let control = &outlets[1].writer.0[1];
        assert_eq!(control[0].to_ne_bytes()[..4], [14, 0xF0, 2, 1]);
        assert_eq!(control[2].to_ne_bytes()[..3], [1, 0, 9]);
        assert_eq!((control[3], control[4]), (291, 5));
    }

    #[test]
    fn state_begins_anew_in_the_queues_of_this_channel_alone() {
        let want = |queue, shared| Want {
            queue,
            output: Output::Plain,
            symbols: vec!["*".to_owned()],
            classes: Classes::ALL,
            shared,
        };
        let mut filter = Filter::new(&[want(0, false), want(1, true)], itch50::classes);
        for (kind, marked) in [
            (ControlKind::Gap, None),
            (ControlKind::SessionStart, Some(1)),
            (ControlKind::SessionEnd, None),
            (ControlKind::Reset, Some(1)),
            (ControlKind::SnapshotBegin, Some(1)),
            (ControlKind::SnapshotEnd, None),
        ] {
            let mut outlets = [Outlet::new(List::default()), Outlet::new(List::default())];
            let mut sink = ChannelSink {
                filter: &mut filter,
                outlets: &mut outlets,
            };
            sink.publish(Output::Plain, InstrumentId(1), &[1]);
            sink.control(&control(kind));
            assert_eq!(outlets[0].writer.1, marked, "{kind:?}");
            assert_eq!(outlets[0].writer.0.len(), 2);
            // Another channel's state did not begin anew with this one's.
            assert_eq!(outlets[1].writer.1, None, "{kind:?}");
        }
    }
}
