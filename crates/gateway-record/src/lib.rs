//! Records that strategies receive.
//!
//! The normalised record is DBN v3, imported by that name. What DBN lacks is here: control records (gap, reset,
//! session start and end, snapshot begin and end) and native records (the exchange's own bytes). Their record types lie outside DBN's range,
//! and they are never written into a `.dbn` file.
//!
//! Feeds compose records, clients read them, and neither knows the other: this crate is all that they share.

pub mod book;

use dbn::{Action, Side};

pub use dbn::v3;

/// Nanoseconds since the Unix epoch (UTC).
pub type Nanos = u64;

/// Identifies an instrument within a feed; for Nasdaq ITCH the day's stock locate (1..=65535).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId(pub u32);

// Records are composed as 64-bit words whose bytes are those of the structs; that holds where the first byte of a
// word is its lowest.
#[cfg(not(target_endian = "little"))]
compile_error!(
    "records are little-endian structs in shared memory: big-endian machines are not supported"
);

/// Record type of a [`ControlRecord`].
pub const RTYPE_CONTROL: u8 = 0xF0;
/// Record type of a native record, see [`NativeHeader`].
pub const RTYPE_NATIVE: u8 = 0xF1;

/// What a [`ControlRecord`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ControlKind {
    /// Messages `sequence .. sequence + count` are lost for good.
    Gap = 1,
    /// The transport's sequence restarted within the session; `sequence` is the next one expected.
    Reset = 2,
    /// A session begins (or the first packet of a running one was seen); `sequence` is its first delivered message.
    SessionStart = 3,
    /// The venue ended the session; `sequence` is the one after its last message.
    SessionEnd = 4,
    /// Messages `sequence .. sequence + count` are missing and asked for; what follows them waits. Told once for all
    /// that is missing until [`Recovered`](Self::Recovered).
    Recovering = 5,
    /// Nothing is waited for any longer, and the stream goes on at `sequence`. What could not be had was told as
    /// [`Gap`](Self::Gap).
    Recovered = 6,
    /// A snapshot begins: up to [`SnapshotEnd`](Self::SnapshotEnd) come a Clear record for each instrument, then the
    /// records of `count` messages that say what there is (orders, instruments, states), all valid before message
    /// `sequence`. Order records among them are flagged `F_SNAPSHOT`. Nothing in it happened now.
    SnapshotBegin = 7,
    /// The snapshot is complete, and what it said is valid before message `sequence`, where the stream goes on. The
    /// last `count` messages in it are such as had been delivered before, and are told again on top of the snapshot
    /// to bring it there.
    SnapshotEnd = 8,
    /// No line brought anything for longer than the venue is ever silent; `sequence` is the next one expected.
    Stale = 9,
    /// A line brought something again after [`Stale`](Self::Stale).
    Live = 10,
}

/// A record about a channel rather than about an instrument. 56 bytes, one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ControlRecord {
    /// Length of the record in 32-bit words, as in a DBN header: 14.
    pub length: u8,
    /// [`RTYPE_CONTROL`].
    pub rtype: u8,
    /// DBN publisher of the channel.
    pub publisher_id: u16,
    /// 0: it concerns the channel. Another number: this instrument alone, where a feed recovers instrument by instrument
    /// (MDP 3.0).
    pub instrument_id: u32,
    /// The venue's time where it is known, else that of `ts_recv`; nanoseconds since the Unix epoch.
    pub ts_event: u64,
    /// A [`ControlKind`] as its number.
    pub kind: u16,
    /// The channel's id.
    pub channel_id: u8,
    /// Reserved, 0.
    pub reserved: [u8; 5],
    /// First sequence concerned, full 64 bits.
    pub sequence: u64,
    /// How many messages are concerned (`Gap`, `Recovering`, `SnapshotBegin`, `SnapshotEnd`), else 0.
    pub count: u64,
    /// When the gateway knew; nanoseconds since the Unix epoch.
    pub ts_recv: u64,
    /// The first eight bytes of the session's name, as the wire has them.
    pub session: [u8; 8],
}

/// The 16 bytes in front of the exchange's bytes in a native record.
///
/// With it the longest order message of ITCH 5.0 (40 bytes) still fits one 56-byte slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct NativeHeader {
    /// Length of the record, header and padding included, in 32-bit words.
    pub length: u8,
    /// [`RTYPE_NATIVE`].
    pub rtype: u8,
    /// Exact length of the message behind the header, in bytes.
    pub message_length: u16,
    /// Instrument where the message names one, else 0.
    pub instrument_id: u32,
    /// When the gateway received the packet; nanoseconds since the Unix epoch.
    pub ts_recv: u64,
}

impl ControlKind {
    /// The kind of that number.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Gap),
            2 => Some(Self::Reset),
            3 => Some(Self::SessionStart),
            4 => Some(Self::SessionEnd),
            5 => Some(Self::Recovering),
            6 => Some(Self::Recovered),
            7 => Some(Self::SnapshotBegin),
            8 => Some(Self::SnapshotEnd),
            9 => Some(Self::Stale),
            10 => Some(Self::Live),
            _ => None,
        }
    }
}

