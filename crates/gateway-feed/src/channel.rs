//! One sequenced stream of a venue: packets of its lines in, records out.
//!
//! A channel joins a [`Transport`], an [`Arbiter`] and a [`Decoder`]. Everything is resolved at compile time, so that
//! a packet in order runs through one inlined loop from its header to the records of its messages.
//!
//! All times that a channel is given are of one clock, which must not be set: time-outs are measured by it. What records
//! are stamped with may be ahead of it, by [`Channel::set_wall_offset_ns`].

use core::marker::PhantomData;

use crate::arbitration::{
    Arbiter, ArbiterConfig, ChannelCounters, Defect, Event, LINES_MAX, LineId, OnGap, Outlet,
    RECOVERY,
};
use crate::decoder::{Decoder, Discontinuity, SnapshotPart};
use crate::moldudp64::MoldUdp64;
use crate::record::{ControlKind, ControlRecord, RTYPE_CONTROL};
use crate::recovery::{Demand, Snapshot, Supply, SupplyError, SupplyItem};
use crate::sink::{MessageContext, Nanos, RecordSink};
use crate::transport::{Frame, FrameError, SessionId, Transport, Walked};

/// How a channel works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Told in each control record.
    pub channel_id: u8,
    /// DBN's number of the venue and dataset; told in each control record.
    pub publisher_id: u16,
    /// Lines that carry the channel, 1..=[`LINES_MAX`]; packets of others are counted and ignored.
    pub lines: usize,
    /// Of these, the last ones that carry nothing but what somebody asked the venue for again: PITCH's gap response lines.
    /// What is missing is taken from them; otherwise the channel does not follow them, nor wait for them. Where the decoder
    /// [takes refreshes](Decoder::TAKES_REFRESHES), they are the lines of these.
    pub answer_lines: usize,
    /// See [`ArbiterConfig::hold_timeout_ns`].
    pub hold_timeout_ns: Nanos,
    /// See [`ArbiterConfig::hold_packets_max`].
    pub hold_packets_max: usize,
    /// See [`ArbiterConfig::hold_bytes_max`].
    pub hold_bytes_max: usize,
    /// What to do about a hole.
    pub on_gap: OnGap,
    /// See [`ArbiterConfig::recover_timeout_ns`].
    pub recover_timeout_ns: Nanos,
    /// See [`ArbiterConfig::recover_packets_max`].
    pub recover_packets_max: usize,
    /// See [`ArbiterConfig::recover_bytes_max`].
    pub recover_bytes_max: usize,
    /// See [`ArbiterConfig::snapshots`].
    pub snapshots: bool,
    /// See [`ArbiterConfig::expect_first_sequence`].
    pub expect_first_sequence: Option<u64>,
    /// The only session that the channel takes, where its lines carry others too: a PITCH unit's. Packets of others are
    /// counted as [`other_units`](ChannelCounters::other_units); those without numbers may be of no session.
    pub session: Option<SessionId>,
    /// A line that is silent for longer than this, in nanoseconds, is stale, and so is the channel when all its lines
    /// are; 0: never. Some of the venue's heartbeat intervals.
    pub stale_after_ns: Nanos,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        let arbiter = ArbiterConfig::default();
        Self {
            channel_id: 0,
            publisher_id: 0,
            lines: 2,
            answer_lines: 0,
            hold_timeout_ns: arbiter.hold_timeout_ns,
            hold_packets_max: arbiter.hold_packets_max,
            hold_bytes_max: arbiter.hold_bytes_max,
            on_gap: arbiter.on_gap,
            recover_timeout_ns: arbiter.recover_timeout_ns,
            recover_packets_max: arbiter.recover_packets_max,
            recover_bytes_max: arbiter.recover_bytes_max,
            snapshots: arbiter.snapshots,
            expect_first_sequence: arbiter.expect_first_sequence,
            session: None,
            stale_after_ns: 0,
        }
    }
}

/// A channel whose packets are framed by `T` and whose messages are decoded by `D`.
#[derive(Debug)]
pub struct Channel<D, T = MoldUdp64> {
    arbiter: Arbiter,
    decoder: D,
    stamp: Stamp,
    /// Lines that carry the stream; those of answers follow.
    lines: usize,
    answer_lines: usize,
    only: Option<SessionId>,
    stale_after_ns: Nanos,
    /// Until then silence was expected.
    silent_until: Nanos,
    transport: PhantomData<fn() -> T>,
}

