//! What the thread of a book does, one step at a time.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use gateway_book::{BATCH_RECORDS, Batch, Books, BooksOptions, Reason, Validity};
use gateway_feed::record::v3::{InstrumentDefMsg, MboMsg};
use gateway_feed::record::{InstrumentId, RTYPE_CONTROL};
use gateway_queue::clock::Clock;
use gateway_queue::{Ending, RECORD_WORDS_MAX, RecordRef};

use super::BookError;
use super::board::{BookBoard, Shown};
use super::conflation::Conflation;
use super::orders::Collection;
use super::source::{Source, Taken};
use super::table::BookWriter;
use crate::broker::{Catalogue, Desk, Offered, OfferedBook, OrdersRequest, Registry};
use crate::config::model::Conflated;

/// Records that a step takes at most.
const STEP_RECORDS: usize = BATCH_RECORDS;
/// Heartbeats and position.
const TELL_INTERVAL: Duration = Duration::from_millis(10);
/// Counts: those of valid books take a look at every instrument.
const SHOW_INTERVAL: Duration = Duration::from_millis(100);
/// A line a second about being overtaken, at most.
const LOG_INTERVAL: Duration = Duration::from_secs(1);
/// When a rotation that failed is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Requests for orders take at most one part in so many of the thread's time.
const ORDERS_SHARE: u64 = 10;
const COMMANDS_MAX: usize = 4;
/// Where an order record, and every other that concerns an instrument, has the time of its receipt.
const ORDER_RECEIVED_WORD: usize = 5;
const ORDER_WORDS: usize = size_of::<MboMsg>() / 8;

/// What a builder is to build.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the book, its table and its conflated queue.
    pub name: String,
    /// Name of the queue.
    pub queue: String,
    /// Ids of the channels that the queue has.
    pub channels: Vec<u8>,
    /// Limits.
    pub books: BooksOptions,
    /// The conflated queue, if there is to be one.
    pub conflated: Option<Conflated>,
}

/// What the control plane may tell a builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Go on in other memory: somebody may not read the present one any more.
    Rotate,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There were records.
    Worked,
    /// There was nothing to read.
    Idle,
    /// The queue has ended, and all of it is in the books.
    Ended,
}

/// Builds the books of a queue.
#[derive(Debug)]
pub struct Builder {
    plan: Plan,
    books: Books,
    batch: Batch,
    received_ns: [u64; BATCH_RECORDS],
    place: Box<[u64; RECORD_WORDS_MAX]>,
    source: Source,
    table: BookWriter,
    conflation: Option<Conflation>,
    catalogue: Arc<Catalogue>,
    desk: Desk,
    requests: Receiver<OrdersRequest>,
    /// The request that is being answered.
    collection: Option<Collection>,
    commands: (Sender<Command>, Receiver<Command>),
    board: Arc<BookBoard>,
    clock: &'static Clock,
    shown: Shown,
    tell_at: u64,
    show_at: u64,
    log_at: u64,
    serve_at: u64,
    rotate_at: Option<u64>,
    laps_unsaid: u64,
}

