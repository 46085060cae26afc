//! Recovery of a channel: what was lost is told anew by the venue's snapshot loop ("Market Recovery"), instrument by
//! instrument.
//!
//! Behind a loss no instrument's books are whole. Changes of a book that is not whole are withheld, and their messages
//! kept; trades, statistics, status and definitions go out as they come, and so do native records. A book is whole again
//! - by a snapshot as of packet S (tag 369, "LastMsgSeqNumProcessed") that contains what was lost: it goes out, then what is
//!   kept of packets behind S, and from there on the stream; what comes up to S, where the snapshot is ahead, is left out,
//! - without one ("natural refresh"), where the instrument's reports (tag 83, "RptSeq") go on without a hole, so that
//!   nothing of it was lost (levels only: orders alone are not counted), where its first report comes, or where its books
//!   are emptied,
//! - not at all, where two whole loops brought no snapshot that could be used, or none came in time: then its changes go on,
//!   flagged as after a gap, which is told, until a snapshot comes that has all of them.
//!
//! While nothing that was lost harms anybody, messages go by as if there was no recovery: the directory's look at each
//! instrument's last report, which a decoder without recovery takes, too, is all that is needed when something is lost.
//!
//! Levels and orders are told by snapshots of their own, and are whole apart from each other. A start in the middle of the
//! week is a loss of all before. Nothing is asked for and nothing waited for: whoever reads other instruments is not held
//! up. Memory is taken at the start and bounded; what does not fit makes the next snapshot the one that counts.

mod filter;
mod instruments;
mod kept;
mod loops;
mod scan;

use filter::{Only, Withholding};
use instruments::{Instruments, Judgement, Kind, Proof};
use kept::Kept;
use loops::{Loops, Verdict};
use scan::{Touches, updates};

use super::decoder::{Mdp3Config, Mdp3ConfigError, Mdp3Decoder, OPEN_MAX};
use super::definitions::{Definitions, Told};
use super::directory::{Books, Place};
use super::sbe::Header;
use super::schema::{ChannelReset, HEARTBEAT, LongSnapshot, OrderSnapshot, SCHEMA_ID, Snapshot};
use crate::decoder::{Decoder, DecoderCounters, Discontinuity, SnapshotPart};
use crate::record::{ControlKind, ControlRecord, RTYPE_CONTROL};
use crate::sink::{InstrumentId, MessageContext, Nanos, RecordSink, publish_each};

/// "ChannelReset".
const CHANNEL_RESET: u16 = 4;

/// How much of the stream is kept for instruments that are not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mdp3RecoveryConfig {
    /// The most messages, at least 1.
    pub messages_max: usize,
    /// The most bytes of messages.
    pub bytes_max: usize,
    /// How long a book may wait for its snapshot, in nanoseconds; then it is given up.
    pub timeout_ns: Nanos,
}

/// An [`Mdp3Decoder`] whose channel recovers, where it is told to, and which takes definitions of the instrument feed.
#[derive(Debug)]
pub struct Mdp3Recoverer {
    inner: Mdp3Decoder,
    definitions: Definitions,
    recovery: Option<Box<Recovery>>,
}

#[derive(Debug)]
struct Recovery {
    instruments: Instruments,
    kept: Kept,
    loops: Loops,
    announcer: Announcer,
    timeout_ns: Nanos,
    /// Packets were lost, up to the one before the next.
    lost: bool,
    /// The snapshot of orders whose parts are coming.
    parts: Option<Parts>,
    /// Instruments whose event goes on, while what is kept is told.
    open: Vec<Place>,
}

/// A snapshot of orders of which the next part is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    number: u32,
    as_of: u32,
    parts: u32,
    next: u32,
}

/// A snapshot, whatever its template.
#[derive(Clone, Copy, Debug)]
struct Report {
    kind: Kind,
    security_id: i32,
    /// "LastMsgSeqNumProcessed".
    as_of: u32,
    /// "RptSeq"; snapshots of orders have none.
    rpt_seq: Option<u32>,
    /// "TotNumReports".
    total: u32,
    /// "CurrentChunk" of "NoChunks".
    part: u32,
    parts: u32,
}