impl<D: Decoder, T: Transport> Channel<D, T> {
    /// Allocates all that the channel will ever need. More lines than [`LINES_MAX`] are as if they were that many.
    #[must_use]
    pub fn new(config: ChannelConfig, decoder: D) -> Self {
        let all_lines = config.lines.min(LINES_MAX);
        let answer_lines = config.answer_lines.min(all_lines);
        let arbiter = Arbiter::new(ArbiterConfig {
            hold_timeout_ns: config.hold_timeout_ns,
            hold_packets_max: config.hold_packets_max,
            hold_bytes_max: config.hold_bytes_max,
            on_gap: config.on_gap,
            recover_timeout_ns: config.recover_timeout_ns,
            recover_packets_max: config.recover_packets_max,
            recover_bytes_max: config.recover_bytes_max,
            snapshots: config.snapshots,
            answer_lines_from: all_lines - answer_lines,
            expect_first_sequence: config.expect_first_sequence,
            session_first_sequence: T::FIRST_SEQUENCE,
        });
        let stamp = Stamp {
            channel_id: config.channel_id,
            publisher_id: config.publisher_id,
            session: SessionId::default(),
            wall_offset_ns: 0,
            taking: None,
        };
        Self {
            arbiter,
            decoder,
            stamp,
            lines: all_lines - answer_lines,
            answer_lines,
            only: config.session,
            stale_after_ns: config.stale_after_ns,
            silent_until: 0,
            transport: PhantomData,
        }
    }

    /// Takes a packet (the UDP payload) that `line` brought at `received`, and hands what is in order now to `sink`.
    ///
    /// Returns what was wrong with the packet, if anything; it is counted too, and what could be used was used. The
    /// offset in [`Defect::Truncated`] counts from behind the transport's header.
    #[inline(always)]
    pub fn on_packet<S: RecordSink>(
        &mut self,
        line: LineId,
        received: Nanos,
        packet: &[u8],
        sink: &mut S,
    ) -> Option<Defect> {
        let counters = self.arbiter.counters_mut();
        let (true, Some(of_line)) = (
            line.index() < self.lines,
            counters.lines.get_mut(line.index()),
        ) else {
            return self.on_other_line(line, received, packet, sink);
        };
        of_line.packets += 1;
        of_line.bytes += packet.len() as u64;
        let spoke = std::mem::replace(&mut of_line.last_packet_ns, received);
        match T::frame(packet) {
            Ok(frame) if self.is_of_another(&frame) => {
                Self::count_other(&mut self.arbiter, line, spoke)
            }
            Ok(frame) => {
                let mut out = Delivery::<D, T, S> {
                    decoder: &mut self.decoder,
                    sink,
                    stamp: &mut self.stamp,
                    transport: PhantomData,
                };
                self.arbiter.on_frame(line, received, &frame, &mut out);
                self.arbiter.take_defect()
            }
            Err(error) => Some(self.refuse(error)),
        }
    }

    /// Counts a packet of another session: it is no sign that this one lives, which last spoke at `spoke`.
    #[cold]
    #[inline(never)]
    fn count_other(arbiter: &mut Arbiter, line: LineId, spoke: Nanos) -> Option<Defect> {
        let counters = arbiter.counters_mut();
        counters.other_units += 1;
        if let Some(of_line) = counters.lines.get_mut(line.index()) {
            of_line.last_packet_ns = spoke;
        }
        None
    }

    /// Takes a packet of a line that does not carry the stream.
    #[cold]
    #[inline(never)]
    fn on_other_line<S: RecordSink>(
        &mut self,
        line: LineId,
        received: Nanos,
        packet: &[u8],
        sink: &mut S,
    ) -> Option<Defect> {
        let counters = self.arbiter.counters_mut();
        let of_answers = line.index() < self.lines + self.answer_lines;
        let (true, Some(of_line)) = (of_answers, counters.lines.get_mut(line.index())) else {
            counters.frame_errors.unknown_line += 1;
            return None;
        };
        of_line.packets += 1;
        of_line.bytes += packet.len() as u64;
        of_line.last_packet_ns = received;
        match T::frame(packet) {
            Ok(frame) if self.is_of_another(&frame) => {
                self.arbiter.counters_mut().other_units += 1;
                None
            }
            Ok(frame) if D::TAKES_REFRESHES => self.refresh_from(line, received, &frame, sink),
            Ok(frame) => {
                let (arbiter, mut out) = self.split(sink);
                arbiter.on_answer_line(line, received, &frame, &mut out);
                None
            }
            Err(error) => Some(self.refuse(error)),
        }
    }

