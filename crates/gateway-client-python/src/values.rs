//! The package's own classes: plain values, which are Python's.

use gateway_client::{Checkpoint, Closed, JoinOutcome, Joined};
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

const MODULE: &str = "gateway_client._types";

fn make<'py>(
    py: Python<'py>,
    class: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
    arguments: impl PyCallArgs<'py>,
) -> PyResult<Py<PyAny>> {
    Ok(class.import(py, MODULE, name)?.call1(arguments)?.unbind())
}

pub(crate) fn lost(py: Python<'_>, slots: u64) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    make(py, &CLASS, "Lost", (slots,))
}

pub(crate) fn closed(py: Python<'_>, closed: Closed) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (reason, epoch) = match closed {
        Closed::Stopped => ("stopped", None),
        Closed::Restarted { epoch } => ("restarted", Some(epoch)),
        Closed::HungUp => ("hung-up", None),
        Closed::Revoked => ("revoked", None),
    };
    make(py, &CLASS, "Closed", (reason, closed.to_string(), epoch))
}

pub(crate) fn checkpoint(py: Python<'_>, checkpoint: Checkpoint) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    make(
        py,
        &CLASS,
        "Checkpoint",
        (checkpoint.run, checkpoint.position),
    )
}

pub(crate) fn joined(py: Python<'_>, joined: Joined) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (outcome, lost_slots) = match joined.outcome {
        JoinOutcome::AsAsked => ("as-asked", 0),
        JoinOutcome::Later { slots } => ("later", slots),
        JoinOutcome::NotYet => ("not-yet", 0),
        JoinOutcome::OtherRun => ("other-run", 0),
    };
    make(
        py,
        &CLASS,
        "Joined",
        (outcome, joined.position, joined.head, lost_slots),
    )
}

pub(crate) fn health(py: Python<'_>, live: bool, heartbeat_ns: u64) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    make(py, &CLASS, "Health", (live, heartbeat_ns))
}

pub(crate) fn queue_info(
    py: Python<'_>,
    name: &str,
    slots: u64,
    epoch: u64,
) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    make(py, &CLASS, "QueueInfo", (name, slots, epoch))
}
