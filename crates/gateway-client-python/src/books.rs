//! Book tables, and the orders that rest.

use std::sync::Mutex;

use gateway_client::{BookEntry, BookError};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::array;
use crate::book_row::BookRow;
use crate::errors::{book_raised, closed, raised};
use crate::record::{self, MBOMsg};
use crate::subscription::exclusive;
use crate::values;

const WHAT: &str = "book table";
/// A book that was replaced during all of a read's attempts is read again so many times.
const ATTEMPTS: usize = 16;

/// The books of all instruments of a queue, as they are now, for one thread at a time.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct BookTable {
    table: Mutex<Option<gateway_client::BookTable>>,
    book: String,
    reader: String,
}

impl BookTable {
    pub(crate) fn new(table: gateway_client::BookTable, book: String, reader: String) -> Self {
        Self {
            table: Mutex::new(Some(table)),
            book,
            reader,
        }
    }

    fn with<T>(
        &self,
        look: impl FnOnce(&mut gateway_client::BookTable) -> PyResult<T>,
    ) -> PyResult<T> {
        let mut table = exclusive(&self.table, WHAT)?;
        look(table.as_mut().ok_or_else(|| closed(WHAT))?)
    }
}

/// Reads until it is there, or cannot be.
fn read<T>(py: Python<'_>, mut read: impl FnMut() -> Result<T, BookError>) -> PyResult<T> {
    let mut last = read();
    for _ in 1..ATTEMPTS {
        if !matches!(last, Err(BookError::Contended)) {
            break;
        }
        last = read();
    }
    last.map_err(|error| book_raised(py, error))
}

/// The place that an `Instrument` names.
fn place(instrument: &Bound<'_, PyAny>) -> PyResult<gateway_client::Instrument> {
    let number = |name: &str| instrument.getattr(name).and_then(|v| v.extract::<u32>());
    match (number("entry"), number("id")) {
        (Ok(entry), Ok(id)) => Ok(gateway_client::Instrument::new(entry, id)),
        _ => Err(PyTypeError::new_err(format!(
            "instrument is {}: pass what find() gave",
            instrument.repr()?
        ))),
    }
}

#[pymethods]
impl BookTable {
    #[classattr]
    #[pyo3(name = "dtype")]
    fn class_dtype(py: Python<'_>) -> PyResult<Py<PyAny>> {
        BookRow::dtype(py)
    }

    /// The book's name.
    #[getter]
    fn book(&self) -> &str {
        &self.book
    }

    /// What the reader calls itself.
    #[getter]
    fn name(&self) -> &str {
        &self.reader
    }

    /// The instrument of that symbol; ``None`` where it was not announced yet.
    fn find(&self, py: Python<'_>, symbol: &str) -> PyResult<Option<Py<PyAny>>> {
        let found = self.with(|table| Ok(table.find(symbol)))?;
        found.map(|found| values::instrument(py, found)).transpose()
    }

    /// The instrument that records name so; ``None`` where there were none about it.
    fn find_id(&self, py: Python<'_>, id: u32) -> PyResult<Option<Py<PyAny>>> {
        let found = self.with(|table| Ok(table.find_id(id)))?;
        found.map(|found| values::instrument(py, found)).transpose()
    }

    /// Every instrument there is.
    fn instruments(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let all: Vec<_> = self.with(|table| Ok(table.instruments().collect()))?;
        all.into_iter()
            .map(|each| values::instrument(py, each))
            .collect()
    }

    /// Best bid and ask of an instrument, whole, of one moment.
    ///
    /// Raises ``BookClosedError`` where the table ended, ``UnknownInstrumentError`` where the instrument is of another
    /// table, ``ContendedError`` where it was replaced during every attempt to copy it.
    fn best(&self, py: Python<'_>, instrument: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let place = place(instrument)?;
        let best = self.with(|table| read(py, || table.best(place)))?;
        values::best(py, &best)
    }

    /// The whole book of an instrument, of one moment: ten levels, last trade, status. Raises as ``best`` does.
    fn read(&self, py: Python<'_>, instrument: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let place = place(instrument)?;
        let book = self.with(|table| read(py, || table.read(place)))?;
        values::book(py, &book)
    }