    /// Hands the messages of a line of refreshes to the decoder. Those of another session than the stream's, and those that
    /// come before any of it, are of no use, and counted.
    fn refresh_from<S: RecordSink>(
        &mut self,
        line: LineId,
        received: Nanos,
        frame: &Frame<'_>,
        sink: &mut S,
    ) -> Option<Defect> {
        let of_session = self.arbiter.session() == Some(frame.session);
        let counters = self.arbiter.counters_mut();
        let of_line = counters.lines.get_mut(line.index())?;
        if !of_session {
            of_line.stale += 1;
            return None;
        }
        let context = MessageContext {
            sequence: frame.first,
            ts_recv: self.stamp.time(received),
        };
        let (decoder, mut begins) = (&mut self.decoder, true);
        let walked = T::walk(frame, 0, |_, message| {
            let begins = std::mem::take(&mut begins);
            decoder.refresh((line.index(), begins), &context, message, sink);
        });
        if let Some(offset) = walked.cut_at {
            of_line.truncated += 1;
            return Some(Defect::Truncated {
                offset,
                missing: frame.count,
                announced: frame.count,
            });
        }
        of_line.messages += 1;
        None
    }

    /// Lets go what waited longer than it may. The worker calls it between bursts; it costs two comparisons when
    /// there is nothing to do.
    #[inline(always)]
    pub fn on_time<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) {
        if self.next_deadline().is_some_and(|deadline| now >= deadline) {
            let (arbiter, mut out) = self.split(sink);
            arbiter.on_time(now, &mut out);
        }
    }

    /// Takes what was had from elsewhere than the lines at `now`. What of it is in order is handed to `sink`; a
    /// snapshot is taken in parts, by [`on_time`](Self::on_time).
    ///
    /// # Errors
    /// [`SupplyError`] says why it was of no use. That is counted, too, and [`tell_demand`](Self::tell_demand) goes on to
    /// tell what is wanted.
    #[cold]
    pub fn supply<S: RecordSink>(
        &mut self,
        now: Nanos,
        supply: &Supply,
        sink: &mut S,
    ) -> Result<(), SupplyError> {
        let (arbiter, mut out) = self.split(sink);
        let meant_for = (supply.epoch, supply.serial);
        let mut result = arbiter.begin_supply(now, meant_for, &mut out);
        if result.is_ok() {
            result = match &supply.item {
                SupplyItem::Answer(packet) => match T::frame(packet) {
                    Ok(frame) => arbiter.on_answer(RECOVERY, now, &frame, &mut out),
                    Err(_) => Err(SupplyError::NoMessages),
                },
                SupplyItem::GiveUp { before } => {
                    arbiter.give_up(now, *before, &mut out);
                    Ok(())
                }
                SupplyItem::Snapshot(snapshot) => {
                    let place = (snapshot.sequence(), snapshot.count());
                    let begun = arbiter.begin_snapshot(now, snapshot.session(), place, &mut out);
                    if begun.is_ok() {
                        self.stamp.taking = Some((snapshot.clone(), 0));
                    }
                    begun
                }
            };
        }
        let (arbiter, mut out) = self.split(sink);
        arbiter.end_supply(now, &result, &mut out);
        result
    }

    /// Has the state of all books told anew by a snapshot, because a reader of the channel's records has lost some of
    /// them; the stream flows on until it is there. `false` where none can be had: no server has snapshots, or no packet
    /// came yet.
    #[cold]
    pub fn refresh<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) -> bool {
        let (arbiter, mut out) = self.split(sink);
        arbiter.refresh(now, &mut out)
    }

    /// By how much the clock that records are stamped with is ahead of the one that the channel is told the time by; 0 at
    /// first.
    pub const fn set_wall_offset_ns(&mut self, offset_ns: i64) {
        self.stamp.wall_offset_ns = offset_ns;
    }

    /// Hands what the channel wants from elsewhere to `take`, if that changed since it was told last; `take` says whether
    /// it took it, and is asked again if not. While there is something to tell, [`next_deadline`](Self::next_deadline) is
    /// 0: so a worker that wakes the channel then need not ask at any other time.
    pub fn tell_demand(&mut self, take: impl FnOnce(&Demand) -> bool) {
        self.arbiter.tell_demand(take);
    }

    /// Whether a snapshot is being taken: until it is through, the channel holds on to its bytes.
    #[must_use]
    pub const fn takes_snapshot(&self) -> bool {
        self.stamp.taking.is_some()
    }

    /// Looks whether lines have fallen silent, or speak again, and whether the decoder has waited for anything in vain, and
    /// returns whether anything did. To be called now and then,
    /// say once a millisecond.
    pub fn watch<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) -> bool {
        let told = self.decoder.watch(now, self.stamp.time(now), sink);
        self.watch_lines(now, sink) || told
    }

    fn watch_lines<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) -> bool {
        if self.stale_after_ns == 0 {
            return false;
        }
        // Behind a session's end silence is what is expected, of every line until it has had the time to speak again.
        if self.arbiter.session_has_ended() {
            self.silent_until = now;
        }
        // Also where the clock was set back.
        self.silent_until = self.silent_until.min(now);
        let (since, counters) = (self.silent_until, self.arbiter.counters_mut());
        let (mut alive, mut changed) = (false, false);
        for line in counters.lines.iter_mut().take(self.lines) {
            // A line that never spoke is not watched: it may be one that is not there yet.
            let silent = line.last_packet_ns > 0
                && now.saturating_sub(line.last_packet_ns.max(since)) > self.stale_after_ns;
            alive |= !silent && line.last_packet_ns > 0;
            line.silences += u64::from(silent && line.silent == 0);
            changed |= line.silent != u64::from(silent);
            line.silent = u64::from(silent);
        }
        let mut of_stream = counters.lines.iter().take(self.lines);
        let heard = of_stream.any(|line| line.last_packet_ns > 0);
        let stale = heard && !alive;
        if !self.arbiter.note_stale(stale) {
            return changed;
        }
        let kind = if stale {
            ControlKind::Stale
        } else {
            ControlKind::Live
        };
        let sequence = self.arbiter.counters().next_sequence;
        sink.control(&self.stamp.control(kind, now, sequence, 0));
        true
    }

    /// Lets go everything that waits, because no more packets will come.
    pub fn finish<S: RecordSink>(&mut self, now: Nanos, sink: &mut S) {
        let (arbiter, mut out) = self.split(sink);
        arbiter.finish(now, &mut out);
    }

    /// When [`on_time`](Self::on_time) has something to do next; `None` while nothing waits.
    #[must_use]
    #[inline(always)]
    pub const fn next_deadline(&self) -> Option<Nanos> {
        self.arbiter.next_deadline()
    }

    /// What was counted so far.
    #[must_use]
    #[inline(always)]
    pub const fn counters(&self) -> &ChannelCounters {
        self.arbiter.counters()
    }

    /// The session that the channel is in, once a packet told it.
    #[must_use]
    pub fn session(&self) -> Option<SessionId> {
        self.arbiter.session()
    }

    /// The decoder, for its counters.
    #[must_use]
    pub const fn decoder(&self) -> &D {
        &self.decoder
    }

    /// The decoder, to prepare it before packets come.
    #[must_use]
    pub const fn decoder_mut(&mut self) -> &mut D {
        &mut self.decoder
    }

    /// Whether the frame is of a session that this channel is not for.
    #[inline(always)]
    fn is_of_another(&self, frame: &Frame<'_>) -> bool {
        self.only.is_some_and(|only| {
            frame.session != only && !(frame.first == 0 && frame.session == SessionId::default())
        })
    }

    #[cold]
    fn refuse(&mut self, error: FrameError) -> Defect {
        let errors = &mut self.arbiter.counters_mut().frame_errors;
        match error {
            FrameError::ShortHeader { .. } => errors.short_header += 1,
            FrameError::SequenceOverflow { .. } => errors.sequence_overflow += 1,
            FrameError::Foreign { .. } => errors.foreign += 1,
        }
        Defect::Frame(error)
    }

    fn split<'a, S: RecordSink>(
        &'a mut self,
        sink: &'a mut S,
    ) -> (&'a mut Arbiter, Delivery<'a, D, T, S>) {
        let out = Delivery {
            decoder: &mut self.decoder,
            sink,
            stamp: &mut self.stamp,
            transport: PhantomData,
        };
        (&mut self.arbiter, out)
    }
}

