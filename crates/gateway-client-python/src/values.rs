//! The package's own classes: plain values, which are Python's.

use gateway_client::dbn::BidAskPair;
use gateway_client::{
    BookBest, BookEntry, BookInfo, Checkpoint, Closed, Instrument, JoinOutcome, Joined, LastTrade,
    Level, TradingStatus,
};
use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

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

pub(crate) fn level(py: Python<'_>, level: &BidAskPair) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (prices, sizes) = ((level.bid_px, level.ask_px), (level.bid_sz, level.ask_sz));
    let arguments = (
        prices.0,
        prices.1,
        sizes.0,
        sizes.1,
        level.bid_ct,
        level.ask_ct,
    );
    make(py, &CLASS, "BidAskPair", arguments)
}

fn book_level(py: Python<'_>, of: Level) -> PyResult<Py<PyAny>> {
    level(
        py,
        &BidAskPair {
            bid_px: of.bid_px,
            ask_px: of.ask_px,
            bid_sz: of.bid_sz,
            ask_sz: of.ask_sz,
            bid_ct: of.bid_ct,
            ask_ct: of.ask_ct,
        },
    )
}

pub(crate) fn instrument(py: Python<'_>, instrument: Instrument) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    make(
        py,
        &CLASS,
        "Instrument",
        (instrument.id, instrument.entry()),
    )
}

pub(crate) fn book_info(py: Python<'_>, info: &BookInfo) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let arguments = (
        &info.name,
        &info.queue,
        info.epoch,
        info.applied,
        info.instruments,
        info.instruments_max,
    );
    make(py, &CLASS, "BookInfo", arguments)
}

pub(crate) fn best(py: Python<'_>, best: &BookBest) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let arguments = (
        best.position,
        best.instrument_id,
        best.state.name(),
        best.ts_event,
        book_level(py, best.best)?,
    );
    make(py, &CLASS, "BookBest", arguments)
}

fn letter(byte: u8) -> String {
    char::from(byte).to_string()
}

fn last_trade(py: Python<'_>, trade: LastTrade) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let arguments = (trade.price, trade.size, letter(trade.side), trade.ts_event);
    make(py, &CLASS, "LastTrade", arguments)
}

fn trading_status(py: Python<'_>, status: TradingStatus) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let arguments = (
        status.action,
        status.reason,
        letter(status.is_trading),
        letter(status.is_quoting),
        letter(status.is_short_sell_restricted),
        status.ts_event,
    );
    make(py, &CLASS, "TradingStatus", arguments)
}

pub(crate) fn book(py: Python<'_>, book: &BookEntry) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let levels = book.levels.iter().map(|level| book_level(py, *level));
    let arguments = (
        book.position,
        book.instrument_id,
        book.symbol.as_str(),
        book.state.name(),
        book.state_since,
        book.ts_event,
        book.ts_recv,
        book.sequence,
        PyTuple::new(py, levels.collect::<PyResult<Vec<_>>>()?)?,
        (book.bid_levels, book.ask_levels),
        book.last_trade
            .map(|trade| last_trade(py, trade))
            .transpose()?,
        book.status
            .map(|status| trading_status(py, status))
            .transpose()?,
    );
    make(py, &CLASS, "Book", arguments)
}
