//! Reading a book table, and asking for orders.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway_queue::clock::Clock;
use gateway_queue::table::layout::TableHeader;
use gateway_queue::table::{Directory, ENTRY_WORDS, LoadError, TableHealth, TableReader};
use gateway_queue::{RecordRef, read_words};
use gateway_record::book::{BEST_WORDS, BookBest, BookEntry, SCHEMA_ID, SCHEMA_VERSION, WORDS};
use gateway_record::v3::MboMsg;

use crate::connection::Peer;
use crate::protocol::{ErrorCode, OrdersOf, ProtocolError, Reply, Request};
use crate::record::{Record, orders};
use crate::subscription::Closed;
use crate::{Checkpoint, Client, ClientError, Connection};

/// A reader looks this often whether the gateway's socket hung up.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// How long the broker may take to answer when the table goes on elsewhere.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a successor may take to answer when a table has ended.
const SUCCESSOR_TIMEOUT: Duration = Duration::from_millis(200);
/// Words of an order record.
const ORDER_WORDS: usize = 7;
/// No snapshot has more records (15 GB): what says so is not believed.
const SNAPSHOT_RECORDS_MAX: u64 = 1 << 28;

const _: () = assert!(WORDS == ENTRY_WORDS);

/// An instrument's place in one table: look for it again after [`BookTable::reattach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instrument {
    entry: u32,
    /// The instrument, as records name it.
    pub id: u32,
}

impl Instrument {
    /// A place that was found before, for those who keep it in a form of their own.
    #[must_use]
    pub const fn new(entry: u32, id: u32) -> Self {
        Self { entry, id }
    }

    /// Its entry in the table.
    #[must_use]
    pub const fn entry(self) -> u32 {
        self.entry
    }
}

/// Why a book was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookError {
    /// The table ended: what it has is old. [`BookTable::reattach`] goes on where there is a gateway.
    Closed(Closed),
    /// The instrument is not in this table: it is of another one.
    NoInstrument,
    /// The book was replaced during every attempt to copy it; read again.
    Contended,
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::NoInstrument => {
                f.write_str("the instrument is not in this table: look for it again")
            }
            Self::Contended => LoadError::Contended.fmt(f),
        }
    }
}

impl std::error::Error for BookError {}

/// A reader of a book table: the books of all instruments of a queue, as they are now.
///
/// Reading copies an instrument's book whole out of read-only shared memory, or says why not. It makes no system call
/// but one each 10 ms, to learn of a gateway that is gone.
#[derive(Debug)]
pub struct BookTable {
    table: TableReader,
    connection: Connection,
    path: PathBuf,
    book: String,
    reader: String,
    run: u64,
    /// What is known of the entries: the directory when it was read, and what the entries were about.
    known: Directory,
    by_symbol: HashMap<String, u32>,
    by_id: HashMap<u32, u32>,
    clock: &'static Clock,
    look_ticks: u64,
    looked_at: u64,
    closed: Option<Closed>,
}

impl BookTable {
    pub(crate) fn open(path: &Path, book: &str, reader: &str) -> Result<Self, ClientError> {
        let mut connection = Connection::open(path)?;
        let (table, run) = connection.book(book, reader)?;
        connection.limit(FOLLOW_TIMEOUT)?;
        let clock = Clock::global();
        Ok(Self {
            table,
            connection,
            path: path.to_owned(),
            book: book.to_owned(),
            reader: reader.to_owned(),
            run,
            known: Directory::default(),
            by_symbol: HashMap::new(),
            by_id: HashMap::new(),
            clock,
            look_ticks: clock.ticks_in(LOOK_INTERVAL),
            looked_at: clock.ticks(),
            closed: None,
        })
    }

    /// The instrument of that symbol, if it was announced. The first time, and whenever instruments were added since,
    /// it looks through the table (some 50 ns an instrument).
    pub fn find(&mut self, symbol: &str) -> Option<Instrument> {
        self.learn();
        let entry = *self.by_symbol.get(symbol)?;
        self.instrument(entry)
    }

    /// The instrument that records name so, if there were any about it.
    pub fn find_id(&mut self, id: u32) -> Option<Instrument> {
        self.learn();
        let entry = *self.by_id.get(&id)?;
        Some(Instrument { entry, id })
    }

    /// Every instrument there is.
    pub fn instruments(&self) -> impl Iterator<Item = Instrument> {
        (0..self.entries()).filter_map(|entry| self.instrument(entry))
    }

