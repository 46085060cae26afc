//! What strategies link: records from the gateway's shared-memory queues.
//!
//! ```no_run
//! use gateway_client::{Client, Event, Record, SubscribeOptions};
//!
//! let client = Client::connect("/run/gateway/broker.sock")?;
//! let mut subscription = client.subscribe("all", &SubscribeOptions::named("my-strategy"))?;
//! loop {
//!     match subscription.poll() {
//!         Event::Record(Record::Mbo(order)) => println!("{} {}", order.price, order.size),
//!         Event::Record(_) | Event::Empty => {}
//!         Event::Lost(slots) => eprintln!("too slow: {slots} slots lost"),
//!         Event::Closed(reason) => break println!("{reason}"),
//!     }
//! }
//! # Ok::<(), gateway_client::ClientError>(())
//! ```
//!
//! A [`Subscription`] copies each record once, from the queue's read-only pages into a buffer of its own, and hands out
//! typed views of it. Polling makes no system call while records arrive. The gateway sees where a reader is
//! ([`gateway_queue::PositionWriter`], written every 1,024 slots, and each millisecond in which a poll finds nothing) and
//! sees its end when the subscription is dropped.
//!
//! # Records
//!
//! [`Record`] says what a record is. Orders, definitions, statuses and imbalances are the structs of [`dbn`] in its
//! version 3, so that a strategy shares its code with back-tests on recorded data; [`ControlRecord`] tells of the
//! channel (a gap in the feed, a session's begin and end), and [`NativeHeader`] stands in front of the exchange's own
//! bytes in queues of native records. A record is valid until the next poll: the borrow checker sees to that. Copy
//! what you keep.
//!
//! # Waiting
//!
//! [`Subscription::poll`] returns at once; [`Subscription::wait`] waits as [`SubscribeOptions::wait`] says. A strategy
//! with a core of its own spins; one that shares its core yields or sleeps. One that is to use no processor time while
//! nothing comes blocks: it sleeps in the kernel until the gateway's helper rings, which costs the publisher nothing.
//!
//! A strategy that reads several queues polls them through a [`MultiSubscriber`].
//!
//! # Losses
//!
//! There are two, and they are told apart. A reader that is too slow is overtaken, never waited for: [`Event::Lost`]
//! says how many slots passed unread. What the exchange sent and no line brought is a [`ControlRecord`] of the kind
//! [`ControlKind::Gap`], the same for every reader. After either, state built from earlier records may be wrong.
//!
//! # Where a reader begins
//!
//! With the next record, with the oldest that is still there, at a position, or where state can be rebuilt
//! ([`Start::Resync`]: the last session start, reset or snapshot); [`Subscription::joined`] says what was possible.
//! Positions count the queue's slots since the gateway started. A strategy that keeps [`Subscription::checkpoint`] resumes
//! there after a restart of its own: [`SubscribeOptions::resuming`].
//!
//! # Entitlements
//!
//! The gateway's configuration says which users may read a queue; whoever may not gets [`ClientError::Refused`] with
//! [`protocol::ErrorCode::NotEntitled`] and the rule. Where somebody's entitlement is taken back the queue goes on in
//! other memory. A [`Subscription`] that still may read follows within a poll, by one exchange with the broker, and loses
//! nothing; the others get [`Closed::Revoked`].
//!
//! # Restarts
//!
//! A gateway that stops says so in the queue; one that is killed is noticed within 300 ms of an idle reader's polling,
//! because its socket hangs up and its heartbeat stops. Both are [`Event::Closed`], after the last record.
//! [`Subscription::reattach`] goes on with the successor:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use gateway_client::{Client, Event, SubscribeOptions};
//! # let client = Client::connect("/run/gateway/broker.sock")?;
//! # let mut subscription = client.subscribe("all", &SubscribeOptions::named("my-strategy"))?;
//! loop {
//!     match subscription.wait(Duration::from_secs(1)) {
//!         Event::Record(record) => { /* … */ }
//!         Event::Empty => {}
//!         // What was lost may have changed anything: begin the book anew.
//!         Event::Lost(_) => { /* … */ }
//!         Event::Closed(_) => {
//!             while let Err(error) = subscription.reattach() {
//!                 eprintln!("{error}");
//!                 std::thread::sleep(Duration::from_millis(100));
//!             }
//!         }
//!     }
//! }
//! # Ok::<(), gateway_client::ClientError>(())
//! ```
//!
//! # Examples
//!
//! `cargo run --example NAME -- SOCKET QUEUE`: `tail` prints records, `best_bid_ask` keeps order books, `latency`
//! measures how long records take to arrive. `cargo run --example books -- SOCKET BOOK` prints a book table and the orders
//! that rest.
//!
//! # Dependencies
//!
//! The record structs (`dbn`, without its compression and asynchronous parts), system calls (`rustix`) and the queue
//! itself: no runtime, no thread, no C code.

mod books;
mod client;
mod connection;
mod error;
mod grant;
mod instruments;
mod lateness;
mod multi;
pub mod protocol;
mod record;
mod subscription;
mod wait;

pub use books::{BookError, BookTable, Instrument, OrderSnapshot};
pub use client::{BookInfo, Client, OrdersOf, QueueInfo, SubscribeOptions};
pub use connection::Connection;
pub use dbn;
pub use error::ClientError;
pub use gateway_queue::clock::Clock;
pub use gateway_queue::layout::{State as QueueState, StaticHeader};
pub use gateway_queue::{Health, OnLapped, RECORD_WORDS_MAX, RecordRef, Start};
pub use gateway_record::book::{
    BookBest, BookEntry, BookState, BookSymbol, LastTrade, Level, TradingStatus,
};
pub use gateway_record::v3::{
    ImbalanceMsg, InstrumentDefMsg, MboMsg, Mbp1Msg, Mbp10Msg, StatMsg, StatusMsg, TradeMsg,
};
pub use gateway_record::{ControlKind, ControlRecord, NativeHeader};
pub use grant::{Checkpoint, JoinOutcome, Joined};
pub use instruments::{DefinedInstrument, InstrumentKey, Instruments};
pub use multi::MultiSubscriber;
pub use record::Record;
pub use subscription::{Closed, Event, Subscription, Taken};
pub use wait::WaitStrategy;
