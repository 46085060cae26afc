//! Our queue without its client: the ring alone, and readers that sleep on it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gateway_queue::{
    Advance, Poll, PositionPage, PositionWriter, Publisher, PublisherOptions, QueueHandle,
    ReaderPosition, Start, Subscriber,
};

use super::{Place, Queue, Receiver, Sender};
use crate::control::address_of;
use crate::message::{Checker, Message};

/// Longest sleep of a reader before it looks again: the helper wakes it long before.
const SLEEP_MAX: Duration = Duration::from_secs(1);

pub(crate) struct Ring;

pub(crate) struct RingSender {
    publisher: Publisher,
    handle: QueueHandle,
    /// What readers open.
    read_only: OwnedFd,
}

impl RingSender {
    pub(crate) const fn handle(&self) -> &QueueHandle {
        &self.handle
    }

    pub(crate) const fn read_only(&self) -> &OwnedFd {
        &self.read_only
    }
}

impl Queue for Ring {
    type Sender = RingSender;
    type Receiver = Subscriber;

    fn create(place: &Place) -> Result<(RingSender, String)> {
        let options = PublisherOptions {
            name: place.name.into(),
            slots: place.capacity,
            ..PublisherOptions::default()
        };
        let (publisher, handle) = Publisher::create(&options)?;
        let read_only = handle.read_only_fd()?;
        let address = address_of(&read_only);
        let sender = RingSender {
            publisher,
            handle,
            read_only,
        };
        Ok((sender, address))
    }

    fn attach(address: &str) -> Result<Subscriber> {
        let file = File::open(address).with_context(|| format!("cannot open {address}"))?;
        Ok(Subscriber::attach(file.into(), Start::Head)?)
    }
}

impl Sender for RingSender {
    #[inline(always)]
    fn try_send(&mut self, message: &Message) -> bool {
        self.publisher.publish_array(message);
        true
    }
}

impl Receiver for Subscriber {
    #[inline(always)]
    fn receive(&mut self, mut read: impl FnMut(&Message)) -> usize {
        match self.poll() {
            Poll::Record(record) => {
                // Every message is of one slot.
                let Ok(message) = record.words.try_into() else {
                    return 0;
                };
                read(message);
                1
            }
            // A loss shows in the numbers of the messages.
            Poll::Empty | Poll::Lost { .. } | Poll::Closed(_) => 0,
        }
    }
}

/// A reader with a page of its own, through which it is woken, as the broker sets it up.
pub(crate) struct SleepingReader {
    subscriber: Subscriber,
    page: PositionWriter,
}

impl SleepingReader {
    /// What a reader needs of whoever made the queue: its page, and where it finds it.
    pub(crate) fn page() -> Result<(PositionPage, OwnedFd, String)> {
        let (page, fd) = PositionPage::create()?;
        let address = address_of(&fd);
        Ok((page, fd, address))
    }

    pub(crate) fn attach(queue: &str, page: &str) -> Result<Self> {
        let file = File::options().read(true).write(true).open(page);
        let fd: OwnedFd = file.with_context(|| format!("cannot open {page}"))?.into();
        let reader = Self {
            subscriber: Ring::attach(queue)?,
            page: PositionWriter::attach(&fd)?,
        };
        // Touches the page, as the client does.
        reader.page.write(ReaderPosition::default());
        Ok(reader)
    }

    /// Sleeps whenever there is nothing to read; returns at the end of the measurement.
    pub(crate) fn read_to_end(&mut self) -> Result<()> {
        let mut checker = Checker::default();
        loop {
            match self.subscriber.advance_or_sleep(&self.page, SLEEP_MAX) {
                Advance::Record => {
                    let words = self.subscriber.current().words;
                    if checker.take(words.try_into()?) {
                        return checker.finish();
                    }
                }
                Advance::Empty => {}
                Advance::Lost(slots) => ensure!(slots == 0, "{slots} slots were lost"),
                Advance::Closed(closed) => bail!("the queue ended: {closed:?}"),
            }
        }
    }
}
