//! What callers pass: pointers and texts, checked as far as they can be.

use std::ffi::{CStr, c_char};

use crate::status::Failure;

/// The text at `pointer`.
///
/// # Safety
/// `pointer` is null or points to a zero-terminated text that stays for `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(Failure::argument(format!("`{name}` is null: pass a text")));
    }
    // SAFETY: not null, and the caller vouches for the rest.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str()
        .map_err(|_| Failure::argument(format!("`{name}` is not UTF-8")))
}

/// What `pointer` points to.
///
/// # Safety
/// `pointer` is null or points to a `T` that nobody changes for `'a`.
#[inline(always)]
pub(crate) unsafe fn reference<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// What `pointer` points to, to be changed.
///
/// # Safety
/// `pointer` is null or points to a `T` that nobody else uses for `'a`.
#[inline(always)]
pub(crate) unsafe fn exclusive<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// Gives a new handle to the caller at `place`.
///
/// # Safety
/// `place` is null or may be written.
pub(crate) unsafe fn hand_out<T>(
    place: *mut *mut T,
    name: &str,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    if place.is_null() {
        return Err(null(name));
    }
    // SAFETY: not null, and the caller vouches for the rest. Null first: a failure leaves nothing to close.
    unsafe { place.write(std::ptr::null_mut()) };
    let handle = Box::into_raw(Box::new(make()?));
    // SAFETY: as above.
    unsafe { place.write(handle) };
    Ok(())
}

/// Takes a handle back and drops it; null is nothing.
///
/// # Safety
/// `handle` is null or came from [`hand_out`], and nobody uses it any more.
pub(crate) unsafe fn take_back<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(handle) });
    }
}

#[cold]
fn null(name: &str) -> Failure {
    Failure::argument(format!("`{name}` is null"))
}
