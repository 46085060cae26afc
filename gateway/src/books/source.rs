//! The queue that books are built from, read as any strategy reads it, but without a socket in between.

use std::sync::Arc;

use gateway_queue::{
    Closed, QueueError, RECORD_WORDS_MAX, ReaderPosition, Start, Subscriber, Taken as Step,
};

use crate::broker::{Catalogue, InternalReader, Offered, Registry};

/// What a look at the queue brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A record of so many words.
    Record {
        /// Position of its first slot, counted since the gateway started.
        position: u64,
        words: usize,
    },
    Empty,
    /// So many slots passed unread.
    Lost(u64),
    /// The queue ended, and everything in it was read.
    Ended,
}

/// A reader that follows its queue from epoch to epoch.
#[derive(Debug)]
pub(super) struct Source {
    subscriber: Subscriber,
    base: u64,
    epoch: u64,
    reader: InternalReader,
    catalogue: Arc<Catalogue>,
    queue: String,
    pub(super) lost: u64,
    pub(super) laps: u64,
}

impl Source {
    /// Begins with the oldest record of `queue`.
    pub(super) fn new(
        name: &str,
        queue: &Offered,
        registry: &Arc<Registry>,
        catalogue: Arc<Catalogue>,
    ) -> Result<Self, QueueError> {
        Ok(Self {
            subscriber: Subscriber::attach(queue.handle.read_only_fd()?, Start::Oldest)?,
            base: queue.base,
            epoch: queue.handle.epoch(),
            reader: registry.attach_internal(name, queue)?,
            catalogue,
            queue: queue.handle.name().to_owned(),
            lost: 0,
            laps: 0,
        })
    }

    /// Takes the next record, if there is one, to `place`.
    #[inline]
    pub(super) fn take(&mut self, place: &mut [u64; RECORD_WORDS_MAX]) -> Taken {
        match self.subscriber.take_into(place) {
            Step::Record { position, words } => Taken::Record {
                position: self.base + position,
                words,
            },
            Step::Empty => Taken::Empty,
            Step::Lost(slots) => self.lose(slots),
            Step::Closed(Closed::Stopped) => Taken::Ended,
            Step::Closed(Closed::Superseded { .. }) => self.follow(),
        }
    }

    /// The next slot to be read, counted since the gateway started.
    pub(super) const fn position(&self) -> u64 {
        self.base + self.subscriber.position()
    }

    /// Says where it is, for status and metrics.
    pub(super) fn tell(&self, now_ns: u64) {
        self.reader.write(ReaderPosition {
            position: self.subscriber.position(),
            lost: self.lost,
            overruns: self.laps,
            last_poll_ns: now_ns,
        });
    }

    fn lose(&mut self, slots: u64) -> Taken {
        self.lost += slots;
        self.laps += 1;
        Taken::Lost(slots)
    }

    /// The queue went on in other memory, which the catalogue had before the old one ended.
    #[cold]
    fn follow(&mut self) -> Taken {
        let offer = self.catalogue.now();
        let Some(queue) = offer.find(&self.queue) else {
            return Taken::Ended;
        };
        if queue.handle.epoch() == self.epoch {
            return Taken::Ended;
        }
        let expected = self.position();
        let attached = queue
            .handle
            .read_only_fd()
            .and_then(|fd| Subscriber::attach(fd, Start::At(0)))
            .and_then(|subscriber| self.reader.follow(queue).map(|()| subscriber));
        match attached {
            Ok(subscriber) => {
                self.subscriber = subscriber;
                self.base = queue.base;
                self.epoch = queue.handle.epoch();
            }
            Err(cause) => {
                // Out of descriptors or memory: asked again with the next step.
                tracing::error!(queue = self.queue, %cause, "the queue's next epoch cannot be attached yet");
                return Taken::Empty;
            }
        }
        match queue.base.saturating_sub(expected) {
            0 => Taken::Empty,
            slots => self.lose(slots),
        }
    }
}