impl Report {
    fn of(header: &Header, body: &[u8]) -> Option<Self> {
        let levels = |security_id, as_of, rpt_seq, total| Self {
            kind: Kind::Levels,
            security_id,
            as_of,
            rpt_seq: Some(rpt_seq),
            total,
            part: 1,
            parts: 1,
        };
        match header.template_id {
            38 | 52 => Snapshot::parse(header, body).map(|view| {
                let root = view.root;
                let as_of = root.last_msg_seq_num_processed();
                levels(
                    root.security_id(),
                    as_of,
                    root.rpt_seq(),
                    root.tot_num_reports(),
                )
            }),
            69 => LongSnapshot::parse(header, body).map(|view| {
                let root = view.root;
                let as_of = root.last_msg_seq_num_processed();
                levels(
                    root.security_id(),
                    as_of,
                    root.rpt_seq(),
                    root.tot_num_reports(),
                )
            }),
            44 | 53 => OrderSnapshot::parse(header, body).map(|view| Self {
                kind: Kind::Orders,
                security_id: view.root.security_id(),
                as_of: view.root.last_msg_seq_num_processed(),
                rpt_seq: None,
                total: view.root.tot_num_reports(),
                part: view.root.current_chunk(),
                parts: view.root.no_chunks(),
            }),
            _ => None,
        }
    }
}

/// What was given up at once.
#[derive(Clone, Copy, Debug, Default)]
struct GivenUp {
    instruments: u64,
    books: u64,
}

/// Tells readers of an instrument what becomes of it.
#[derive(Clone, Copy, Debug)]
struct Announcer {
    publisher_id: u16,
    channel_id: u8,
}

impl Announcer {
    /// A control record of one instrument; of which sequence, how many, and when.
    fn tell<S: RecordSink>(
        self,
        kind: ControlKind,
        instrument: InstrumentId,
        (sequence, count, ts_recv): (u64, u64, u64),
        sink: &mut S,
    ) {
        let record = ControlRecord {
            length: (size_of::<ControlRecord>() / 4) as u8,
            rtype: RTYPE_CONTROL,
            publisher_id: self.publisher_id,
            instrument_id: instrument.0,
            ts_event: ts_recv,
            kind: kind as u16,
            channel_id: self.channel_id,
            reserved: [0; 5],
            sequence,
            count,
            ts_recv,
            session: [0; 8],
        };
        publish_each(sink.wants(instrument), instrument, &record.words(), sink);
    }
}

impl Mdp3Recoverer {
    /// A decoder for a channel whose first message is still to come; without `recovery` it is an [`Mdp3Decoder`].
    ///
    /// # Errors
    /// As [`Mdp3Decoder::new`].
    pub fn new(
        config: &Mdp3Config,
        recovery: Option<Mdp3RecoveryConfig>,
    ) -> Result<Self, Mdp3ConfigError> {
        let recovery = recovery.map(|recovery| {
            Box::new(Recovery {
                instruments: Instruments::new(config.instruments_max),
                kept: Kept::new(recovery.messages_max, recovery.bytes_max),
                loops: Loops::default(),
                announcer: Announcer {
                    publisher_id: config.publisher_id,
                    channel_id: config.channel_id,
                },
                timeout_ns: recovery.timeout_ns,
                lost: false,
                parts: None,
                open: Vec::with_capacity(OPEN_MAX),
            })
        });
        Ok(Self {
            inner: Mdp3Decoder::new(config)?,
            definitions: Definitions::new(config.instruments_max),
            recovery,
        })
    }
}

impl Recovery {
    /// The stream is at `packet`: what was lost is what lies before it.
    fn arrive(&mut self, packet: u32, used: u32) {
        self.instruments.grow(used);
        self.instruments.at(packet);
        if std::mem::take(&mut self.lost) {
            self.instruments.lose(packet.saturating_sub(1));
            self.kept.clear(packet);
            self.loops.restart();
            self.parts = None;
        }
    }

    /// A message of the stream.
    #[inline(never)]
    fn message<S: RecordSink>(
        &mut self,
        inner: &mut Mdp3Decoder,
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        let packet = context.sequence as u32;
        self.instruments.look();
        self.arrive(packet, inner.directory.used());
        let header = Header::split(message).filter(|(header, _)| header.schema_id == SCHEMA_ID);
        if let Some((header, body)) = header {
            if header.template_id == CHANNEL_RESET && ChannelReset::parse(&header, body).is_some() {
                self.end_all(context, sink);
                self.instruments.restart(false);
                self.parts = None;
                self.kept.clear(packet.saturating_add(1));
            }
            self.follow(inner, context, (&header, body), message, sink);
        }
        if self.instruments.is_settled(packet) {
            inner.message(context, message, sink);
        } else {
            let mut refresh = inner.counters.refresh;
            let mut sink = Withholding {
                sink,
                instruments: &mut self.instruments,
                counters: &mut refresh,
                announcer: &self.announcer,
                packet,
                ts_recv: context.ts_recv,
            };
            inner.message(context, message, &mut sink);
            inner.counters.refresh = refresh;
        }
        // It was looked at before.
        inner.directory.take_news();
        self.show(inner);
    }