impl ControlRecord {
    /// The record as the words of a slot.
    #[must_use]
    pub const fn words(&self) -> [u64; 7] {
        let [r0, r1, r2, r3, r4] = self.reserved;
        [
            self.length as u64
                | (self.rtype as u64) << 8
                | (self.publisher_id as u64) << 16
                | (self.instrument_id as u64) << 32,
            self.ts_event,
            self.kind as u64 | u64::from_le_bytes([0, 0, self.channel_id, r0, r1, r2, r3, r4]),
            self.sequence,
            self.count,
            self.ts_recv,
            u64::from_le_bytes(self.session),
        ]
    }

    /// The record in the words of a slot; `None` if they hold another record.
    #[must_use]
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let &[head, ts_event, kind, sequence, count, ts_recv, session] = words else {
            return None;
        };
        let [length, rtype, p0, p1, i0, i1, i2, i3] = head.to_le_bytes();
        let [k0, k1, channel_id, reserved @ ..] = kind.to_le_bytes();
        (rtype == RTYPE_CONTROL).then_some(Self {
            length,
            rtype,
            publisher_id: u16::from_le_bytes([p0, p1]),
            instrument_id: u32::from_le_bytes([i0, i1, i2, i3]),
            ts_event,
            kind: u16::from_le_bytes([k0, k1]),
            channel_id,
            reserved,
            sequence,
            count,
            ts_recv,
            session: session.to_le_bytes(),
        })
    }
}

impl NativeHeader {
    /// Words of a native record of a message of `message_length` bytes.
    #[must_use]
    #[inline(always)]
    pub const fn words_for(message_length: usize) -> usize {
        2 + message_length.div_ceil(8)
    }

    /// The two words in front of a message of `message_length` bytes, at most 1,004 (else the record's length, a
    /// byte of 32-bit words, could not hold it).
    #[must_use]
    #[inline(always)]
    pub const fn words(
        message_length: usize,
        instrument: InstrumentId,
        ts_recv: Nanos,
    ) -> [u64; 2] {
        debug_assert!(message_length <= 1004);
        let length = (Self::words_for(message_length) * 2) as u64;
        [
            length & 0xFF
                | (RTYPE_NATIVE as u64) << 8
                | (message_length as u64 & 0xFFFF) << 16
                | (instrument.0 as u64) << 32,
            ts_recv,
        ]
    }
}

/// What the order records of one message have in common: everything but the order itself.
///
/// It composes [`v3::MboMsg`]s as the seven words that a slot takes, without building the struct first: stores of
/// single fields that are read again as words at once would stall the store buffer.
#[derive(Clone, Copy, Debug)]
pub struct MboEvent {
    head: u64,
    ts_event: Nanos,
    channel: u64,
    ts_recv: Nanos,
    tail: u64,
}

impl MboEvent {
    /// The first word of the records of a publisher, without the instrument: computed once a decoder.
    #[must_use]
    pub const fn head(publisher_id: u16) -> u64 {
        let length = (size_of::<v3::MboMsg>() / 4) as u64;
        length | (dbn::rtype::MBO as u64) << 8 | (publisher_id as u64) << 16
    }

    /// The channel's id in its place in a record: computed once a decoder.
    #[must_use]
    pub const fn channel(channel_id: u8) -> u64 {
        (channel_id as u64) << 40
    }

    /// Flags in their place in a record: what is added to the channel's id is set in every record of the event.
    #[must_use]
    #[inline(always)]
    pub const fn flags(flags: u8) -> u64 {
        (flags as u64) << 32
    }

    /// An event at `ts_event` of the message with `sequence` (its low 32 bits are kept) received at `ts_recv`.
    ///
    /// `ts_in_delta` is `ts_recv - ts_event`, as Databento has it where the venue sends one timestamp only; it
    /// saturates at the ends of an `i32` (2.1 s), which a replayed file always reaches.
    #[must_use]
    #[inline(always)]
    pub fn new(
        head: u64,
        channel: u64,
        instrument: InstrumentId,
        ts_event: Nanos,
        ts_recv: Nanos,
        sequence: u64,
    ) -> Self {
        let wide = ts_recv.wrapping_sub(ts_event).cast_signed();
        let delta = wide.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        Self {
            head: head | u64::from(instrument.0) << 32,
            ts_event,
            channel,
            ts_recv,
            tail: u64::from(delta.cast_unsigned()) | sequence << 32,
        }
    }

    /// The instrument that the event is about.
    #[must_use]
    #[inline(always)]
    pub const fn instrument(&self) -> InstrumentId {
        InstrumentId((self.head >> 32) as u32)
    }