    /// How many entries there are, each of which is or will be an instrument's.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.table.directory().entries
    }

    /// The instrument of that entry.
    #[must_use]
    pub fn instrument(&self, entry: u32) -> Option<Instrument> {
        let words = self.table.load::<BEST_WORDS>(entry).ok()?;
        let id = BookBest::from_words(&words).instrument_id;
        Some(Instrument { entry, id })
    }

    /// Best bid and ask: two cache lines.
    ///
    /// # Errors
    /// [`BookError`]: there is nothing to be had that could be trusted.
    #[inline]
    pub fn best(&mut self, instrument: Instrument) -> Result<BookBest, BookError> {
        self.check()?;
        let best = BookBest::from_words(&self.load::<BEST_WORDS>(instrument)?);
        if best.instrument_id == instrument.id {
            Ok(best)
        } else {
            Err(BookError::NoInstrument)
        }
    }

    /// The whole book: ten levels, last trade, status.
    ///
    /// # Errors
    /// As [`Self::best`].
    #[inline]
    pub fn read(&mut self, instrument: Instrument) -> Result<BookEntry, BookError> {
        self.check()?;
        let book = BookEntry::from_words(&self.load::<WORDS>(instrument)?);
        if book.instrument_id == instrument.id {
            Ok(book)
        } else {
            Err(BookError::NoInstrument)
        }
    }

    /// The place in the queue where a reader goes on that reads books now: every book that is read after this call has
    /// all records below this position, and tells by [`BookEntry::position`] how much more it has. Records of an
    /// instrument below the position of its book are in it; apply those from there on.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            run: self.run,
            position: self.table.applied(),
        }
    }

    /// The writer's signs of life. It writes its heartbeat every 10 ms: one that is older than 100 ms is that of a
    /// builder of books that is stuck, or that nobody lets run.
    #[must_use]
    pub fn health(&self) -> TableHealth {
        self.table.health()
    }

    /// What never changes about the table.
    #[must_use]
    pub const fn header(&self) -> &TableHeader {
        self.table.header()
    }

    /// Why the table ended, once an error said so and until it is re-attached.
    #[must_use]
    pub const fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// Opens the table of the same name again, after [`BookError::Closed`]. Instruments found before are of another
    /// table.
    ///
    /// # Errors
    /// As [`Client::books`]; this table is unchanged then, so that the caller may try again later.
    pub fn reattach(&mut self) -> Result<(), ClientError> {
        let mut connection = Connection::open(&self.path)?;
        let (table, run) = connection.book(&self.book, &self.reader)?;
        connection.limit(FOLLOW_TIMEOUT)?;
        self.connection = connection;
        self.adopt(table, run);
        Ok(())
    }

    fn adopt(&mut self, table: TableReader, run: u64) {
        self.table = table;
        self.run = run;
        self.known = Directory::default();
        self.by_symbol.clear();
        self.by_id.clear();
        self.closed = None;
    }

    #[inline]
    fn load<const N: usize>(&self, instrument: Instrument) -> Result<[u64; N], BookError> {
        self.table
            .load(instrument.entry)
            .map_err(|error| match error {
                LoadError::NoEntry => BookError::NoInstrument,
                LoadError::Contended => BookError::Contended,
            })
    }

    /// Looks what entries are about, if that changed.
    fn learn(&mut self) {
        let directory = self.table.directory();
        if directory == self.known {
            return;
        }
        self.by_symbol.clear();
        self.by_id.clear();
        let mut whole = true;
        for entry in 0..directory.entries {
            let Ok(words) = self.table.load::<WORDS>(entry) else {
                whole = false;
                continue;
            };
            let book = BookEntry::from_words(&words);
            self.by_id.insert(book.instrument_id, entry);
            let symbol = book.symbol.as_str();
            if !symbol.is_empty() {
                self.by_symbol.insert(symbol.to_owned(), entry);
            }
        }
        // What could not be copied is looked at again next time.
        self.known = if whole {
            directory
        } else {
            Directory::default()
        };
    }

    /// Whether the table still lives; follows it where it goes on in other memory.
    #[inline]
    fn check(&mut self) -> Result<(), BookError> {
        if self.closed.is_none() && self.table.ended().is_none() {
            let now = self.clock.ticks();
            if now.wrapping_sub(self.looked_at) < self.look_ticks {
                return Ok(());
            }
            self.looked_at = now;
        }
        self.look()
    }

    #[cold]
    fn look(&mut self) -> Result<(), BookError> {
        if let Some(closed) = self.closed {
            return Err(BookError::Closed(closed));
        }
        let peer = self.connection.look();
        let found = match (self.table.ended(), peer) {
            (_, Peer::Revoked) => Closed::Revoked,
            (None, Peer::There) => return Ok(()),
            (None, Peer::Gone) => Closed::HungUp,
            (Some(gateway_queue::Closed::Stopped), _) => Closed::Stopped,
            (Some(gateway_queue::Closed::Superseded { successor_epoch }), _) => {
                match self.follow(successor_epoch) {
                    Ok(()) => return Ok(()),
                    Err(closed) => closed,
                }
            }
        };
        let closed = match found {
            Closed::Stopped | Closed::HungUp => self
                .successor_epoch()
                .map_or(found, |epoch| Closed::Restarted { epoch }),
            found => found,
        };
        self.closed = Some(closed);
        Err(BookError::Closed(closed))
    }

    /// The table goes on in other memory, because an entitlement was taken back: asks for it. Entries keep their places.
    fn follow(&mut self, successor_epoch: u64) -> Result<(), Closed> {
        match self.connection.book(&self.book, &self.reader) {
            Ok((table, run)) => {
                self.adopt(table, run);
                Ok(())
            }
            Err(ClientError::Refused {
                code: ErrorCode::Revoked | ErrorCode::NotEntitled,
                ..
            }) => Err(Closed::Revoked),
            Err(_) => Err(Closed::Restarted {
                epoch: successor_epoch,
            }),
        }
    }

    /// The epoch of the table that has this one's name now, if a gateway answers and it is another.
    fn successor_epoch(&self) -> Option<u64> {
        let client = Client::connect_within(&self.path, SUCCESSOR_TIMEOUT).ok()?;
        let books = client.book_list().ok()?;
        let epoch = books.iter().find(|book| book.name == self.book)?.epoch;
        (epoch != self.table.header().epoch).then_some(epoch)
    }
}

