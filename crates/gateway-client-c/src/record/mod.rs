//! The records as C structs. The compiler checks each against the Rust client's struct, field by field; the header
//! asserts the same numbers to the C compiler.

mod control;
mod definition;
mod imbalance;
mod mbo;
mod mbp;
mod native;
mod statistics;
mod trade;
mod trading_status;

pub use control::{gateway_control, gateway_control_kind};
pub use definition::gateway_definition;
pub use imbalance::gateway_imbalance;
pub use mbo::gateway_mbo;
pub use mbp::{gateway_mbp1, gateway_mbp10};
pub use native::gateway_native;
pub use statistics::gateway_statistics;
pub use trade::gateway_trade;
pub use trading_status::gateway_trading_status;

/// What each DBN record begins with.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_record_header {
    /// Length of the record in 32-bit words.
    pub length: u8,
    /// Record type: one of `gateway_record_type` for those of this header.
    pub rtype: u8,
    /// DBN's number of the venue and its dataset.
    pub publisher_id: u16,
    /// The instrument: for Nasdaq ITCH the day's stock locate.
    pub instrument_id: u32,
    /// When the venue's matching engine processed the message, in nanoseconds since the Unix epoch.
    pub ts_event: u64,
}

/// A struct's layout, as the header asserts it.
#[cfg(test)]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
    /// Names and offsets.
    pub(crate) fields: &'static [(&'static str, usize)],
}

/// Checks at compile time that `$mirror` is `$original` to the byte: same size, same alignment, the same fields at the
/// same places and no others.
macro_rules! mirrors {
    ($mirror:ident = $original:ident { $($field:ident),* $(,)? }) => {
        const _: () = {
            assert!(size_of::<$mirror>() == size_of::<$original>());
            assert!(align_of::<$mirror>() == align_of::<$original>());
            $(assert!(
                std::mem::offset_of!($mirror, $field) == std::mem::offset_of!($original, $field)
            );)*
            // Refuses to compile where a field is missing above.
            const fn all_fields(record: &$mirror) {
                let $mirror { $($field: _),* } = record;
            }
            _ = all_fields;
        };

        #[cfg(test)]
        impl $mirror {
            pub(crate) const LAYOUT: crate::record::Layout = crate::record::Layout {
                name: stringify!($mirror),
                bytes: size_of::<$original>(),
                fields: &[$((stringify!($field), std::mem::offset_of!($original, $field))),*],
            };
        }
    };
}
pub(crate) use mirrors;

/// Every struct of which C and Rust must have the same idea.
#[cfg(test)]
pub(crate) const LAYOUTS: [Layout; 11] = [
    gateway_mbo::LAYOUT,
    crate::book::gateway_level::LAYOUT,
    gateway_mbp1::LAYOUT,
    gateway_mbp10::LAYOUT,
    gateway_definition::LAYOUT,
    gateway_trade::LAYOUT,
    gateway_trading_status::LAYOUT,
    gateway_imbalance::LAYOUT,
    gateway_statistics::LAYOUT,
    gateway_control::LAYOUT,
    gateway_native::LAYOUT,
];

// DBN's own header keeps its length to itself: it is the byte that the others leave.
const _: () = {
    use client::dbn::RecordHeader;
    use std::mem::offset_of;
    assert!(size_of::<gateway_record_header>() == size_of::<RecordHeader>());
    assert!(offset_of!(gateway_record_header, rtype) == offset_of!(RecordHeader, rtype));
    assert!(
        offset_of!(gateway_record_header, publisher_id) == offset_of!(RecordHeader, publisher_id)
    );
    assert!(
        offset_of!(gateway_record_header, instrument_id) == offset_of!(RecordHeader, instrument_id)
    );
    assert!(offset_of!(gateway_record_header, ts_event) == offset_of!(RecordHeader, ts_event));
    assert!(offset_of!(gateway_record_header, length) == 0);
};
