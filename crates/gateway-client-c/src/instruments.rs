//! A queue's instruments: what the feeds define, and their status.

use std::ffi::c_char;
use std::time::Duration;

use client::{DefinedInstrument, InstrumentKey, Instruments};

use crate::arguments::{exclusive, hand_out, reference, take_back, text};
use crate::connection::gateway_client;
use crate::record::{gateway_definition, gateway_trading_status};
use crate::status::{Failure, gateway_status, guard, guarded};

/// A queue's instruments, as of the last `gateway_instruments_update`. One thread at a time.
pub struct gateway_instruments {
    inner: Instruments,
}

/// An instrument as it was last defined. What it points to is valid until the directory's next update, or its end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_instrument_definition {
    /// Its definition: the tick is `min_price_increment`, the lot `min_lot_size_round_lot`, the multiplier
    /// `contract_multiplier` and `unit_of_measure_qty`. Of a spread that of its first leg.
    pub definition: *const gateway_definition,
    /// The definitions of a spread's legs, `legs_count` of them, in the order of their `leg_index`: all of them are there once
    /// there are as many as its `leg_count` says. Null where it has none.
    pub legs: *const gateway_definition,
    /// How many definitions of legs there are.
    pub legs_count: usize,
    /// Its trading status; null before the first, and where the queue has none.
    pub status: *const gateway_trading_status,
    /// Position of its last definition's record in the queue, counted since the gateway started.
    pub position: u64,
}

impl From<&DefinedInstrument> for gateway_instrument_definition {
    fn from(found: &DefinedInstrument) -> Self {
        // Both have the layout of the client's, which their modules assert.
        Self {
            definition: std::ptr::from_ref(&found.definition).cast(),
            legs: match found.legs.as_slice() {
                [] => std::ptr::null(),
                legs => legs.as_ptr().cast(),
            },
            legs_count: found.legs.len(),
            status: found
                .status
                .as_ref()
                .map_or(std::ptr::null(), |status| std::ptr::from_ref(status).cast()),
            position: found.position,
        }
    }
}

/// Begins to read what `queue` defines, from its oldest record on, under the name `reader`; best of a queue with
/// `classes = ["definitions", "status"]`, which has nothing else to read through. `*instruments` has what the queue has by
/// now, or is null after a failure; end it with `gateway_instruments_free`.
///
/// Fails as `gateway_client_subscribe` does.
///
/// # Safety
/// `client` is an open connection, `queue` and `reader` are zero-terminated texts, and `instruments` may be written; each may
/// be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_instruments(
    client: *const gateway_client,
    queue: *const c_char,
    reader: *const c_char,
    instruments: *mut *mut gateway_instruments,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(instruments, "instruments", || {
                let client = reference(client, "client")?;
                let (queue, reader) = (text(queue, "queue")?, text(reader, "reader")?);
                let inner = client.inner.instruments(queue, reader)?;
                Ok(gateway_instruments { inner })
            })
        }
    })
}

/// Takes what the queue has had since the last update, but nothing that comes meanwhile; where that is nothing, waits for it no
/// longer than `timeout_ns` nanoseconds, asleep in the kernel. A loss is no failure: see `gateway_instruments_is_whole`.
///
/// Fails with `GATEWAY_ERROR_CLOSED` once the queue has ended: what is known stays readable; begin to read it again.
///
/// # Safety
/// `instruments` is a directory or null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_instruments_update(
    instruments: *mut gateway_instruments,
    timeout_ns: u64,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let instruments = unsafe { exclusive(instruments, "instruments")? };
        match instruments.inner.wait(Duration::from_nanos(timeout_ns)) {
            None => Ok(()),
            Some(closed) => Err(Failure::of(
                gateway_status::GATEWAY_ERROR_CLOSED,
                closed.to_string(),
            )),
        }
    })
}

/// How many instruments there are; 0 where `instruments` is null.
///
/// # Safety
/// `instruments` is null or a directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_instruments_count(
    instruments: *const gateway_instruments,
) -> usize {
    guarded(|| {
        // SAFETY: the caller's promise.
        let instruments = unsafe { reference(instruments, "instruments")? };
        Ok(instruments.inner.len())
    })
    .unwrap_or(0)
}

/// Whether nothing can be missing. False for good where records were overwritten before this reader came, or lost since:
/// nobody knows of which channels. False as well where the gateway joined a channel's session after its first message, or
/// lost some of it, until that channel's next session. Of channels that have sent nothing so far it says nothing. False where
/// `instruments` is null.
///
/// # Safety
/// `instruments` is null or a directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_instruments_is_whole(
    instruments: *const gateway_instruments,
) -> bool {
    guarded(|| {
        // SAFETY: the caller's promise.
        let instruments = unsafe { reference(instruments, "instruments")? };
        Ok(instruments.inner.is_whole())
    })
    .unwrap_or(false)
}