/// The orders that rested at a position of a queue, as order records: for each instrument a Clear, then its orders in
/// the order of their priority, all flagged `F_SNAPSHOT`.
///
/// Go on from there: `client.subscribe(queue, &options.resuming(snapshot.checkpoint()))`, and skip what
/// [`Self::has`]. If the subscription [joined](crate::Subscription::joined) later, the queue has overwritten what lies
/// between: ask for another snapshot.
#[derive(Debug)]
pub struct OrderSnapshot {
    checkpoint: Checkpoint,
    words: Vec<u64>,
    /// How many instruments it has.
    pub instruments: u32,
    /// How many it lacks because their books could not be trusted.
    pub invalid: u32,
}

impl OrderSnapshot {
    /// Where in the queue a reader goes on.
    #[must_use]
    pub const fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// Whether what the record at that position of the queue says is in the snapshot.
    #[must_use]
    pub const fn has(&self, position: u64) -> bool {
        position < self.checkpoint.position
    }

    /// The records' words, seven for each.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The records side by side.
    #[must_use]
    pub fn orders(&self) -> &[MboMsg] {
        orders(&self.words)
    }

    /// The records.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.words.chunks_exact(ORDER_WORDS).map(|words| {
            Record::from_words(RecordRef {
                position: self.checkpoint.position,
                words,
            })
        })
    }
}

impl Connection {
    /// Asks for the table of `book`; returns the gateway's run, too.
    fn book(&mut self, book: &str, reader: &str) -> Result<(TableReader, u64), ClientError> {
        let request = Request::Book {
            book: book.to_owned(),
            reader: reader.to_owned(),
        };
        let (reply, descriptors) = self.ask(&request)?;
        let Reply::Book { run, .. } = reply else {
            return Err(ProtocolError::Answer.into());
        };
        let table = TableReader::attach(&only(descriptors)?)?;
        let header = table.header();
        if (header.schema_id, header.schema_version) != (SCHEMA_ID, SCHEMA_VERSION) {
            return Err(ProtocolError::Field { field: "schema" }.into());
        }
        Ok((table, run))
    }

    /// Asks for orders.
    pub(crate) fn orders(
        &mut self,
        book: &str,
        of: OrdersOf,
    ) -> Result<OrderSnapshot, ClientError> {
        let request = Request::Orders {
            book: book.to_owned(),
            of,
        };
        let (reply, descriptors) = self.ask(&request)?;
        let Reply::Orders {
            run,
            position,
            records,
            instruments,
            invalid,
        } = reply
        else {
            return Err(ProtocolError::Answer.into());
        };
        if records > SNAPSHOT_RECORDS_MAX {
            return Err(ProtocolError::Field { field: "records" }.into());
        }
        let words = read_words(&only(descriptors)?, records as usize * ORDER_WORDS)?;
        Ok(OrderSnapshot {
            checkpoint: Checkpoint { run, position },
            words,
            instruments,
            invalid,
        })
    }
}

fn only(descriptors: Vec<OwnedFd>) -> Result<OwnedFd, ProtocolError> {
    let found = descriptors.len();
    <[OwnedFd; 1]>::try_from(descriptors)
        .map(|[fd]| fd)
        .map_err(|_| ProtocolError::Descriptors { expected: 1, found })
}