impl Builder {
    /// Takes all memory that the books will need, attaches to the queue, which the catalogue has, at its oldest record,
    /// and offers table and conflated queue.
    ///
    /// # Errors
    /// There is no memory, or no such queue.
    pub fn new(
        plan: Plan,
        catalogue: &Arc<Catalogue>,
        registry: &Arc<Registry>,
    ) -> Result<Self, BookError> {
        let offer = catalogue.now();
        let queue = offer
            .find(&plan.queue)
            .ok_or_else(|| gateway_queue::QueueError::Option {
                option: "queue",
                value: plan.queue.clone(),
                remedy: "name a queue of this gateway".to_owned(),
            })?;
        let instruments_max = plan.books.instruments_max;
        let books = Books::new(&plan.books)?;
        let (table, handle) = BookWriter::create(&plan.name, &plan.queue, instruments_max)?;
        let conflation = plan
            .conflated
            .map(|conflated| Conflation::create(&plan.name, instruments_max, conflated))
            .transpose()?;
        let reader = format!("book {}", plan.name);
        let source = Source::new(&reader, queue, registry, Arc::clone(catalogue))?;
        let (desk, requests) = Desk::new();
        let (conflation, conflated) = conflation.unzip();
        catalogue.change(|offer| {
            offer.books.push(OfferedBook {
                table: handle,
                desk: desk.clone(),
            });
            offer.queues.extend(conflated.map(Offered::first));
        });
        Ok(Self {
            plan,
            books,
            batch: Batch::new(),
            received_ns: [0; BATCH_RECORDS],
            place: Box::new([0; RECORD_WORDS_MAX]),
            source,
            table,
            conflation,
            catalogue: Arc::clone(catalogue),
            desk,
            requests,
            collection: None,
            commands: bounded(COMMANDS_MAX),
            board: Arc::default(),
            clock: Clock::global(),
            shown: Shown::default(),
            tell_at: 0,
            show_at: 0,
            log_at: 0,
            serve_at: 0,
            rotate_at: None,
            laps_unsaid: 0,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Where it shows its counts.
    #[must_use]
    pub fn board(&self) -> Arc<BookBoard> {
        Arc::clone(&self.board)
    }

    /// Where it takes commands.
    #[must_use]
    pub fn commands(&self) -> Sender<Command> {
        self.commands.0.clone()
    }

    /// The books as they are.
    #[must_use]
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// Reads what there is, up to some dozen records, brings everything up to it, and goes on with a request for orders.
    pub fn step(&mut self) -> Step {
        let step = self.read();
        // Steady: what is due is due then, also when the system's clock is set.
        let now = self.clock.steady_now();
        if let Some(conflation) = &mut self.conflation {
            conflation.publish_due(&self.books, now);
        }
        if step == Step::Ended {
            self.end(now);
            return step;
        }
        self.serve(now, step);
        self.rotate(now);
        self.tell(now);
        step
    }

    fn read(&mut self) -> Step {
        let mut step = Step::Idle;
        for _ in 0..STEP_RECORDS {
            match self.source.take(&mut self.place) {
                Taken::Record { position, words } => {
                    step = Step::Worked;
                    self.record(position, words);
                }
                Taken::Empty => break,
                Taken::Lost(slots) => {
                    step = Step::Worked;
                    self.lose(slots);
                }
                Taken::Ended => {
                    step = Step::Ended;
                    break;
                }
            }
        }
        if step != Step::Idle {
            self.apply();
            self.table.flush(&self.books, self.source.position());
        }
        step
    }

    /// Takes a record. Those that are passed on are applied at once: what came before them is told before them.
    fn record(&mut self, position: u64, words: usize) {
        let record = &self.place[..words];
        let first = record.first().copied().unwrap_or_default();
        let kind = (first >> 8) as u8;
        let passed_on = matches!(
            kind,
            RTYPE_CONTROL | dbn::rtype::INSTRUMENT_DEF | dbn::rtype::STATUS
        );
        let received_ns = if kind == dbn::rtype::MBO && words == ORDER_WORDS {
            record[ORDER_RECEIVED_WORD]
        } else {
            0
        };
        self.received_ns[self.batch.len()] = received_ns;
        if let Some(collection) = &mut self.collection {
            collection.expect(&self.books, record);
        }
        // There is room: a step takes no more, and each batch is applied with it.
        let _ = self.batch.push(record, position);
        if passed_on {
            self.apply();
            if kind == dbn::rtype::INSTRUMENT_DEF {
                self.define(words);
            }
            if let Some(conflation) = &mut self.conflation {
                conflation.pass_on(&self.books, &self.place[..words]);
            }
        }
    }

    fn apply(&mut self) {
        let Self {
            books,
            batch,
            received_ns,
            table,
            conflation,
            collection,
            ..
        } = self;
        let mut received = received_ns.iter();
        books.apply_batch(batch, |books, applied| {
            let received_ns = received.next().copied().unwrap_or_default();
            table.note(books, &applied, received_ns, |slot| {
                if let Some(conflation) = conflation {
                    conflation.note(&applied, slot, received_ns);
                }
            });
        });
        if let Some(collection) = collection {
            collection.follow(books);
        }
    }

    /// Learns the symbol of a definition, which was applied.
    fn define(&mut self, words: usize) {
        let record = RecordRef {
            position: 0,
            words: &self.place[..words],
        };
        let gateway_client::Record::Definition(definition) =
            gateway_client::Record::from_words(record)
        else {
            return;
        };
        let id = InstrumentId(definition.hd.instrument_id);
        if let (Some(book), Some(symbol)) = (self.books.instrument(id), symbol(definition))
            && !self.table.name(book.slot(), symbol)
        {
            self.shown.symbols_refused += 1;
        }
    }

    /// The queue overtook this builder: no book can be trusted until it begins anew.
    #[cold]
    fn lose(&mut self, slots: u64) {
        self.apply();
        let position = self.source.position();
        let applied = self.books.lost(position.saturating_sub(1));
        let (table, conflation) = (&mut self.table, &mut self.conflation);
        table.note(&self.books, &applied, 0, |slot| {
            if let Some(conflation) = conflation {
                conflation.note(&applied, slot, 0);
            }
        });
        self.laps_unsaid += 1;
        let now = self.clock.steady_now();
        if now >= self.log_at {
            self.log_at = now + nanoseconds(LOG_INTERVAL);
            tracing::warn!(
                book = self.plan.name,
                queue = self.plan.queue,
                slots,
                laps = std::mem::take(&mut self.laps_unsaid),
                "the builder of books was overtaken: no book is valid until it begins anew; give the queue more slots, \
                 or the book a core"
            );
        }
    }

    /// Goes on with a request for orders, if there is one, by a piece. While there are records, pieces take their share of
    /// the time and no more.
    fn serve(&mut self, now: u64, step: Step) {
        if now < self.serve_at && step == Step::Worked {
            return;
        }
        let books = &self.books;
        self.collection = match self.collection.take() {
            // Not before the message whose first records are applied is complete.
            Some(collection) if collection.is_whole() && self.table.is_complete() => {
                let position = self.source.position();
                self.shown.snapshots += u64::from(collection.end(books, position));
                None
            }
            Some(collection) => collection.go_on(books),
            None => {
                let Ok(request) = self.requests.try_recv() else {
                    return;
                };
                Collection::begin(books, &self.table, request)
            }
        };
        let took = self.clock.steady_now().saturating_sub(now);
        self.serve_at = now + took.saturating_mul(ORDERS_SHARE);
    }

    fn rotate(&mut self, now: u64) {
        if let Ok(Command::Rotate) = self.commands.1.try_recv() {
            self.rotate_at = Some(now);
        }
        if self.rotate_at.is_none_or(|at| now < at) {
            return;
        }
        self.rotate_at = match self.go_on_elsewhere() {
            Ok(()) => None,
            Err(cause) => {
                tracing::error!(
                    book = self.plan.name,
                    %cause,
                    "the book is not rotated yet: whoever lost the entitlement can read on; trying again"
                );
                Some(now + nanoseconds(RETRY_INTERVAL))
            }
        };
    }

    /// Offers other memory, then ends the old: whoever asks for what comes next finds it.
    #[cold]
    fn go_on_elsewhere(&mut self) -> Result<(), BookError> {
        let conflated = match &mut self.conflation {
            Some(conflation) => Some(conflation.rotate()?),
            None => None,
        };
        let (old, handle) = self.table.rotate(&self.books, self.source.position())?;
        let table_epoch = handle.epoch();
        let name = &self.plan.name;
        let (old_queue, queue) = conflated.unzip();
        let queue_epoch = queue.as_ref().map(|queue| queue.epoch());
        let published = old_queue.as_ref().map_or(0, gateway_queue::Publisher::head);
        self.catalogue.change(|offer| {
            if let Some(book) = offer.books.iter_mut().find(|book| book.name() == name) {
                book.table = handle;
            }
            let index = offer
                .queues
                .iter()
                .position(|queue| queue.handle.name() == name);
            if let (Some(handle), Some(index)) = (queue, index) {
                offer.go_on(index, handle, published);
            }
        });
        old.close(Ending::Superseded {
            successor_epoch: table_epoch,
        });
        if let (Some(old), Some(successor_epoch)) = (old_queue, queue_epoch) {
            old.close(Ending::Superseded { successor_epoch });
        }
        self.shown.rotations += 1;
        tracing::info!(book = name, epoch = table_epoch, "book rotated");
        Ok(())
    }

    fn tell(&mut self, now: u64) {
        if now >= self.tell_at {
            self.tell_at = now + nanoseconds(TELL_INTERVAL);
            let wall = self.clock.wall(now);
            self.table.heartbeat(wall);
            if let Some(conflation) = &mut self.conflation {
                conflation.heartbeat(wall);
            }
            self.source.tell(wall);
        }
        if now >= self.show_at {
            self.show_at = now + nanoseconds(SHOW_INTERVAL);
            self.show(now);
        }
    }

    fn show(&mut self, now: u64) {
        let valid = self
            .books
            .instruments()
            .filter(|book| book.validity().is_valid());
        let conflation = self.conflation.as_ref();
        let lapped = self.plan.channels.iter().copied().filter(|channel| {
            let validity = self.books.channel_validity(*channel);
            let reason = Reason::Lapped;
            matches!(validity, Validity::Invalid { reason: of, .. } if of == reason)
        });
        self.shown = Shown {
            lapped: lapped.collect(),
            books: self.books.counters(),
            valid: valid.count() as u64,
            position: self.source.position(),
            lost: self.source.lost,
            laps: self.source.laps,
            changes: conflation.map_or(0, |conflation| conflation.changes),
            conflated: conflation.map_or(0, |conflation| conflation.conflated),
            published: conflation.map_or(0, |conflation| conflation.published),
            shown_ns: now,
            ..self.shown
        };
        self.board.show(self.shown);
    }

    /// The queue has ended: so do table and conflated queue, with the last there is.
    fn end(&mut self, now: u64) {
        self.tell_at = 0;
        self.show_at = 0;
        self.tell(now);
        if let Some(conflation) = self.conflation.take() {
            conflation.close(&self.books);
        }
    }

    /// Where orders are asked for.
    #[must_use]
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }
}

/// The symbol of a definition, if it is text.
fn symbol(definition: &InstrumentDefMsg) -> Option<&str> {
    definition.raw_symbol().ok().map(str::trim_end)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
