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
//! typed views of it. Polling makes no system call while records arrive. A reader that is too slow is overtaken, never
//! waited for, and learns how many slots it lost. The gateway sees where a reader is ([`gateway_queue::PositionWriter`],
//! written every 1,024 records or millisecond) and sees its end when the subscription is dropped.
//!
//! A gateway that stops says so in the queue; one that is killed is noticed within 300 ms of an idle reader's polling,
//! because its socket hangs up and its heartbeat stops. [`Subscription::reattach`] goes on with its successor.

mod client;
mod connection;
mod error;
pub mod protocol;
mod record;
mod subscription;

pub use client::{Client, QueueInfo, SubscribeOptions};
pub use connection::Connection;
pub use error::ClientError;
pub use gateway_queue::{OnLapped, RecordRef, Start};
pub use record::Record;
pub use subscription::{Closed, Event, Subscription, WaitStrategy};
