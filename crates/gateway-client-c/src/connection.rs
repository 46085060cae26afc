//! Connections and what the gateway tells of itself.

use std::ffi::{CString, c_char};

use client::{Client, QueueInfo};

use crate::arguments::{hand_out, reference, take_back, text};
use crate::status::{Failure, gateway_status, guard, guarded};

/// A connection to a gateway. Any number of threads may use it at the same time.
pub struct gateway_client {
    pub(crate) inner: Client,
}

/// The queues that a gateway had when it was asked.
pub struct gateway_queues {
    entries: Vec<gateway_queue>,
    /// What the entries' names point to.
    _names: Vec<CString>,
}

/// A queue.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_queue {
    /// Its name, valid as long as the list.
    pub name: *const c_char,
    /// When it was made, nanoseconds since the Unix epoch.
    pub epoch: u64,
    /// Its capacity in slots of 56 bytes of records.
    pub slots: u64,
    /// Slots published so far.
    pub head: u64,
    /// Its largest record in bytes.
    pub record_bytes_max: u32,
    /// Version of its records' schema.
    pub schema_version: u32,
    /// What its records are.
    pub schema_id: u64,
}

/// A text that the library made.
pub struct gateway_text {
    text: CString,
}

/// Connects to the broker's socket at `path` (`/run/gateway/broker.sock`) and sees that a gateway of this protocol
/// answers. `*client` is the connection, or null after a failure; end it with `gateway_client_close`.
///
/// Fails with `GATEWAY_ERROR_CONNECT`, `GATEWAY_ERROR_BROKEN`, `GATEWAY_ERROR_BUSY` or `GATEWAY_ERROR_PROTOCOL`.
///
/// # Safety
/// `path` is a zero-terminated text and `client` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_connect(
    path: *const c_char,
    client: *mut *mut gateway_client,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(client, "client", || {
                let inner = Client::connect(text(path, "path")?)?;
                Ok(gateway_client { inner })
            })
        }
    })
}

/// Ends the connection; null is nothing. Its subscriptions live on: each has a connection of its own.
///
/// # Safety
/// `client` is null or came from `gateway_client_connect`, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_close(client: *mut gateway_client) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(client) };
        Ok(())
    });
}

/// The gateway's process id, in its own namespace; 0 where `client` is null.
///
/// # Safety
/// `client` is null or an open connection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_gateway_pid(client: *const gateway_client) -> u32 {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { reference(client, "client")? }.inner.gateway_pid())).unwrap_or(0)
}

/// Asks which queues there are. `*queues` is the list, or null after a failure; end it with `gateway_queues_free`.
///
/// Fails with `GATEWAY_ERROR_BROKEN` where the gateway is gone.
///
/// # Safety
/// `client` is an open connection and `queues` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_queues(
    client: *const gateway_client,
    queues: *mut *mut gateway_queues,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(queues, "queues", || {
                list(reference(client, "client")?.inner.queues()?)
            })
        }
    })
}

fn list(infos: Vec<QueueInfo>) -> Result<gateway_queues, Failure> {
    let names: Vec<CString> = infos
        .iter()
        .map(|info| CString::new(info.name.replace('\0', "?")).unwrap_or_default())
        .collect();
    let entries = infos.iter().zip(&names).map(|(info, name)| gateway_queue {
        name: name.as_ptr(),
        epoch: info.epoch,
        slots: info.slots,
        head: info.head,
        record_bytes_max: info.record_bytes_max,
        schema_version: info.schema_version,
        schema_id: info.schema_id,
    });
    Ok(gateway_queues {
        entries: entries.collect(),
        _names: names,
    })
}

/// How many queues are in the list; 0 where `queues` is null.
///
/// # Safety
/// `queues` is null or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_queues_count(queues: *const gateway_queues) -> usize {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { reference(queues, "queues")? }.entries.len())).unwrap_or(0)
}

/// The queue with that index, valid as long as the list; null behind the last.
///
/// # Safety
/// `queues` is null or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_queues_at(
    queues: *const gateway_queues,
    index: usize,
) -> *const gateway_queue {
    let entry = guarded(|| {
        // SAFETY: the caller's promise.
        let entry = unsafe { reference(queues, "queues")? }.entries.get(index);
        Ok(entry.map_or(std::ptr::null(), std::ptr::from_ref))
    });
    entry.unwrap_or(std::ptr::null())
}

/// Ends the list; null is nothing.
///
/// # Safety
/// `queues` is null or a list, and nobody uses it or its entries any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_queues_free(queues: *mut gateway_queues) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(queues) };
        Ok(())
    });
}

/// Asks for the gateway's status, a JSON object. `*status` is the text, or null after a failure; end it with
/// `gateway_text_free`.
///
/// Fails with `GATEWAY_ERROR_BROKEN` where the gateway is gone.
///
/// # Safety
/// `client` is an open connection and `status` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_status(
    client: *const gateway_client,
    status: *mut *mut gateway_text,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(status, "status", || {
                let json = reference(client, "client")?.inner.status()?;
                let text = CString::new(json.replace('\0', "?")).unwrap_or_default();
                Ok(gateway_text { text })
            })
        }
    })
}

/// The text's bytes, zero-terminated, valid as long as the text; empty where `text` is null.
///
/// # Safety
/// `text` is null or a text of the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_text_bytes(text: *const gateway_text) -> *const c_char {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { reference(text, "text")? }.text.as_ptr())).unwrap_or(c"".as_ptr())
}

/// Ends the text; null is nothing.
///
/// # Safety
/// `text` is null or a text of the library, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_text_free(text: *mut gateway_text) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(text) };
        Ok(())
    });
}
