//! Reads a source: events one by one, or as many records at once as fit an array.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gateway_client::{Closed, RECORD_WORDS_MAX, RecordRef, Taken};
use pyo3::prelude::*;

use crate::array::{Kept, Lent, Rows, Sheet};
use crate::record::{RecordType, Shape};
use crate::source::{Place, Source};

/// A wait looks this often whether Python has a signal to handle (Ctrl-C).
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);
/// So many records are copied before other Python threads may run: copying them takes less than a switch of threads.
const ATTACHED_RECORDS: usize = 4_096;
/// Slots of the first array. Those that follow grow and shrink with what comes.
const SLOTS_MIN: usize = 1_024;
/// No array takes more: 58 MB.
const SLOTS_MAX: usize = 1 << 20;

/// What a queue brought.
pub(crate) enum Event {
    /// A record, in the reader's [`Reader::record`].
    Record {
        position: u64,
        words: usize,
    },
    /// Rows of records.
    Rows(Rows, Shape),
    /// So many rows of the program's array.
    Filled(usize),
    Lost(u64),
    Closed(Closed),
}

/// What was taken from a queue and not given out yet.
enum Pending {
    Record { position: u64, words: Box<[u64]> },
    Lost(u64),
}

/// Reads a source.
pub(crate) struct Reader<S> {
    source: S,
    place: Box<Place>,
    /// In the order in which they were taken; at most one of each queue.
    pending: VecDeque<(usize, Pending)>,
    /// Memory of a batch to which nothing came.
    spare: Option<Rows>,
    kept: Kept,
    /// Slots of the next array.
    slots: usize,
}

/// Until when to wait; `None` for as long as it takes.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Now,
    At(Instant),
    Ever,
}

impl Until {
    /// How long to wait before Python's signals are looked at; `None` when it is over.
    pub(crate) fn slice(self) -> Option<Duration> {
        match self {
            Self::Now => None,
            Self::Ever => Some(SIGNAL_INTERVAL),
            Self::At(at) => {
                let left = at.saturating_duration_since(Instant::now());
                (!left.is_zero()).then(|| left.min(SIGNAL_INTERVAL))
            }
        }
    }
}

impl<S: Source> Reader<S> {
    pub(crate) fn new(source: S) -> Self {
        Self {
            source,
            place: Box::new([0; RECORD_WORDS_MAX]),
            pending: VecDeque::new(),
            spare: None,
            kept: Kept::default(),
            slots: SLOTS_MIN,
        }
    }

    pub(crate) const fn source(&self) -> &S {
        &self.source
    }

    pub(crate) const fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// The source and what was taken from it, for another reader.
    pub(crate) fn into_parts(self) -> (S, Carried) {
        (self.source, Carried(self.pending))
    }

    /// Gives out first what was taken elsewhere from what is now that queue.
    pub(crate) fn carry(&mut self, index: usize, carried: Carried) {
        self.pending
            .extend(carried.0.into_iter().map(|(_, pending)| (index, pending)));
    }

    /// The words of the record that the last event brought.
    pub(crate) fn record(&self, words: usize) -> &[u64] {
        &self.place[..words.min(RECORD_WORDS_MAX)]
    }

    /// The position of the next slot to be given out.
    pub(crate) fn position(&self, index: usize) -> Option<u64> {
        let subscription = self.source.get(index)?;
        let pending = self.pending.iter().find(|(of, _)| *of == index);
        Some(match pending {
            Some((_, Pending::Record { position, .. })) => *position,
            Some((_, Pending::Lost(slots))) => subscription.position().saturating_sub(*slots),
            None => subscription.position(),
        })
    }

    /// Slots that were told as lost.
    pub(crate) fn lost(&self, index: usize) -> Option<u64> {
        let lost = self.source.get(index)?.lost();
        let untold = self.pending.iter().filter(|(of, _)| *of == index);
        let untold = untold.map(|(_, pending)| match pending {
            Pending::Lost(slots) => *slots,
            Pending::Record { .. } => 0,
        });
        Some(lost.saturating_sub(untold.sum()))
    }