    /// A message went by in calm by which books began anew that were in doubt.
    #[cold]
    #[inline(never)]
    fn news(&mut self, inner: &mut Mdp3Decoder, context: &MessageContext, message: &[u8]) {
        self.instruments.grow(inner.directory.used());
        let split = Header::split(message).filter(|(header, _)| header.schema_id == SCHEMA_ID);
        let Some((header, body)) = split else {
            return;
        };
        if header.template_id == CHANNEL_RESET && ChannelReset::parse(&header, body).is_some() {
            self.instruments.restart(false);
            self.parts = None;
            self.kept.clear((context.sequence as u32).saturating_add(1));
        }
        updates(&header, body, |update| {
            let Some(place) = inner.directory.find(update.security_id) else {
                return;
            };
            let number = inner.directory.instrument(place).0;
            let right = inner.directory.is_clean(place, Books::Both);
            if right && self.instruments.is_doubted(number) {
                self.begin(number);
                inner.counters.refresh.refreshed += 1;
            }
        });
        self.show(inner);
    }

    /// An instrument's books are empty, or new: the rest of a snapshot from before, or from ahead, is of no use.
    fn begin(&mut self, number: u32) {
        self.instruments.begin(number, Kind::Levels);
        self.instruments.begin(number, Kind::Orders);
        self.parts = self.parts.filter(|parts| parts.number != number);
    }

    /// Tells readers of the instruments whose changes were withheld that their books begin anew.
    fn end_all<S: RecordSink>(&self, context: &MessageContext, sink: &mut S) {
        for number in 1..=self.instruments.used() {
            if self.instruments.state(number).withheld {
                let place = (context.sequence, 0, context.ts_recv);
                let instrument = InstrumentId(number);
                self.announcer
                    .tell(ControlKind::Recovered, instrument, place, sink);
            }
        }
    }

    /// Takes note of which instruments a message is about and what that proves, and keeps it for those that wait for a
    /// snapshot.
    fn follow<S: RecordSink>(
        &mut self,
        inner: &mut Mdp3Decoder,
        context: &MessageContext,
        (header, body): (&Header, &[u8]),
        message: &[u8],
        sink: &mut S,
    ) {
        let settled = self.instruments.is_settled(context.sequence as u32);
        let touches = updates(header, body, |update| {
            let Some(place) = inner.directory.find(update.security_id) else {
                return;
            };
            let instrument = inner.directory.instrument(place);
            let number = instrument.0;
            self.instruments.grow(inner.directory.used());
            self.instruments
                .recall(number, inner.directory.reported(place));
            let proof = self
                .instruments
                .note(number, update.rpt_seq, update.empties);
            let withheld = self.instruments.state(number).withheld;
            match proof {
                Proof::Nothing => {}
                Proof::Unbroken => self.instruments.go_on(number, Kind::Levels),
                Proof::First | Proof::Empty => {
                    self.begin(number);
                    if withheld {
                        let place = (context.sequence, 0, context.ts_recv);
                        self.announcer
                            .tell(ControlKind::Recovered, instrument, place, sink);
                    }
                }
            }
            inner.counters.refresh.refreshed += u64::from(proof != Proof::Nothing);
            if inner.directory.in_doubt() {
                // Also those that a snapshot from behind the loss had made whole before it.
                for (kind, books) in [(Kind::Levels, Books::Levels), (Kind::Orders, Books::Orders)]
                {
                    if self.instruments.is_right(number, kind) {
                        inner.directory.cleanse(place, books);
                    }
                }
            }
        });
        if !(settled && self.instruments.is_settled(context.sequence as u32)) {
            self.keep(inner, touches, context, (header, body), message);
        }
    }