    /// All books as an array, a row for each instrument: each row is of one moment, which may differ from row to row.
    /// Raises as ``best`` does.
    fn read_all(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let rows = self.with(|table| {
            let all: Vec<_> = table.instruments().collect();
            let row = |book: BookEntry| BookRow::from(&book);
            let books = all.into_iter().map(|each| read(py, || table.read(each)));
            books
                .map(|book| book.map(row))
                .collect::<PyResult<Vec<_>>>()
        })?;
        array::of_bytes(py, BookRow::bytes(&rows), BookRow::dtype(py)?)
    }

    /// Where in the queue a reader goes on that reads books now: ``subscribe(queue, resume=checkpoint)``. Take it before the
    /// books: they have everything below it, and their ``position`` tells how much more.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let checkpoint = self.with(|table| Ok(table.checkpoint()))?;
        values::checkpoint(py, checkpoint)
    }

    /// The builder's signs of life: its heartbeat is written every 10 ms.
    fn health(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let (live, heartbeat_ns) =
            self.with(|table| Ok((table.closed().is_none(), table.health().heartbeat_ns)))?;
        values::health(py, live, heartbeat_ns)
    }

    /// Why the table ended, once an error said so; ``None`` while it goes on.
    #[getter]
    fn closed(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let reason = self.with(|table| Ok(table.closed()))?;
        reason.map(|reason| values::closed(py, reason)).transpose()
    }

    /// Opens the table of the same name again, after its end. Instruments found before are of another table. Raises as
    /// ``Client.books`` does.
    fn reattach(&self, py: Python<'_>) -> PyResult<()> {
        self.with(|table| {
            py.detach(|| table.reattach())
                .map_err(|error| raised(py, &error))
        })
    }

    /// Gives the table back. Reading it raises ``ValueError`` afterwards.
    fn close(&self) -> PyResult<()> {
        exclusive(&self.table, WHAT)?.take();
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close()
    }

    fn __repr__(&self) -> String {
        format!("BookTable(book={:?}, name={:?})", self.book, self.reader)
    }
}

/// The orders that rested at a position of a queue, as order records: for each instrument a Clear, then its orders, bids
/// first, best price first, oldest first.
#[pyclass(frozen, module = "gateway_client")]
pub(crate) struct OrderSnapshot {
    inner: gateway_client::OrderSnapshot,
}

impl OrderSnapshot {
    pub(crate) const fn new(inner: gateway_client::OrderSnapshot) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl OrderSnapshot {
    /// Where in the queue a reader goes on: ``subscribe(queue, resume=snapshot.checkpoint())``, skipping what it ``has``. If
    /// that begins later, the queue has overwritten what lies between: ask for another snapshot.
    fn checkpoint(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        values::checkpoint(py, self.inner.checkpoint())
    }

    /// Whether what the record at that position of the queue says is in the snapshot.
    const fn has(&self, position: u64) -> bool {
        self.inner.has(position)
    }

    /// How many instruments it has.
    #[getter]
    const fn instruments(&self) -> u32 {
        self.inner.instruments
    }

    /// How many instruments it lacks because their books could not be trusted.
    #[getter]
    const fn invalid(&self) -> u32 {
        self.inner.invalid
    }

    /// The records as objects.
    fn records(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let position = self.inner.checkpoint().position;
        let words = self.inner.words().chunks_exact(MBOMsg::TYPE.words);
        words
            .map(|words| record::object(py, words, position))
            .collect()
    }

    /// The records as an array of ``MBOMsg.dtype``.
    fn to_array(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let bytes = record::bytes_from(self.inner.words());
        array::of_bytes(py, &bytes, MBOMsg::shared_dtype(py)?)
    }

    fn __len__(&self) -> usize {
        self.inner.orders().len()
    }

    fn __repr__(&self) -> String {
        format!(
            "OrderSnapshot({} records of {} instruments at {})",
            self.__len__(),
            self.inner.instruments,
            self.inner.checkpoint().position
        )
    }
}