    /// One record of the event. `price` is in units of 1e-9.
    #[must_use]
    #[inline(always)]
    pub const fn record(
        &self,
        action: Action,
        side: Side,
        order_id: u64,
        price: i64,
        size: u32,
        flags: u8,
    ) -> [u64; 7] {
        let codes = Self::codes(action, flags) | Self::side_code(side);
        self.record_of_codes(codes, order_id, price, size)
    }

    /// An action and flags as [`MboEvent::record_of_codes`] takes them, without a side.
    #[must_use]
    #[inline(always)]
    pub const fn codes(action: Action, flags: u8) -> u64 {
        Self::flags(flags) | (action as u64) << 48
    }

    /// A side as [`MboEvent::record_of_codes`] takes it.
    #[must_use]
    #[inline(always)]
    pub const fn side_code(side: Side) -> u64 {
        (side as u64) << 56
    }

    /// One record of the event, whose action, side and flags were put together before. Bits that `codes` has in the
    /// place of the size (its low 32) are set in the record's size too: all ones make it undefined.
    #[must_use]
    #[inline(always)]
    pub const fn record_of_codes(
        &self,
        codes: u64,
        order_id: u64,
        price: i64,
        size: u32,
    ) -> [u64; 7] {
        [
            self.head,
            self.ts_event,
            order_id,
            price.cast_unsigned(),
            size as u64 | self.channel | codes,
            self.ts_recv,
            self.tail,
        ]
    }
}

/// Words of the longest normalised record, the definition.
pub const WORDS_MAX: usize = size_of::<v3::InstrumentDefMsg>() / 8;

/// The words of a normalised record, for records that are rare enough to be built as a struct first.
///
/// Every DBN record is a whole number of words without padding bytes, and at most [`WORDS_MAX`] of them.
#[must_use]
pub fn words_into<'a, R: v3::Record>(record: &R, words: &'a mut [u64; WORDS_MAX]) -> &'a [u64] {
    let (chunks, _) = record.as_ref().as_chunks::<8>();
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*chunk);
    }
    &words[..chunks.len().min(WORDS_MAX)]
}

const _: () = assert!(size_of::<ControlRecord>() == 56 && align_of::<ControlRecord>() == 8);
const _: () = assert!(size_of::<NativeHeader>() == 16);
const _: () = assert!(size_of::<v3::MboMsg>() == 56);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use dbn::FlagSet;

    use super::*;

    #[test]
    fn an_order_record_has_the_bytes_of_the_struct() {
        let (ts_recv, ts_event) = (1_700_000_000_000_123_456, 1_700_000_000_000_000_000);
        let event = MboEvent::new(
            MboEvent::head(2),
            MboEvent::channel(7),
            InstrumentId(8007),
            ts_event,
            ts_recv,
            0x1_2345_6789,
        );
        let words = event.record(
            Action::Add,
            Side::Bid,
            42,
            1_234_500_000_000,
            100,
            dbn::flags::LAST,
        );
        let expected = v3::MboMsg {
            hd: v3::RecordHeader::new::<v3::MboMsg>(dbn::rtype::MBO, 2, 8007, ts_event),
            order_id: 42,
            price: 1_234_500_000_000,
            size: 100,
            flags: FlagSet::new(dbn::flags::LAST),
            channel_id: 7,
            action: b'A' as _,
            side: b'B' as _,
            ts_recv,
            ts_in_delta: 123_456,
            sequence: 0x2345_6789,
        };
        assert_eq!(words, words_into(&expected, &mut [0; WORDS_MAX]));
    }

    #[test]
    fn the_delta_saturates() {
        let delta = |ts_event, ts_recv| {
            let event = MboEvent::new(0, 0, InstrumentId(1), ts_event, ts_recv, 0);
            (event.tail as u32).cast_signed()
        };
        assert_eq!(delta(100, 107), 7);
        assert_eq!(delta(107, 100), -7);
        assert_eq!(delta(0, 1 << 40), i32::MAX);
        assert_eq!(delta(1 << 40, 0), i32::MIN);
    }

    #[test]
    fn a_control_record_survives_its_words() {
        let record = ControlRecord {
            length: 14,
            rtype: RTYPE_CONTROL,
            publisher_id: 2,
            instrument_id: 0,
            ts_event: 1,
            kind: ControlKind::Gap as u16,
            channel_id: 3,
            reserved: [0; 5],
            sequence: 291,
            count: 5,
            ts_recv: 9,
            session: *b"ABCDEFGH",
        };
        let words = record.words();
        assert_eq!(ControlRecord::from_words(&words), Some(record));
        assert_eq!(words[2].to_le_bytes(), [1, 0, 3, 0, 0, 0, 0, 0]);
        assert_eq!(words[6].to_le_bytes(), *b"ABCDEFGH");
        assert_eq!(ControlRecord::from_words(&words[..6]), None);
        assert_eq!(ControlRecord::from_words(&[0; 7]), None);
    }
}