/// What each control record of a channel has in common, and what is not needed for a packet in order.
#[derive(Debug)]
struct Stamp {
    channel_id: u8,
    publisher_id: u16,
    session: SessionId,
    /// What the clock of the stamps is ahead of the channel's.
    wall_offset_ns: i64,
    /// The snapshot that is being taken, and how many of its bytes are.
    taking: Option<(Snapshot, usize)>,
}

impl Stamp {
    /// What a record has for a time of the channel's.
    #[inline(always)]
    const fn time(&self, now: Nanos) -> Nanos {
        now.wrapping_add_signed(self.wall_offset_ns)
    }

    fn control(&self, kind: ControlKind, now: Nanos, sequence: u64, count: u64) -> ControlRecord {
        let now = self.time(now);
        ControlRecord {
            length: (size_of::<ControlRecord>() / 4) as u8,
            rtype: RTYPE_CONTROL,
            publisher_id: self.publisher_id,
            instrument_id: 0,
            ts_event: now,
            kind: kind as u16,
            channel_id: self.channel_id,
            reserved: [0; 5],
            sequence,
            count,
            ts_recv: now,
            session: self.session.head(),
        }
    }
}

/// The way from the arbiter through the decoder to the sink.
struct Delivery<'a, D, T, S> {
    decoder: &'a mut D,
    sink: &'a mut S,
    stamp: &'a mut Stamp,
    transport: PhantomData<T>,
}

