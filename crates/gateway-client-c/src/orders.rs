//! Every order that rests in a book, for whoever keeps books of its own and comes late.

use std::ffi::c_char;

use client::{OrderSnapshot, OrdersOf};

use crate::arguments::{exclusive, hand_out, reference, take_back, text};
use crate::connection::gateway_client;
use crate::record::gateway_mbo;
use crate::status::{Failure, gateway_status, guard, guarded};
use crate::subscription::gateway_checkpoint;

/// Orders that rested at a position of a queue. Never changes: any number of threads may use it.
pub struct gateway_orders {
    inner: OrderSnapshot,
}

/// What a snapshot of orders is, beside its records.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_orders_summary {
    /// Where in the queue a reader goes on, by `start_run` and `start_position` of its options: records of the queue below
    /// this position are in the snapshot, none from there on.
    pub checkpoint: gateway_checkpoint,
    /// How many instruments it has.
    pub instruments: u32,
    /// How many it lacks because their books could not be trusted.
    pub invalid: u32,
}

/// # Safety
/// `client` is null or an open connection, `book` null or a zero-terminated text, and `orders` null or may be written.
unsafe fn ask(
    client: *const gateway_client,
    book: *const c_char,
    orders: *mut *mut gateway_orders,
    of: impl FnOnce() -> Result<OrdersOf, Failure>,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(orders, "orders", || {
                let client = reference(client, "client")?;
                let inner = client.inner.orders(text(book, "book")?, of()?)?;
                Ok(gateway_orders { inner })
            })
        }
    })
}

/// Asks for every order that rests in `book`: of all instruments where `symbol` is null, else of that one. `*orders` are
/// the orders, or null after a failure; end them with `gateway_orders_free`.
///
/// To go on from there, subscribe to the book's queue at the summary's checkpoint. If that begins later
/// (`GATEWAY_JOINED_LATER`), the queue has overwritten what lies between: ask again.
///
/// Fails with `GATEWAY_ERROR_UNKNOWN_BOOK`, `GATEWAY_ERROR_UNKNOWN_INSTRUMENT`, `GATEWAY_ERROR_NOT_ENTITLED`,
/// `GATEWAY_ERROR_NOT_VALID` where the instrument's book cannot be trusted at the moment, `GATEWAY_ERROR_LATER` where too
/// much was asked for lately, or `GATEWAY_ERROR_BROKEN`.
///
/// # Safety
/// `client` is an open connection, `book` a zero-terminated text, `symbol` null or one, and `orders` may be written; what
/// must not be null is refused where it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_orders(
    client: *const gateway_client,
    book: *const c_char,
    symbol: *const c_char,
    orders: *mut *mut gateway_orders,
) -> gateway_status {
    let of = || {
        if symbol.is_null() {
            return Ok(OrdersOf::All);
        }
        // SAFETY: the caller's promise.
        let symbol = unsafe { text(symbol, "symbol")? };
        Ok(OrdersOf::Symbol(symbol.to_owned()))
    };
    // SAFETY: the caller's promise.
    unsafe { ask(client, book, orders, of) }
}

/// As `gateway_client_orders`, of the instrument that records name so.
///
/// # Safety
/// `client` is an open connection, `book` a zero-terminated text and `orders` may be written; each may be null, which is
/// refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_orders_of_id(
    client: *const gateway_client,
    book: *const c_char,
    instrument_id: u32,
    orders: *mut *mut gateway_orders,
) -> gateway_status {
    // SAFETY: the caller's promise.
    unsafe { ask(client, book, orders, || Ok(OrdersOf::Id(instrument_id))) }
}

/// What the snapshot is.
///
/// # Safety
/// `orders` is a snapshot and `summary` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_orders_summarise(
    orders: *const gateway_orders,
    summary: *mut gateway_orders_summary,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (orders, summary) =
            unsafe { (reference(orders, "orders")?, exclusive(summary, "summary")?) };
        *summary = gateway_orders_summary {
            checkpoint: orders.inner.checkpoint().into(),
            instruments: orders.inner.instruments,
            invalid: orders.inner.invalid,
        };
        Ok(())
    })
}

/// How many records the snapshot has; 0 where `orders` is null.
///
/// # Safety
/// `orders` is null or a snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_orders_count(orders: *const gateway_orders) -> usize {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { reference(orders, "orders")? }.inner.orders().len())).unwrap_or(0)
}

/// The snapshot's records side by side, `gateway_orders_count` of them, valid as long as the snapshot: for each instrument a
/// Clear, then an Add for each order, bids first, best price first, oldest first, all flagged as a snapshot's. Null where
/// there are none.
///
/// # Safety
/// `orders` is null or a snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_orders_records(
    orders: *const gateway_orders,
) -> *const gateway_mbo {
    let records = guarded(|| {
        // SAFETY: the caller's promise.
        let records = unsafe { reference(orders, "orders")? }.inner.orders();
        Ok(match records {
            [] => std::ptr::null(),
            // `gateway_mbo` has the layout of the client's, which its module asserts.
            records => records.as_ptr().cast(),
        })
    });
    records.unwrap_or(std::ptr::null())
}

/// Ends the snapshot; null is nothing.
///
/// # Safety
/// `orders` is null or a snapshot, and nobody uses it or its records any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_orders_free(orders: *mut gateway_orders) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(orders) };
        Ok(())
    });
}