    /// Whether nothing can come any more.
    pub(crate) fn is_over(&self) -> bool {
        self.pending.is_empty() && self.source.is_over()
    }

    /// The next event; `None` where none came in time, or none can come.
    pub(crate) fn next(
        &mut self,
        py: Python<'_>,
        until: Until,
    ) -> PyResult<Option<(usize, Event)>> {
        if let Some((index, pending)) = self.pending.pop_front() {
            return Ok(Some((index, self.given(pending))));
        }
        if let Some(found) = self.source.take_into(&mut self.place) {
            return Ok(event(found));
        }
        let found = wait(py, &mut self.source, &mut self.place, until)?;
        Ok(found.and_then(event))
    }

    fn given(&mut self, pending: Pending) -> Event {
        match pending {
            Pending::Record { position, words } => {
                let record = RecordRef {
                    position,
                    words: &words,
                };
                Event::Record {
                    position,
                    words: record.copy_into(&mut self.place),
                }
            }
            Pending::Lost(slots) => Event::Lost(slots),
        }
    }

    /// The next records of one queue that are of one type, at most `records_max` of them, or what else comes; `None`
    /// where nothing came in time, or nothing can come. Waits for the first record only.
    pub(crate) fn next_batch(
        &mut self,
        py: Python<'_>,
        until: Until,
        records_max: usize,
    ) -> PyResult<Option<(usize, Event)>> {
        let mut rows = match self.spare.take() {
            Some(rows) => rows,
            None => self.kept.rows(py, self.slots.min(records_max))?,
        };
        let sheet = &mut rows.sheet;
        let (index, words) = match self.pending.pop_front() {
            Some((index, Pending::Record { position, words })) => (
                index,
                RecordRef {
                    position,
                    words: &words,
                }
                .copy_into(sheet.place()),
            ),
            Some((index, Pending::Lost(slots))) => {
                self.spare = Some(rows);
                return Ok(Some((index, Event::Lost(slots))));
            }
            None => {
                let found = match self.source.take_into(sheet.place()) {
                    Some(found) => Some(found),
                    None => wait(py, &mut self.source, sheet.place(), until)?,
                };
                match found {
                    Some((index, Taken::Record { words, .. })) => (index, words),
                    other => {
                        self.spare = Some(rows);
                        return Ok(other.and_then(event));
                    }
                }
            }
        };
        let shape = Shape::of(&sheet.place()[..words]);
        sheet.finish_row(words, shape);
        self.fill_meanwhile(py, sheet, index, shape, records_max);
        let grown = sheet.slots() * if sheet.is_full() { 4 } else { 2 };
        self.slots = grown.clamp(SLOTS_MIN, SLOTS_MAX);
        Ok(Some((index, Event::Rows(rows, shape))))
    }

    /// As [`Self::next_batch`], with the records in the rows of the program's array; what is of another type than they
    /// comes by itself.
    pub(crate) fn next_into(
        &mut self,
        py: Python<'_>,
        until: Until,
        lent: &mut Lent<'_>,
    ) -> PyResult<Option<(usize, Event)>> {
        let (index, words) = match self.next(py, until)? {
            Some((index, Event::Record { words, .. })) if lent.of.is_of(self.record(words)) => {
                (index, words)
            }
            other => return Ok(other),
        };
        // At least one row is there.
        lent.sheet.push(&self.place[..words]);
        let (rows_max, shape) = (usize::MAX, Shape::Known(lent.of));
        self.fill_meanwhile(py, &mut lent.sheet, index, shape, rows_max);
        self.fill_last(&mut lent.sheet, index, lent.of);
        Ok(Some((index, Event::Filled(lent.sheet.count()))))
    }

