//! How a queue is read, as Python's arguments say it.

use std::time::{Duration, Instant};

use gateway_client::{OnLapped, Start, SubscribeOptions, WaitStrategy};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::reader::Until;

/// How long a sleep is if nobody says.
pub(crate) const SLEEP_US_DEFAULT: f64 = 50.0;
/// Records of an array if nobody says: 3.7 MB of orders.
pub(crate) const RECORDS_MAX_DEFAULT: usize = 65_536;

/// Where a reader begins: `"head"`, `"oldest"`, `"resync"` or a position.
pub(crate) fn start(start: &Bound<'_, PyAny>) -> PyResult<Start> {
    if let Ok(position) = start.extract::<u64>() {
        return Ok(Start::At(position));
    }
    match start.extract::<String>().as_deref() {
        Ok("head") => Ok(Start::Head),
        Ok("oldest") => Ok(Start::Oldest),
        Ok("resync") => Ok(Start::Resync),
        _ => Err(PyValueError::new_err(format!(
            "start is {}: use \"head\", \"oldest\", \"resync\" or a position (a number of slots, 0 or more)",
            start.repr()?
        ))),
    }
}

/// Where a reader goes on that was overtaken.
pub(crate) fn on_lapped(name: &str) -> PyResult<OnLapped> {
    match name {
        "oldest" => Ok(OnLapped::Oldest),
        "latest" => Ok(OnLapped::Latest),
        "resync" => Ok(OnLapped::Resync),
        other => Err(PyValueError::new_err(format!(
            "on_lapped is {other:?}: use \"oldest\", \"latest\" or \"resync\""
        ))),
    }
}

/// How a reader waits.
pub(crate) fn wait_strategy(name: &str, sleep_us: f64) -> PyResult<WaitStrategy> {
    match name {
        "spin" => Ok(WaitStrategy::Spin),
        "yield" => Ok(WaitStrategy::Yield),
        "block" => Ok(WaitStrategy::Block),
        "sleep" => match Duration::try_from_secs_f64(sleep_us / 1e6) {
            Ok(duration) => Ok(WaitStrategy::Sleep(duration)),
            Err(_) => Err(PyValueError::new_err(format!(
                "sleep_us is {sleep_us}: use a number of microseconds, 0 or more"
            ))),
        },
        other => Err(PyValueError::new_err(format!(
            "wait is {other:?}: use \"spin\", \"yield\", \"sleep\" or \"block\""
        ))),
    }
}

/// What `resume`, a `Checkpoint`, adds to the options.
pub(crate) fn resuming(
    options: SubscribeOptions,
    checkpoint: &Bound<'_, PyAny>,
) -> PyResult<SubscribeOptions> {
    let number = |name: &str| {
        checkpoint
            .getattr(name)
            .and_then(|value| value.extract::<u64>())
    };
    let (Ok(run), Ok(position)) = (number("run"), number("position")) else {
        return Err(PyTypeError::new_err(format!(
            "resume is {}: pass what subscription.checkpoint() gave, or Checkpoint(run, position)",
            checkpoint.repr()?
        )));
    };
    Ok(options.resuming(gateway_client::Checkpoint { run, position }))
}

/// When a wait is over that may take so many seconds, or for ever.
pub(crate) fn until(timeout_s: Option<f64>) -> PyResult<Until> {
    let Some(seconds) = timeout_s else {
        return Ok(Until::Ever);
    };
    if seconds.is_nan() || seconds < 0.0 {
        return Err(PyValueError::new_err(format!(
            "timeout_s is {seconds}: use a number of seconds, 0 or more, or None to wait for ever"
        )));
    }
    let at = Duration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|timeout| Instant::now().checked_add(timeout));
    Ok(at.map_or(Until::Ever, Until::At))
}

/// How many records an array may have.
pub(crate) fn records_max(records_max: usize) -> PyResult<usize> {
    if records_max == 0 {
        return Err(PyValueError::new_err(
            "records_max is 0: an array has one record at least",
        ));
    }
    Ok(records_max)
}
