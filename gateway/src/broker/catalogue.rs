//! What the broker gives out at this moment, to whom, and how much of itself it lends.
//!
//! The control plane changes it while clients are served: a queue is rotated, an entitlement is taken back. Each
//! session sees a change at once.

use std::sync::Arc;

use gateway_queue::QueueHandle;
use tokio::sync::watch;

use super::{Entitlements, OfferedBook};

/// A queue, in its present epoch.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The queue.
    pub handle: QueueHandle,
    /// Slots that were published in its earlier epochs since the gateway started: a position of this epoch plus this
    /// counts on from the epochs before.
    pub base: u64,
}

impl Offered {
    /// A queue in its first epoch.
    #[must_use]
    pub const fn first(handle: QueueHandle) -> Self {
        Self { handle, base: 0 }
    }

    /// Slots published since the gateway started.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.base + self.handle.head()
    }
}

/// How many clients are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Clients connected at the same time, subscriptions and others together.
    pub clients_max: usize,
    /// Of these, clients of one user.
    pub clients_per_user_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients_max: 256,
            clients_per_user_max: 128,
        }
    }
}

/// Queues, books, entitlements and limits at one moment.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// In the configuration's order.
    pub queues: Vec<Offered>,
    /// Likewise. A book has a name of its own among queues and books; where it has a conflated queue, that has the same.
    pub books: Vec<OfferedBook>,
    /// Who may read what.
    pub entitlements: Entitlements,
    /// How many may be connected.
    pub limits: Limits,
}

impl Offer {
    /// The queue of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Offered> {
        self.queues.iter().find(|queue| queue.handle.name() == name)
    }

    /// The book of that name.
    #[must_use]
    pub fn find_book(&self, name: &str) -> Option<&OfferedBook> {
        self.books.iter().find(|book| book.name() == name)
    }
}

/// The present [`Offer`], shared by the broker and by whoever changes or reports it.
#[derive(Debug)]
pub struct Catalogue {
    offer: watch::Sender<Arc<Offer>>,
}

impl Catalogue {
    /// The offer at this moment.
    #[must_use]
    pub fn now(&self) -> Arc<Offer> {
        Arc::clone(&self.offer.borrow())
    }

    /// Changes the offer; every session learns of it.
    pub fn change(&self, change: impl FnOnce(&mut Offer)) {
        self.offer.send_modify(|offer| change(Arc::make_mut(offer)));
    }

    /// Hears of changes.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<Offer>> {
        self.offer.subscribe()
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self {
            offer: watch::Sender::new(Arc::default()),
        }
    }
}
