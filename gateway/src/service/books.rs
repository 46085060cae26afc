//! The threads that build books, as the control plane keeps them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gateway_book::BooksOptions;
use tracing::{error, info};

use super::error::ServiceError;
use super::state::BookState;
use crate::books::{self, BookHandle, Builder, Plan};
use crate::broker::{Catalogue, Registry};
use crate::config::Config;

/// The builders of all books of the configuration, in its order.
#[derive(Debug, Default)]
pub(super) struct Books(Vec<BookHandle>);

impl Books {
    /// Starts them; the catalogue has their queues, and gets their tables.
    pub(super) fn start(
        config: &Config,
        catalogue: &Arc<Catalogue>,
        registry: &Arc<Registry>,
    ) -> Result<Self, ServiceError> {
        let mut handles = Vec::new();
        for book in &config.books {
            let queue = &config.queues[book.queue];
            let publisher = queue
                .channels
                .first()
                .map(|channel| config.channels[*channel].publisher() as u16);
            let plan = Plan {
                name: book.name.clone(),
                queue: queue.name.clone(),
                channels: channel_ids(&queue.channels),
                books: BooksOptions {
                    orders_max: book.orders_max,
                    levels_max: book.levels_max,
                    instruments_max: book.instruments_max,
                    publisher_id: publisher,
                },
                conflated: book.conflated,
            };
            let started = Builder::new(plan, catalogue, registry)
                .inspect(|builder| {
                    info!(
                        book = book.name,
                        queue = queue.name,
                        orders_max = book.orders_max,
                        bytes = builder.books().bytes(),
                        "books"
                    );
                })
                .and_then(|builder| books::start(builder, book.core, book.wait));
            handles.push(started.map_err(|source| ServiceError::Book {
                name: book.name.clone(),
                source,
            })?);
        }
        Ok(Self(handles))
    }

    /// Whether there are any.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the state has of them.
    pub(super) fn states(&self) -> Vec<BookState> {
        let state = |handle: &BookHandle| BookState {
            board: Arc::clone(&handle.board),
            running: AtomicBool::new(true),
        };
        self.0.iter().map(state).collect()
    }

    /// Sees who still runs. A builder that ended takes nothing but its books along.
    pub(super) fn tend(&self, states: &[BookState]) {
        for (handle, state) in self.0.iter().zip(states) {
            if handle.has_ended() && state.running.swap(false, Ordering::Relaxed) {
                error!(
                    book = handle.name,
                    "the builder of books ended by itself; its table is closed. This is a defect, please report it with \
                     the log"
                );
            }
        }
    }

    /// Has a book go on in other memory.
    pub(super) fn rotate(&self, book: &str) {
        let handle = self.0.iter().find(|handle| handle.name == book);
        if handle.is_some_and(|handle| !handle.rotate()) {
            error!(
                book,
                "the builder of books does not take its commands: whoever lost the entitlement can read on; is its core \
                 taken by another process (`top -H`)?"
            );
        }
    }

    /// Waits for the builders, which end with their queues.
    pub(super) fn stop(&mut self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        for handle in self.0.drain(..) {
            let name = handle.name.clone();
            if !handle.join(deadline.saturating_duration_since(Instant::now())) {
                error!(book = name, "panicked");
            }
        }
    }
}

/// The ids of channels of the configuration, which allows at most 255.
fn channel_ids(indices: &[usize]) -> Vec<u8> {
    let id = |index: &usize| u8::try_from(*index).ok();
    indices.iter().filter_map(id).collect()
}
