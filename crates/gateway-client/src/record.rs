//! Typed views of records, borrowed from the subscription's buffer.

use dbn::rtype;
use gateway_queue::RecordRef;
use gateway_record::v3::{
    ImbalanceMsg, InstrumentDefMsg, MboMsg, Mbp1Msg, Mbp10Msg, StatMsg, StatusMsg, TradeMsg,
};
use gateway_record::{ControlRecord, NativeHeader, RTYPE_CONTROL, RTYPE_NATIVE};

/// A record, by its type. Valid until the next poll.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// An order message, fill or trade.
    Mbo(&'a MboMsg),
    /// The best prices of an instrument's book, from a conflated queue.
    Mbp1(&'a Mbp1Msg),
    /// The ten best levels of an instrument's book, from a conflated queue.
    Mbp10(&'a Mbp10Msg),
    /// A trade, of a venue that publishes no orders.
    Trade(&'a TradeMsg),
    /// An instrument.
    Definition(&'a InstrumentDefMsg),
    /// A trading status.
    Status(&'a StatusMsg),
    /// An auction imbalance.
    Imbalance(&'a ImbalanceMsg),
    /// A statistic of the venue: a settlement price, open interest and the like.
    Statistics(&'a StatMsg),
    /// Something about the channel: a gap, a reset, a session's begin or end.
    Control(&'a ControlRecord),
    /// A message as the exchange sent it.
    Native {
        /// What the gateway put in front.
        header: &'a NativeHeader,
        /// The exchange's bytes.
        bytes: &'a [u8],
    },
    /// A record of a type that this client does not know, or whose length contradicts its type.
    Other(RecordRef<'a>),
}

impl<'a> Record<'a> {
    /// The view of a record's words.
    #[inline]
    #[must_use]
    pub fn from_words(record: RecordRef<'a>) -> Self {
        let words = record.words;
        let Some(&first) = words.first() else {
            return Self::Other(record);
        };
        let view = match (first >> 8) as u8 {
            rtype::MBO => view(words).map(Self::Mbo),
            RTYPE_CONTROL => view(words).map(Self::Control),
            RTYPE_NATIVE => native(words),
            rtype::MBP_1 => view(words).map(Self::Mbp1),
            rtype::MBP_10 => view(words).map(Self::Mbp10),
            rtype::MBP_0 => view(words).map(Self::Trade),
            rtype::INSTRUMENT_DEF => view(words).map(Self::Definition),
            rtype::STATUS => view(words).map(Self::Status),
            rtype::IMBALANCE => view(words).map(Self::Imbalance),
            rtype::STATISTICS => view(words).map(Self::Statistics),
            _ => None,
        };
        view.unwrap_or(Self::Other(record))
    }

    /// The id of the channel that it came from, as the gateway numbers them; `None` where the record does not say.
    #[must_use]
    pub fn channel_id(&self) -> Option<u8> {
        match self {
            Self::Mbo(order) => Some(order.channel_id),
            Self::Control(control) => Some(control.channel_id),
            Self::Definition(definition) => u8::try_from(definition.channel_id).ok(),
            Self::Statistics(statistic) => u8::try_from(statistic.channel_id).ok(),
            _ => None,
        }
    }

    /// When the gateway received the packet that it came from, nanoseconds since the Unix epoch; `None` where the record
    /// does not say.
    #[must_use]
    pub const fn ts_recv(&self) -> Option<u64> {
        match self {
            Self::Mbo(order) => Some(order.ts_recv),
            Self::Mbp1(best) => Some(best.ts_recv),
            Self::Mbp10(levels) => Some(levels.ts_recv),
            Self::Definition(definition) => Some(definition.ts_recv),
            Self::Status(status) => Some(status.ts_recv),
            Self::Imbalance(imbalance) => Some(imbalance.ts_recv),
            Self::Trade(trade) => Some(trade.ts_recv),
            Self::Statistics(statistic) => Some(statistic.ts_recv),
            Self::Native { header, .. } => Some(header.ts_recv),
            Self::Control(_) | Self::Other(_) => None,
        }
    }
}

/// Types whose every bit pattern is a value, whose alignment is at most 8 and which have no padding that anybody reads.
///
/// # Safety
/// The implementor is such a type.
unsafe trait Plain: Sized {}

// SAFETY: `repr(C)`, integers and arrays of integers only (`FlagSet` is a transparent `u8`), alignment 8.
unsafe impl Plain for MboMsg {}
// SAFETY: as above.
unsafe impl Plain for Mbp1Msg {}
// SAFETY: as above.
unsafe impl Plain for Mbp10Msg {}
// SAFETY: as above.
unsafe impl Plain for InstrumentDefMsg {}
// SAFETY: as above.
unsafe impl Plain for StatusMsg {}
// SAFETY: as above.
unsafe impl Plain for ImbalanceMsg {}
// SAFETY: as above.
unsafe impl Plain for TradeMsg {}
// SAFETY: as above.
unsafe impl Plain for StatMsg {}
// SAFETY: as above.
unsafe impl Plain for ControlRecord {}
// SAFETY: as above.
unsafe impl Plain for NativeHeader {}

/// `words` as a `T`, if that is exactly how long they are.
#[inline(always)]
fn view<T: Plain>(words: &[u64]) -> Option<&T> {
    const { assert!(align_of::<T>() <= align_of::<u64>()) };
    if size_of_val(words) != size_of::<T>().next_multiple_of(8) {
        return None;
    }
    // SAFETY: long enough as just checked, aligned as asserted above, and `Plain` vouches for any content; the view
    // borrows what the words borrow.
    Some(unsafe { &*words.as_ptr().cast::<T>() })
}

/// `words` as order records; what is behind the last whole one is left out.
pub(crate) fn orders(words: &[u64]) -> &[MboMsg] {
    const { assert!(size_of::<MboMsg>() == 56 && align_of::<MboMsg>() <= align_of::<u64>()) };
    let records = size_of_val(words) / size_of::<MboMsg>();
    // SAFETY: as many as there are whole, aligned as asserted above, and `Plain` vouches for any content; the view borrows
    // what the words borrow.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), records) }
}

#[inline]
fn native(words: &[u64]) -> Option<Record<'_>> {
    let (header, rest) = words.split_at_checked(size_of::<NativeHeader>() / 8)?;
    let header: &NativeHeader = view(header)?;
    // SAFETY: the bytes of initialised words are initialised bytes; the length is that of the words.
    let bytes =
        unsafe { std::slice::from_raw_parts(rest.as_ptr().cast::<u8>(), size_of_val(rest)) };
    Some(Record::Native {
        header,
        bytes: bytes.get(..usize::from(header.message_length))?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn record(words: &[u64]) -> RecordRef<'_> {
        RecordRef { position: 0, words }
    }

    #[test]
    fn an_order_is_seen_as_one() {
        let mut words = [0_u64; 7];
        words[0] = 14 | u64::from(rtype::MBO) << 8 | 2 << 16 | 77 << 32;
        words[3] = 1_234_500_000_000;
        let Record::Mbo(order) = Record::from_words(record(&words)) else {
            panic!()
        };
        assert_eq!(
            (order.hd.publisher_id, order.hd.instrument_id, order.price),
            (2, 77, 1_234_500_000_000)
        );
    }

    #[test]
    fn native_bytes_are_as_long_as_the_message() {
        let mut words = [0_u64; 4];
        words[0] = 8 | u64::from(RTYPE_NATIVE) << 8 | 12 << 16 | 5 << 32;
        words[2] = u64::from_le_bytes(*b"Sabcdefg");
        words[3] = u64::from_le_bytes(*b"hijk\0\0\0\0");
        let Record::Native { header, bytes } = Record::from_words(record(&words)) else {
            panic!()
        };
        assert_eq!((header.instrument_id, bytes), (5, &b"Sabcdefghijk"[..]));
    }

    #[test]
    fn a_record_whose_length_contradicts_its_type_is_not_misread() {
        for kind in 0..=255_u64 {
            for len in 0..70 {
                let mut words = vec![u64::MAX; len];
                if let Some(first) = words.first_mut() {
                    *first = (len as u64 * 2) | (kind << 8) | (0xFFFF << 16);
                }
                let view = Record::from_words(record(&words));
                let sound = match view {
                    Record::Mbo(_) | Record::Control(_) => len == 7,
                    Record::Mbp1(_) => len == 10,
                    Record::Mbp10(_) => len == 46,
                    Record::Definition(_) => len == 65,
                    Record::Status(_) => len == 5,
                    Record::Imbalance(_) => len == 14,
                    Record::Trade(_) => len == 6,
                    Record::Statistics(_) => len == 10,
                    Record::Native { .. } => false,
                    Record::Other(_) => true,
                };
                assert!(sound, "{view:?} of {len} words");
            }
        }
    }
}
