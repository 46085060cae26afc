//! Which books there are.

use std::ffi::{CString, c_char};

use crate::arguments::{hand_out, reference, take_back};
use crate::connection::gateway_client;
use crate::status::{gateway_status, guard, guarded};

/// The books that a gateway had when it was asked.
pub struct gateway_book_list {
    entries: Vec<gateway_book_info>,
    /// What the entries point to.
    _names: Vec<CString>,
}

/// A book in a list.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gateway_book_info {
    /// Its name, that of its table and of its conflated queue where it has one; valid as long as the list.
    pub name: *const c_char,
    /// The queue that it is built from, whose positions its entries count; valid as long as the list.
    pub queue: *const c_char,
    /// When its table was made, nanoseconds since the Unix epoch.
    pub epoch: u64,
    /// Slots of that queue below which the books have everything, counted since the gateway started.
    pub applied: u64,
    /// Instruments that it has.
    pub instruments: u32,
    /// Instruments there is room for.
    pub instruments_max: u32,
}

/// Asks which books there are that this user may read. `*books` is the list, or null after a failure; end it with
/// `gateway_book_list_free`.
///
/// Fails with `GATEWAY_ERROR_BROKEN` where the gateway is gone.
///
/// # Safety
/// `client` is an open connection and `books` may be written; each may be null, which is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_client_book_list(
    client: *const gateway_client,
    books: *mut *mut gateway_book_list,
) -> gateway_status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe {
            hand_out(books, "books", || {
                let (mut entries, mut names) = (Vec::new(), Vec::new());
                for info in reference(client, "client")?.inner.book_list()? {
                    let c_text = |text: &str| CString::new(text.replace('\0', "?"));
                    let name = c_text(&info.name).unwrap_or_default();
                    let queue = c_text(&info.queue).unwrap_or_default();
                    entries.push(gateway_book_info {
                        name: name.as_ptr(),
                        queue: queue.as_ptr(),
                        epoch: info.epoch,
                        applied: info.applied,
                        instruments: info.instruments,
                        instruments_max: info.instruments_max,
                    });
                    // Moved, but not what they point to.
                    names.extend([name, queue]);
                }
                Ok(gateway_book_list {
                    entries,
                    _names: names,
                })
            })
        }
    })
}

/// How many books are in the list; 0 where `books` is null.
///
/// # Safety
/// `books` is null or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_book_list_count(books: *const gateway_book_list) -> usize {
    // SAFETY: the caller's promise.
    guarded(|| Ok(unsafe { reference(books, "books")? }.entries.len())).unwrap_or(0)
}

/// The book with that index, valid as long as the list; null behind the last.
///
/// # Safety
/// `books` is null or a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_book_list_at(
    books: *const gateway_book_list,
    index: usize,
) -> *const gateway_book_info {
    let entry = guarded(|| {
        // SAFETY: the caller's promise.
        let entry = unsafe { reference(books, "books")? }.entries.get(index);
        Ok(entry.map_or(std::ptr::null(), std::ptr::from_ref))
    });
    entry.unwrap_or(std::ptr::null())
}

/// Ends the list; null is nothing.
///
/// # Safety
/// `books` is null or a list, and nobody uses it or its entries any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gateway_book_list_free(books: *mut gateway_book_list) {
    let _ = guard(|| {
        // SAFETY: the caller's promise.
        unsafe { take_back(books) };
        Ok(())
    });
}