    /// Keeps a message for those of its instruments whose books it changes and that are not whole.
    fn keep(
        &mut self,
        inner: &mut Mdp3Decoder,
        touches: Touches,
        context: &MessageContext,
        (header, body): (&Header, &[u8]),
        message: &[u8],
    ) {
        if touches == Touches::Nothing {
            return;
        }
        let packet = context.sequence as u32;
        let mut kept = None;
        updates(header, body, |update| {
            let Some(place) = inner.directory.find(update.security_id) else {
                return;
            };
            let number = inner.directory.instrument(place).0;
            let whole = |kind| self.instruments.is_whole(number, kind);
            let of_levels = touches != Touches::Orders || update.empties;
            let of_orders = touches != Touches::Levels || update.empties;
            let wanted = (of_levels && !whole(Kind::Levels)) || (of_orders && !whole(Kind::Orders));
            if !wanted {
                return;
            }
            let index =
                *kept.get_or_insert_with(|| self.kept.keep(packet, context.ts_recv, message));
            if let (Some(index), Some(state)) = (index, self.instruments.state_mut(number)) {
                self.kept.link(&mut state.chain, index);
            }
        });
    }

    /// A message of the snapshot loop, on a line of its own; `begins`: it is the first one of packet `number`.
    #[cold]
    fn refresh<S: RecordSink>(
        &mut self,
        inner: &mut Mdp3Decoder,
        (line, number, begins): (usize, u32, bool),
        ts_recv: u64,
        message: &[u8],
        sink: &mut S,
    ) {
        if begins {
            let verdict = self.loops.packet(line, number);
            if verdict != Verdict::default() && self.instruments.is_in_doubt() {
                let is_over = |_: &Instruments, _, kind| verdict.of(kind);
                let given_up = self.give_up(inner, is_over, ts_recv, sink);
                inner.counters.refresh.given_up += given_up.instruments;
            }
        }
        let split = Header::split(message).filter(|(header, _)| header.schema_id == SCHEMA_ID);
        let report = split.and_then(|(header, body)| Report::of(&header, body));
        let Some(report) = report else {
            inner.counters.refresh.not_snapshots += u64::from(!is_heartbeat(message));
            return;
        };
        if report.part == 1 {
            let of_orders = report.kind == Kind::Orders;
            self.loops.snapshot(line, of_orders, report.total);
        }
        if self.lost {
            // What was lost is known with the next packet only.
            inner.counters.refresh.early += 1;
        } else {
            self.take(inner, &report, ts_recv, message, sink);
        }
        self.show(inner);
    }

    /// Takes a snapshot, or a part of it, where it is of use.
    fn take<S: RecordSink>(
        &mut self,
        inner: &mut Mdp3Decoder,
        report: &Report,
        ts_recv: u64,
        message: &[u8],
        sink: &mut S,
    ) {
        let Some(place) = inner.directory.find(report.security_id) else {
            inner.counters.refresh.no_room += 1;
            return;
        };
        let instrument = inner.directory.instrument(place);
        self.instruments.grow(inner.directory.used());
        self.instruments.look();
        self.instruments
            .recall(instrument.0, inner.directory.reported(place));
        let this = Parts {
            number: instrument.0,
            as_of: report.as_of,
            parts: report.parts,
            next: report.part,
        };
        if report.part == 0 || report.part > report.parts {
            inner.counters.refresh.out_of_order += 1;
            return;
        }
        if report.part > 1 && self.parts != Some(this) {
            let wanted = !self.instruments.is_whole(instrument.0, report.kind)
                || self.instruments.is_coming(instrument.0);
            inner.counters.refresh.out_of_order += u64::from(wanted);
            return;
        }
        let going_on = self
            .parts
            .filter(|parts| Parts { next: 1, ..*parts } == this);
        if report.part == 1 && going_on.is_some() {
            // The other line's copy of what is being taken.
            return;
        }
        let counters = &mut inner.counters.refresh;
        match self.instruments.judge(
            instrument.0,
            report.kind,
            report.as_of,
            report.rpt_seq,
            &self.kept,
        ) {
            Judgement::Take => {}
            Judgement::NotWanted => return,
            Judgement::TooOld => return counters.too_old += 1,
            Judgement::TooFarAhead => return counters.too_far_ahead += 1,
        }
        let context = MessageContext {
            sequence: report.as_of.into(),
            ts_recv,
        };
        if report.kind == Kind::Orders
            && let Some(before) = self.parts.filter(|before| *before != this)
        {
            // Its other parts do not come any longer.
            self.instruments.drop_coming(before.number);
        }
        if report.part == 1
            && report.parts > 1
            && self.instruments.is_whole(this.number, report.kind)
        {
            // It was given up, and its changes go on while the parts come: but not those that the parts contain.
            self.instruments.contain(this.number, report.as_of);
        }
        if report.part == 1 {
            let place = (u64::from(report.as_of) + 1, report.parts.into(), ts_recv);
            self.announcer
                .tell(ControlKind::SnapshotBegin, instrument, place, sink);
        }
        inner.snapshot(SnapshotPart::State);
        inner.message(&context, message, sink);
        inner.snapshot(SnapshotPart::Over);
        if report.kind == Kind::Orders {
            self.parts = (report.part < report.parts).then_some(Parts {
                next: report.part.saturating_add(1),
                ..this
            });
            if self.parts.is_some() {
                return;
            }
        }
        let told = self.catch_up(inner, instrument, report, sink);
        self.instruments
            .make_whole(instrument.0, report.kind, report.as_of, report.rpt_seq);
        inner.counters.refresh.snapshots += 1;
        inner.counters.refresh.replayed += told;
        let next = u64::from(self.instruments.newest().max(report.as_of)) + 1;
        self.announcer.tell(
            ControlKind::SnapshotEnd,
            instrument,
            (next, told, ts_recv),
            sink,
        );
    }