/// How often something was defined, taken back or changed its status: the same number means that all is as it was. 0 where
/// `instruments` is null.
///
/// # Safety
/// `instruments` is null or a directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_instruments_changes(
    instruments: *const gateway_instruments,
) -> u64 {
    guarded(|| {
        // SAFETY: the caller's promise.
        let instruments = unsafe { reference(instruments, "instruments")? };
        Ok(instruments.inner.changes())
    })
    .unwrap_or(0)
}

/// # Safety
/// `instruments` is null or a directory, and `found` null or may be written.
unsafe fn find(
    instruments: *const gateway_instruments,
    found: *mut gateway_instrument_definition,
    what: impl FnOnce(&Instruments) -> Result<(Option<&DefinedInstrument>, String), Failure>,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        let (instruments, found) = unsafe {
            (
                reference(instruments, "instruments")?,
                exclusive(found, "found")?,
            )
        };
        let (instrument, name) = what(&instruments.inner)?;
        *found = instrument.map(Into::into).ok_or_else(|| {
            Failure::of(
                gateway_status::GATEWAY_ERROR_UNKNOWN_INSTRUMENT,
                format!("{name}: the queue has defined no such instrument, or several"),
            )
        })?;
        Ok(())
    })
}

/// The instrument of that symbol.
///
/// Fails with `GATEWAY_ERROR_UNKNOWN_INSTRUMENT` where there is none, or where several venues or channels have one.
///
/// # Safety
/// `instruments` is a directory, `symbol` a zero-terminated text, and `found` may be written; each may be null, which is
/// refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_instruments_find(
    instruments: *const gateway_instruments,
    symbol: *const c_char,
    found: *mut gateway_instrument_definition,
) -> gateway_status {
    // SAFETY: the caller's promise.
    unsafe {
        find(instruments, found, |inner| {
            let symbol = text(symbol, "symbol")?;
            Ok((inner.find(symbol), format!("symbol \"{symbol}\"")))
        })
    }
}

/// The instrument that records of a venue call so.
///
/// Fails with `GATEWAY_ERROR_UNKNOWN_INSTRUMENT` where there is none, or where several channels of the venue number theirs
/// alike.
///
/// # Safety
/// `instruments` is a directory and `found` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_instruments_find_id(
    instruments: *const gateway_instruments,
    publisher_id: u16,
    instrument_id: u32,
    found: *mut gateway_instrument_definition,
) -> gateway_status {
    // SAFETY: the caller's promise.
    unsafe {
        find(instruments, found, |inner| {
            let name = format!("instrument {instrument_id} of publisher {publisher_id}");
            Ok((inner.find_id(publisher_id, instrument_id), name))
        })
    }
}

/// Goes through all instruments, between two updates: the first where `after` is null, else the next behind that one. False
/// behind the last, where nothing is written.
///
/// # Safety
/// `instruments` is null or a directory, `after` null or one of its instruments since whose finding there was no update (what it
/// points to is read), and `found` null or may be written; it may be `after`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_instruments_next(
    instruments: *const gateway_instruments,
    after: *const gateway_instrument_definition,
    found: *mut gateway_instrument_definition,
) -> bool {
    let next = guarded(|| {
        // SAFETY: the caller's promise.
        let instruments = unsafe { reference(instruments, "instruments")? };
        let key = if after.is_null() {
            None
        } else {
            // SAFETY: the caller's promise: no update has freed the definition that it points to.
            let definition = unsafe {
                reference(
                    reference(after, "after")?.definition,
                    "the definition of after",
                )?
            };
            Some(InstrumentKey {
                publisher_id: definition.hd.publisher_id,
                channel_id: definition.channel_id,
                instrument_id: definition.hd.instrument_id,
            })
        };
        let next = instruments.inner.next_after(key).map(Into::into);
        // SAFETY: the caller's promise.
        let found = unsafe { exclusive(found, "found")? };
        if let Some(next) = next {
            *found = next;
        }
        Ok(next.is_some())
    });
    next.unwrap_or(false)
}

/// Ends the directory; null is nothing.
///
/// # Safety
/// `instruments` is null or a directory, and nobody uses it or what it points to any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_instruments_free(instruments: *mut gateway_instruments) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(instruments) };
        Ok(())
    });
}
