//! What people watch of a running gateway: rates, lines, latency, readers, refusals.
//!
//! A [`Picture`] is drawn from two looks at a [`Status`](crate::service::status::Status), and is the same for `gateway top`
//! and for the status page. Everything here is pure: time comes with the looks, by the gateway's own clock, so that a slow
//! terminal or network does not bend a rate. Names come from the wire, from clients and from files; they are made
//! harmless here, once for every display.

mod compose;
mod latency;
mod picture;
mod text;

pub use compose::picture;
pub use latency::{BANDS, Bands};
pub use picture::{
    BookRow, ChannelRow, CheckRow, InterfaceRow, LineRow, Picture, QueueRow, ReaderRow, RefusalRow,
    StageRow, Totals, WorkerRow,
};
pub use text::{clean, count, duration_ns, rate, seconds};