    /// Tells what is kept of the stream behind a snapshot; how many messages that were.
    fn catch_up<S: RecordSink>(
        &mut self,
        inner: &mut Mdp3Decoder,
        instrument: InstrumentId,
        report: &Report,
        sink: &mut S,
    ) -> u64 {
        let mut only = Only {
            sink,
            instrument,
            kind: report.kind,
            open: None,
        };
        let mut told = 0;
        let chain = self.instruments.state(instrument.0).chain;
        // They were counted when they came, and are not of the event that may be going on.
        let counters = inner.counters.clone();
        inner
            .open
            .retain(|&place| inner.directory.set_open(place, false));
        std::mem::swap(&mut inner.open, &mut self.open);
        inner.snapshot(SnapshotPart::Replay);
        for (packet, ts_recv, message) in self.kept.of(chain) {
            if packet > report.as_of {
                let sequence = packet.into();
                inner.message(&MessageContext { sequence, ts_recv }, message, &mut only);
                told += 1;
            }
        }
        only.close();
        inner.snapshot(SnapshotPart::Over);
        std::mem::swap(&mut inner.open, &mut self.open);
        for place in self.open.drain(..) {
            inner.directory.set_open(place, false);
        }
        for &place in &inner.open {
            inner.directory.set_open(place, true);
        }
        inner.counters = counters;
        told
    }

    /// Lets the changes go on of books that no snapshot has made whole, and of which `is_over` says that none will.
    fn give_up<S: RecordSink>(
        &mut self,
        inner: &mut Mdp3Decoder,
        is_over: impl Fn(&Instruments, u32, Kind) -> bool,
        ts_recv: u64,
        sink: &mut S,
    ) -> GivenUp {
        let mut all = GivenUp::default();
        for number in 1..=self.instruments.used() {
            let was_withheld = self.instruments.state(number).withheld;
            let mut books = 0;
            for kind in [Kind::Levels, Kind::Orders] {
                let waits = !self.instruments.is_whole(number, kind);
                if waits && is_over(&self.instruments, number, kind) {
                    self.instruments.give_up(number, kind);
                    books += 1;
                    let coming = self.parts.filter(|parts| parts.number == number);
                    if let (Kind::Orders, Some(parts)) = (kind, coming) {
                        self.instruments.contain(number, parts.as_of);
                    }
                }
            }
            all.instruments += u64::from(books > 0);
            all.books += books;
            if books > 0 && was_withheld {
                let next = u64::from(self.instruments.newest()) + 1;
                let place = (next, 0, ts_recv);
                self.announcer
                    .tell(ControlKind::Gap, InstrumentId(number), place, sink);
            }
        }
        if all.books > 0 {
            let instruments = &self.instruments;
            inner
                .directory
                .taint_those(|number, books| instruments.is_given_up(number, kind_of(books)));
        }
        if self.instruments.stale() == 0 {
            self.settle(inner);
        }
        self.show(inner);
        all
    }

    /// Gives up the books that have waited for too long at `now`; whether there were any.
    fn watch<S: RecordSink>(
        &mut self,
        inner: &mut Mdp3Decoder,
        now: Nanos,
        ts_recv: u64,
        sink: &mut S,
    ) -> bool {
        let limit = self.timeout_ns;
        if !self.instruments.is_overdue(now, limit) {
            if self.instruments.is_long_mended(limit) {
                self.settle(inner);
                self.show(inner);
            }
            return false;
        }
        let is_over = |instruments: &Instruments, number, kind| {
            instruments.is_book_overdue(number, kind, limit)
        };
        let given_up = self.give_up(inner, is_over, ts_recv, sink);
        self.instruments.wait_on();
        inner.counters.refresh.timed_out += given_up.books;
        given_up.books > 0
    }

