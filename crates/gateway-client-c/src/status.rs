//! What every call returns: a code, and words for it.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use client::ClientError;
use client::protocol::ErrorCode;

/// How a call went. Negative ones are errors; `gateway_last_error` has the words.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum gateway_status {
    /// It did what was asked.
    GATEWAY_OK = 0,
    /// An argument is null or out of range: the words name it. Nothing was done.
    GATEWAY_ERROR_ARGUMENT = -1,
    /// The library failed within itself. Close the handle, and report it.
    GATEWAY_ERROR_INTERNAL = -2,
    /// Nobody answers at the socket's path.
    GATEWAY_ERROR_CONNECT = -3,
    /// The connection broke, or the gateway took longer than five seconds to answer.
    GATEWAY_ERROR_BROKEN = -4,
    /// The gateway's answer makes no sense: library and gateway are of different generations.
    GATEWAY_ERROR_PROTOCOL = -5,
    /// The queue cannot be attached: another layout, damaged, or the kernel refuses the memory.
    GATEWAY_ERROR_QUEUE = -6,
    /// The gateway refused, for a reason of its own.
    GATEWAY_ERROR_REFUSED = -7,
    /// The gateway refused: there is no such queue.
    GATEWAY_ERROR_UNKNOWN_QUEUE = -8,
    /// The gateway refused: it has as many clients as it allows.
    GATEWAY_ERROR_BUSY = -9,
    /// The gateway refused: this user may not read the queue.
    GATEWAY_ERROR_NOT_ENTITLED = -10,
    /// The gateway refused: there is no such book.
    GATEWAY_ERROR_UNKNOWN_BOOK = -11,
    /// The book has no such instrument.
    GATEWAY_ERROR_UNKNOWN_INSTRUMENT = -12,
    /// The book table ended: the gateway stopped or was restarted, or this user may not read it any longer.
    GATEWAY_ERROR_CLOSED = -13,
    /// Nothing is wrong: do the same again.
    GATEWAY_ERROR_AGAIN = -14,
    /// The gateway refused: the instrument's book cannot be trusted at the moment. Ask again later.
    GATEWAY_ERROR_NOT_VALID = -15,
    /// The gateway refused: too much was asked for lately. Ask again later.
    GATEWAY_ERROR_LATER = -16,
}

use gateway_status::{
    GATEWAY_ERROR_ARGUMENT, GATEWAY_ERROR_BROKEN, GATEWAY_ERROR_BUSY, GATEWAY_ERROR_CONNECT,
    GATEWAY_ERROR_INTERNAL, GATEWAY_ERROR_LATER, GATEWAY_ERROR_NOT_ENTITLED,
    GATEWAY_ERROR_NOT_VALID, GATEWAY_ERROR_PROTOCOL, GATEWAY_ERROR_QUEUE, GATEWAY_ERROR_REFUSED,
    GATEWAY_ERROR_UNKNOWN_BOOK, GATEWAY_ERROR_UNKNOWN_INSTRUMENT, GATEWAY_ERROR_UNKNOWN_QUEUE,
    GATEWAY_OK,
};

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// Why a call failed: a code and what to tell people.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: gateway_status,
    text: String,
}

impl Failure {
    /// A failure of that kind.
    pub(crate) const fn of(status: gateway_status, text: String) -> Self {
        Self { status, text }
    }

    /// A wrong argument.
    pub(crate) fn argument(text: impl Into<String>) -> Self {
        Self {
            status: GATEWAY_ERROR_ARGUMENT,
            text: text.into(),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let status = match &error {
            ClientError::Connect { .. } => GATEWAY_ERROR_CONNECT,
            ClientError::Broken { .. } => GATEWAY_ERROR_BROKEN,
            ClientError::Protocol(_) => GATEWAY_ERROR_PROTOCOL,
            ClientError::Queue(_) => GATEWAY_ERROR_QUEUE,
            ClientError::Refused { code, .. } => match code {
                ErrorCode::UnknownQueue => GATEWAY_ERROR_UNKNOWN_QUEUE,
                ErrorCode::UnknownBook => GATEWAY_ERROR_UNKNOWN_BOOK,
                ErrorCode::UnknownInstrument => GATEWAY_ERROR_UNKNOWN_INSTRUMENT,
                ErrorCode::NotValid => GATEWAY_ERROR_NOT_VALID,
                ErrorCode::Later => GATEWAY_ERROR_LATER,
                ErrorCode::Busy => GATEWAY_ERROR_BUSY,
                ErrorCode::NotEntitled | ErrorCode::Revoked => GATEWAY_ERROR_NOT_ENTITLED,
                _ => GATEWAY_ERROR_REFUSED,
            },
        };
        Self {
            status,
            text: error.to_string(),
        }
    }
}

/// Runs what an entry does: its failure, or panic, becomes a code and words. Nothing unwinds into the caller.
pub(crate) fn guard(run: impl FnOnce() -> Result<(), Failure>) -> gateway_status {
    match guarded(run) {
        Ok(()) => GATEWAY_OK,
        Err(status) => status,
    }
}

/// As [`guard`], for entries that return something.
///
/// Unwind safety: what a panic left half-done is reachable through its handle only, every state of which is sound to
/// use; the code tells the caller to close it.
#[inline(always)]
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, gateway_status> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failure)) => Err(remember(failure)),
        Err(panic) => Err(remember_panic(panic)),
    }
}

#[cold]
fn remember(failure: Failure) -> gateway_status {
    // A zero byte cannot be part of a C string; a name that the caller gave has none.
    let text = CString::new(failure.text.replace('\0', "?")).unwrap_or_default();
    // A thread that ends has nobody to read it.
    let _ = LAST_ERROR.try_with(|last| last.replace(text));
    failure.status
}

#[cold]
fn remember_panic(panic: Box<dyn Any + Send>) -> gateway_status {
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    // Whatever was thrown may panic as it is dropped.
    std::mem::forget(panic);
    remember(Failure {
        status: GATEWAY_ERROR_INTERNAL,
        text: format!("the client library failed ({what}): close the handle, and report it"),
    })
}

/// What went wrong in the last call of this thread that failed, with what to do about it; empty before the first.
///
/// The text is valid until the next call of this thread that fails.
#[unsafe(no_mangle)]
pub extern "C" fn gateway_last_error() -> *const c_char {
    LAST_ERROR
        .try_with(|last| last.borrow().as_ptr())
        .unwrap_or(c"".as_ptr())
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn last_error() -> String {
        // SAFETY: the text is terminated and stays until this thread's next failure.
        let text = unsafe { CStr::from_ptr(gateway_last_error()) };
        text.to_string_lossy().into_owned()
    }

    #[test]
    fn a_panic_becomes_a_code_and_words() {
        let value = 7;
        let status = guard(|| panic!("seven is {value}"));
        assert_eq!(status, GATEWAY_ERROR_INTERNAL);
        assert!(last_error().contains("seven is 7"), "{}", last_error());
    }

    #[test]
    fn words_belong_to_the_thread_that_failed() {
        assert_eq!(
            guard(|| Err(Failure::argument("first\0"))),
            GATEWAY_ERROR_ARGUMENT
        );
        let other = std::thread::spawn(|| {
            assert_eq!(last_error(), "");
            let _ = guard(|| Err(Failure::argument("second")));
            last_error()
        });
        assert_eq!(other.join().ok().as_deref(), Some("second"));
        assert_eq!(last_error(), "first?");
        assert_eq!(guard(|| Ok(())), GATEWAY_OK);
        assert_eq!(last_error(), "first?", "success leaves the words alone");
    }
}
