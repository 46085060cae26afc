//! What the broker gives out at this moment, to whom, and how much of itself it lends.
//!
//! The control plane changes it while clients are served: a queue is rotated, an entitlement is taken back. Each
//! session sees a change at once.

use std::sync::Arc;

use gateway_client::protocol::Wish;
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
    /// Of each queue that was rotated the epoch before the present one, until the present one has taken as many records:
    /// so late joiners find what they would find in a queue that was never rotated.
    pub earlier: Vec<Offered>,
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

    /// The epoch of `queue`, which is one of [`Self::queues`], that has what a reader wishes; the present one where no
    /// other is held. `run` is the gateway's.
    #[must_use]
    pub fn epoch_of<'a>(&'a self, queue: &'a Offered, wish: Wish, run: u64) -> &'a Offered {
        let from = match wish {
            Wish::Head => return queue,
            Wish::Oldest => 0,
            // Of another run the position means nothing: all that is there is to be read.
            Wish::At { run: of, .. } if of != 0 && of != run => 0,
            Wish::At { position, .. } => position,
            Wish::Resync => queue.base.saturating_add_signed(queue.handle.resync()),
        };
        if from >= queue.base {
            return queue;
        }
        let name = queue.handle.name();
        let earlier = self.earlier.iter().find(|e| e.handle.name() == name);
        earlier.unwrap_or(queue)
    }

    /// The queue of that index goes on in other memory, after so many slots in its present one.
    pub fn go_on(&mut self, queue: usize, successor: QueueHandle, published: u64) {
        let Some(now) = self.queues.get_mut(queue) else {
            return;
        };
        let next = Offered {
            base: now.base + published,
            handle: successor,
        };
        let before = std::mem::replace(now, next);
        let name = before.handle.name();
        self.earlier.retain(|earlier| earlier.handle.name() != name);
        self.earlier.push(before);
    }

    /// Lets go of the earlier epoch of the queue of that index: who comes later finds nothing of before.
    pub fn let_go_of(&mut self, queue: usize) {
        if let Some(now) = self.queues.get(queue) {
            let name = now.handle.name();
            self.earlier.retain(|earlier| earlier.handle.name() != name);
        }
    }

    /// Whether [`Self::let_go`] would free memory.
    #[must_use]
    pub fn holds_too_much(&self) -> bool {
        self.earlier.iter().any(|earlier| self.is_replaced(earlier))
    }

    /// Lets go of earlier epochs that a queue that was never rotated would have overwritten by now.
    pub fn let_go(&mut self) {
        let mut earlier = std::mem::take(&mut self.earlier);
        earlier.retain(|earlier| !self.is_replaced(earlier));
        self.earlier = earlier;
    }

    fn is_replaced(&self, earlier: &Offered) -> bool {
        self.find(earlier.handle.name())
            .is_none_or(|now| now.handle.head() >= earlier.handle.header().slots)
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