    /// Nothing that was lost harms any instrument from here on: none has to be looked at again.
    fn settle(&mut self, inner: &mut Mdp3Decoder) {
        if self.instruments.take_spared() {
            let instruments = &self.instruments;
            inner
                .directory
                .cleanse_those(|number, books| instruments.is_right(number, kind_of(books)));
        }
        self.instruments.settle();
    }

    fn discontinuity(&mut self, kind: Discontinuity) {
        match kind {
            Discontinuity::Lost => self.lost = true,
            Discontinuity::Restarted => self.begin_anew(|instruments| instruments.restart(true)),
            Discontinuity::SessionChanged => self.begin_anew(Instruments::forget),
        }
    }

    fn begin_anew(&mut self, instruments: impl FnOnce(&mut Instruments)) {
        instruments(&mut self.instruments);
        self.kept.clear(0);
        self.loops.restart();
        (self.parts, self.lost) = (None, false);
    }

    fn show(&self, inner: &mut Mdp3Decoder) {
        let counters = &mut inner.counters.refresh;
        counters.stale_levels = self.instruments.stale_levels.into();
        counters.stale_orders = self.instruments.stale_orders.into();
        counters.loops = self.loops.seen;
        counters.overflows = self.kept.overflows;
    }
}

/// The kind of one of the two books.
fn kind_of(books: Books) -> Kind {
    match books {
        Books::Levels => Kind::Levels,
        Books::Orders | Books::Both => Kind::Orders,
    }
}

fn is_heartbeat(message: &[u8]) -> bool {
    let split = Header::split(message).filter(|(header, _)| header.schema_id == SCHEMA_ID);
    split.is_some_and(|(header, _)| header.template_id == HEARTBEAT)
}

impl Decoder for Mdp3Recoverer {
    const TAKES_REFRESHES: bool = true;

    #[inline(always)]
    fn message<S: RecordSink>(&mut self, context: &MessageContext, message: &[u8], sink: &mut S) {
        if let Some(recovery) = &mut self.recovery {
            let packet = context.sequence as u32;
            if recovery.lost || !recovery.instruments.is_calm(packet) {
                return recovery.message(&mut self.inner, context, message, sink);
            }
            recovery.instruments.pass(packet);
        }
        self.inner.message(context, message, sink);
        if self.inner.directory.take_news()
            && let Some(recovery) = &mut self.recovery
        {
            recovery.news(&mut self.inner, context, message);
        }
    }

    fn refresh<S: RecordSink>(
        &mut self,
        (line, begins): (usize, bool),
        context: &MessageContext,
        message: &[u8],
        sink: &mut S,
    ) {
        let inner = &mut self.inner;
        match self.definitions.judge(&mut inner.directory, message) {
            Told::News => inner.message(context, message, sink),
            Told::Again => inner.counters.refresh.repeated += 1,
            Told::NoRoom => inner.counters.refresh.no_room += 1,
            Told::NoDefinition => match &mut self.recovery {
                Some(recovery) => {
                    let place = (line, context.sequence as u32, begins);
                    recovery.refresh(inner, place, context.ts_recv, message, sink);
                }
                None => inner.counters.refresh.not_snapshots += u64::from(!is_heartbeat(message)),
            },
        }
    }

    fn watch<S: RecordSink>(&mut self, now: Nanos, ts_recv: Nanos, sink: &mut S) -> bool {
        let recovery = self.recovery.as_mut();
        recovery.is_some_and(|recovery| recovery.watch(&mut self.inner, now, ts_recv, sink))
    }

    fn discontinuity<S: RecordSink>(
        &mut self,
        kind: Discontinuity,
        context: &MessageContext,
        sink: &mut S,
    ) {
        self.inner.discontinuity(kind, context, sink);
        if kind == Discontinuity::SessionChanged {
            self.definitions.forget();
        }
        if let Some(recovery) = &mut self.recovery {
            recovery.discontinuity(kind);
        }
    }

    fn snapshot(&mut self, part: SnapshotPart) {
        self.inner.snapshot(part);
    }

    fn counters(&self) -> &DecoderCounters {
        self.inner.counters()
    }
}