impl<D: Decoder, T: Transport, S: RecordSink> Outlet for Delivery<'_, D, T, S> {
    // One function for the whole packet, with the decoder and the sink inlined into its loop: a call a packet instead of
    // a call a message, and few enough values alive in it to stay in registers.
    #[inline(never)]
    fn deliver(&mut self, _line: LineId, received: Nanos, frame: &Frame<'_>, skip: u32) -> Walked {
        if frame.count > 1 && self.decoder.prefetches() {
            T::walk(frame, skip, |_, message| self.decoder.prefetch(message));
        }
        let ts_recv = self.stamp.time(received);
        T::walk(frame, skip, |sequence, message| {
            let context = MessageContext { sequence, ts_recv };
            self.decoder.message(&context, message, self.sink);
        })
    }

    fn measure(&self, frame: &Frame<'_>) -> Walked {
        T::walk(frame, 0, |_, _| {})
    }

    fn event(&mut self, now: Nanos, event: Event) {
        let (kind, sequence, count) = match event {
            Event::SessionStart {
                session, sequence, ..
            } => {
                self.stamp.session = session;
                (ControlKind::SessionStart, sequence, 0)
            }
            Event::SessionEnd { sequence } => (ControlKind::SessionEnd, sequence, 0),
            Event::Reset { sequence } if D::RESTARTS_ARE_DAYS => {
                (ControlKind::SessionStart, sequence, 0)
            }
            Event::Reset { sequence } => (ControlKind::Reset, sequence, 0),
            Event::Gap { first, count } => (ControlKind::Gap, first, count),
            Event::Recovering { first, count } => (ControlKind::Recovering, first, count),
            Event::Recovered { sequence } => (ControlKind::Recovered, sequence, 0),
            Event::SnapshotBegin { sequence, messages } => {
                (ControlKind::SnapshotBegin, sequence, messages)
            }
            Event::SnapshotEnd { sequence, replayed } => {
                self.decoder.snapshot(SnapshotPart::Over);
                (ControlKind::SnapshotEnd, sequence, replayed)
            }
        };
        self.sink
            .control(&self.stamp.control(kind, now, sequence, count));
        if matches!(event, Event::SnapshotBegin { .. }) {
            self.decoder.snapshot(SnapshotPart::State);
        }
        let context = MessageContext {
            sequence,
            ts_recv: self.stamp.time(now),
        };
        let mut break_off = |kind| self.decoder.discontinuity(kind, &context, self.sink);
        match event {
            Event::SessionStart { changed, .. } => {
                if changed {
                    break_off(Discontinuity::SessionChanged);
                }
                if sequence > T::FIRST_SEQUENCE {
                    break_off(Discontinuity::Lost);
                }
            }
            Event::Gap { .. } => break_off(Discontinuity::Lost),
            Event::Reset { .. } | Event::SnapshotBegin { .. } => {
                break_off(Discontinuity::Restarted);
            }
            Event::SessionEnd { .. }
            | Event::Recovering { .. }
            | Event::Recovered { .. }
            | Event::SnapshotEnd { .. } => {}
        }
    }

    fn snapshot(&mut self, now: Nanos, sequence: u64, messages_max: usize) -> bool {
        let ts_recv = self.stamp.time(now);
        let Some((snapshot, taken)) = &mut self.stamp.taking else {
            return true;
        };
        // The number of the last message that is contained in it.
        let context = MessageContext {
            sequence: sequence.saturating_sub(1),
            ts_recv,
        };
        for _ in 0..messages_max {
            let Some(message) = snapshot.message_at(taken) else {
                self.stamp.taking = None;
                self.decoder.snapshot(SnapshotPart::Replay);
                return true;
            };
            self.decoder.message(&context, message, self.sink);
        }
        false
    }
}