    /// Adds rows as [`Self::fill`] does, and lets other Python threads run if there are many.
    fn fill_meanwhile(
        &mut self,
        py: Python<'_>,
        sheet: &mut Sheet,
        index: usize,
        shape: Shape,
        records_max: usize,
    ) {
        let attached = records_max.min(ATTACHED_RECORDS);
        if self.fill(sheet, index, shape, attached) && attached < records_max {
            py.detach(|| self.fill(sheet, index, shape, records_max));
        }
    }

    /// Adds rows of the shape until there are so many, or no more; whether there may be more.
    fn fill(&mut self, sheet: &mut Sheet, index: usize, shape: Shape, records_max: usize) -> bool {
        // Nearly all arrays are of one length and type, which are the record's first two bytes.
        let (begin, row_words) = match shape {
            Shape::Known(of) => (of.begin(), of.words),
            Shape::Native { .. } | Shape::Other { .. } => (0, 0),
        };
        while sheet.count() < records_max {
            if sheet.is_full() {
                return false;
            }
            let place = sheet.place();
            match self.source.more_into(index, place) {
                Taken::Record { .. } if row_words != 0 && place[0] as u16 == begin => {
                    sheet.finish_words(row_words);
                }
                Taken::Record { position, words } => {
                    let record = &place[..words.min(RECORD_WORDS_MAX)];
                    if !shape.takes(record) {
                        self.keep(index, position, record);
                        return false;
                    }
                    sheet.finish_row(words, shape);
                }
                Taken::Lost(slots) => {
                    self.pending.push_back((index, Pending::Lost(slots)));
                    return false;
                }
                // The end of a queue comes again.
                Taken::Empty | Taken::Closed(_) => return false,
            }
        }
        true
    }

    /// Adds the last rows of an array, behind which there is no room for a record of any length.
    fn fill_last(&mut self, sheet: &mut Sheet, index: usize, of: &'static RecordType) {
        while self.pending.iter().all(|(queue, _)| *queue != index) && sheet.has_room(of.words) {
            match self.source.more_into(index, &mut self.place) {
                Taken::Record { position, words } => {
                    let record = &self.place[..words.min(RECORD_WORDS_MAX)];
                    if !of.is_of(record) {
                        let words = record.into();
                        let pending = Pending::Record { position, words };
                        self.pending.push_back((index, pending));
                        return;
                    }
                    sheet.push(record);
                }
                Taken::Lost(slots) => self.pending.push_back((index, Pending::Lost(slots))),
                Taken::Empty | Taken::Closed(_) => return,
            }
        }
    }

    /// Keeps a record for the next call.
    #[cold]
    fn keep(&mut self, index: usize, position: u64, record: &[u64]) {
        let words = record.into();
        let pending = Pending::Record { position, words };
        self.pending.push_back((index, pending));
    }

    /// The array of rows that an event brought.
    pub(crate) fn array(
        &mut self,
        py: Python<'_>,
        rows: Rows,
        shape: Shape,
    ) -> PyResult<Py<PyAny>> {
        self.kept.array(py, rows, shape)
    }
}

/// What one reader took and another gives out.
pub(crate) struct Carried(VecDeque<(usize, Pending)>);

fn event((index, taken): (usize, Taken)) -> Option<(usize, Event)> {
    let event = match taken {
        Taken::Record { position, words } => Event::Record { position, words },
        Taken::Lost(slots) => Event::Lost(slots),
        Taken::Closed(reason) => Event::Closed(reason),
        Taken::Empty => return None,
    };
    Some((index, event))
}

/// Waits while other Python threads run, and signals are handled.
fn wait<S: Source>(
    py: Python<'_>,
    source: &mut S,
    place: &mut Place,
    until: Until,
) -> PyResult<Option<(usize, Taken)>> {
    while let Some(slice) = until.slice() {
        if source.is_over() {
            return Ok(None);
        }
        let found = py.detach(|| source.wait_into(place, slice));
        if found.is_some() {
            // A signal is handled when the interpreter goes on: no event is lost to it.
            return Ok(found);
        }
        py.check_signals()?;
    }
    Ok(None)
}
