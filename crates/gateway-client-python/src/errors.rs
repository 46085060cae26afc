//! Errors of the client as exceptions of Python's.

use gateway_client::protocol::ErrorCode;
use gateway_client::{BookError, ClientError};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The exception for an error: its class says what went wrong, its text also what to do.
pub(crate) fn raised(py: Python<'_>, error: &ClientError) -> PyErr {
    let class = match error {
        ClientError::Connect { .. } => "ConnectError",
        ClientError::Broken { .. } => "BrokenError",
        ClientError::Protocol(_) => "ProtocolError",
        ClientError::Queue(_) => "QueueError",
        ClientError::Refused { code, .. } => match code {
            ErrorCode::UnknownQueue => "UnknownQueueError",
            ErrorCode::UnknownBook => "UnknownBookError",
            ErrorCode::UnknownInstrument => "UnknownInstrumentError",
            ErrorCode::NotValid => "NotValidError",
            ErrorCode::Later => "LaterError",
            ErrorCode::Busy => "BusyError",
            ErrorCode::NotEntitled | ErrorCode::Revoked => "NotEntitledError",
            _ => "RefusedError",
        },
    };
    exception(py, class, error.to_string())
}

/// The exception for a book that was not read.
pub(crate) fn book_raised(py: Python<'_>, error: BookError) -> PyErr {
    let class = match error {
        BookError::Closed(_) => "BookClosedError",
        BookError::NoInstrument => "UnknownInstrumentError",
        BookError::Contended => "ContendedError",
    };
    exception(py, class, error.to_string())
}

fn exception(py: Python<'_>, class: &str, words: String) -> PyErr {
    let class = py
        .import("gateway_client._errors")
        .and_then(|module| module.getattr(class));
    match class.and_then(|class| class.call1((words,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

/// A handle that another thread uses.
pub(crate) fn busy(what: &str) -> PyErr {
    PyRuntimeError::new_err(format!(
        "another thread is using this {what}: read it from one thread, or subscribe once for each"
    ))
}

/// A handle that this program closed.
pub(crate) fn closed(what: &str) -> PyErr {
    PyValueError::new_err(format!("this program closed the {what}: make a new one"))
}
