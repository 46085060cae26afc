//! What the broker answers.

use super::fields::{Fields, put_text};
use super::{ENVELOPE_BYTES, Envelope, ProtocolError, QUEUE_NAME_BYTES, REPLY_BYTES_MAX};

const WELCOME: u16 = 0x8001;
const QUEUES: u16 = 0x8002;
const SUBSCRIBED: u16 = 0x8003;
const STATUS: u16 = 0x8004;
const BOOKS: u16 = 0x8005;
const BOOK: u16 = 0x8006;
const ORDERS: u16 = 0x8007;
const ERROR: u16 = 0x80FF;

/// Bytes of a text or of queue entries in one message, after its flag and count.
const CHUNK_BYTES: usize = REPLY_BYTES_MAX - ENVELOPE_BYTES - 8;
const ENTRY_BYTES: usize = QUEUE_NAME_BYTES + 40;
const BOOK_BYTES: usize = 2 * QUEUE_NAME_BYTES + 24;

/// Why the broker refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request could not be understood; the connection ends.
    Malformed,
    /// The request speaks another version; the connection ends.
    Version,
    /// There is no such queue.
    UnknownQueue,
    /// There are as many clients as allowed; the connection ends.
    Busy,
    /// This connection has a subscription; open another.
    AlreadySubscribed,
    /// The gateway lacks a resource.
    Resource,
    /// The client's user may not read the queue.
    NotEntitled,
    /// The client's user may not read its queue any longer; the connection ends.
    Revoked,
    /// There is no such book.
    UnknownBook,
    /// The book has no such instrument.
    UnknownInstrument,
    /// The instrument's book cannot be trusted at the moment; ask again later.
    NotValid,
    /// Too much was asked for lately, or the book service is behind; ask again later.
    Later,
    /// A reason that this client does not know.
    Other(u32),
}

impl ErrorCode {
    const fn number(self) -> u32 {
        match self {
            Self::Malformed => 1,
            Self::Version => 2,
            Self::UnknownQueue => 3,
            Self::Busy => 4,
            Self::AlreadySubscribed => 5,
            Self::Resource => 6,
            Self::NotEntitled => 7,
            Self::Revoked => 8,
            Self::UnknownBook => 9,
            Self::UnknownInstrument => 10,
            Self::NotValid => 11,
            Self::Later => 12,
            Self::Other(number) => number,
        }
    }

    const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Malformed,
            2 => Self::Version,
            3 => Self::UnknownQueue,
            4 => Self::Busy,
            5 => Self::AlreadySubscribed,
            6 => Self::Resource,
            7 => Self::NotEntitled,
            8 => Self::Revoked,
            9 => Self::UnknownBook,
            10 => Self::UnknownInstrument,
            11 => Self::NotValid,
            12 => Self::Later,
            other => Self::Other(other),
        }
    }
}

/// A queue in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// Its name.
    pub name: String,
    /// When it was made, nanoseconds since the Unix epoch.
    pub epoch: u64,
    /// Its slots.
    pub slots: u64,
    /// Slots published since the gateway started.
    pub head: u64,
    /// What the records are.
    pub schema_id: u64,
    /// Version of that.
    pub schema_version: u32,
    /// Largest record in bytes.
    pub record_bytes_max: u32,
}

/// A book in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookInfo {
    /// Its name: that of its table, and of its conflated queue where it has one.
    pub name: String,
    /// The queue that it is built from, whose positions its entries count.
    pub queue: String,
    /// When its table was made, nanoseconds since the Unix epoch.
    pub epoch: u64,
    /// Slots of that queue below which the books have everything, counted since the gateway started.
    pub applied: u64,
    /// Instruments that it has.
    pub instruments: u32,
    /// Instruments there is room for.
    pub instruments_max: u32,
}

/// The broker's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`super::Request::Hello`].
    Welcome {
        /// The gateway's process, in its own namespace.
        pid: u32,
        /// When the broker began, nanoseconds since the Unix epoch.
        started_ns: u64,
    },
    /// To [`super::Request::Queues`].
    Queues {
        /// Some of them, in the configuration's order.
        entries: Vec<QueueEntry>,
        /// Whether another message follows.
        more: bool,
    },
    /// To [`super::Request::Subscribe`]; two descriptors come along.
    Subscribed {
        /// The queue's epoch.
        epoch: u64,
        /// Slots published in the queue's earlier epochs since the gateway started.
        base: u64,
        /// Names the gateway's run: no two runs on a host share it.
        run: u64,
    },
    /// To [`super::Request::Status`].
    Status {
        /// A part of the JSON text.
        text: Vec<u8>,
        /// Whether another message follows.
        more: bool,
    },
    /// To [`super::Request::Books`].
    Books {
        /// Some of them, in the configuration's order.
        entries: Vec<BookInfo>,
        /// Whether another message follows.
        more: bool,
    },
    /// To [`super::Request::Book`]; a descriptor comes along: the table.
    Book {
        /// The table's epoch.
        epoch: u64,
        /// The gateway's run, as in [`Self::Subscribed`].
        run: u64,
    },
    /// To [`super::Request::Orders`]; a descriptor comes along: a file of `records` records of 56 bytes, to be read at
    /// once.
    Orders {
        /// The gateway's run that the position belongs to.
        run: u64,
        /// Records of the queue below it are in the snapshot, none from there on.
        position: u64,
        /// How many order records: for each instrument a Clear, then its orders.
        records: u64,
        /// How many instruments, those that cannot be trusted left out.
        instruments: u32,
        /// How many were left out.
        invalid: u32,
    },
    /// To a request that is refused.
    Error {
        /// The reason as a number.
        code: ErrorCode,
        /// The reason in words, with the remedy.
        text: String,
    },
}

impl Reply {
    /// The answers that carry a whole status text.
    #[must_use]
    pub fn status(text: &str) -> Vec<Self> {
        let mut chunks: Vec<&[u8]> = text.as_bytes().chunks(CHUNK_BYTES).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let last = chunks.len() - 1;
        let reply = |(index, chunk): (usize, &&[u8])| Self::Status {
            text: chunk.to_vec(),
            more: index < last,
        };
        chunks.iter().enumerate().map(reply).collect()
    }

    /// The answers that carry a whole list of queues.
    #[must_use]
    pub fn queues(entries: &[QueueEntry]) -> Vec<Self> {
        let mut chunks: Vec<&[QueueEntry]> = entries.chunks(CHUNK_BYTES / ENTRY_BYTES).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let last = chunks.len() - 1;
        let reply = |(index, chunk): (usize, &&[QueueEntry])| Self::Queues {
            entries: chunk.to_vec(),
            more: index < last,
        };
        chunks.iter().enumerate().map(reply).collect()
    }

    /// The answers that carry a whole list of books.
    #[must_use]
    pub fn books(entries: &[BookInfo]) -> Vec<Self> {
        let mut chunks: Vec<&[BookInfo]> = entries.chunks(CHUNK_BYTES / BOOK_BYTES).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let last = chunks.len() - 1;
        let reply = |(index, chunk): (usize, &&[BookInfo])| Self::Books {
            entries: chunk.to_vec(),
            more: index < last,
        };
        chunks.iter().enumerate().map(reply).collect()
    }

    /// The message that answers the request of that number.
    #[must_use]
    pub fn encode(&self, request: u32) -> Vec<u8> {
        let mut body = Vec::new();
        let kind = match self {
            Self::Welcome { pid, started_ns } => {
                body.extend_from_slice(&pid.to_le_bytes());
                body.extend_from_slice(&0_u32.to_le_bytes());
                body.extend_from_slice(&started_ns.to_le_bytes());
                WELCOME
            }
            Self::Queues { entries, more } => {
                body.extend_from_slice(&u32::from(*more).to_le_bytes());
                body.extend_from_slice(&(entries.len() as u32).to_le_bytes());
                for entry in entries {
                    put_entry(&mut body, entry);
                }
                QUEUES
            }
            Self::Subscribed { epoch, base, run } => {
                for word in [epoch, base, run] {
                    body.extend_from_slice(&word.to_le_bytes());
                }
                SUBSCRIBED
            }
            Self::Status { text, more } => {
                body.extend_from_slice(&u32::from(*more).to_le_bytes());
                body.extend_from_slice(&(text.len() as u32).to_le_bytes());
                body.extend_from_slice(text);
                STATUS
            }
            Self::Books { entries, more } => {
                body.extend_from_slice(&u32::from(*more).to_le_bytes());
                body.extend_from_slice(&(entries.len() as u32).to_le_bytes());
                for entry in entries {
                    put_book(&mut body, entry);
                }
                BOOKS
            }
            Self::Book { epoch, run } => {
                for word in [epoch, run] {
                    body.extend_from_slice(&word.to_le_bytes());
                }
                BOOK
            }
            Self::Orders {
                run,
                position,
                records,
                instruments,
                invalid,
            } => {
                for word in [run, position, records] {
                    body.extend_from_slice(&word.to_le_bytes());
                }
                for word in [instruments, invalid] {
                    body.extend_from_slice(&word.to_le_bytes());
                }
                ORDERS
            }
            Self::Error { code, text } => {
                body.extend_from_slice(&code.number().to_le_bytes());
                body.extend_from_slice(&(text.len() as u32).to_le_bytes());
                body.extend_from_slice(text.as_bytes());
                ERROR
            }
        };
        Envelope::build(kind, request, &body)
    }

    /// The answer of a message, and the number of the request it belongs to.
    ///
    /// # Errors
    /// [`ProtocolError`], whatever the bytes are.
    pub fn decode(message: &[u8]) -> Result<(u32, Self), ProtocolError> {
        let envelope = Envelope::parse(message)?;
        let mut fields = Fields::new(envelope.body);
        let reply = match envelope.kind {
            WELCOME => {
                let (pid, _, started_ns) = (fields.u32()?, fields.u32()?, fields.u64()?);
                Self::Welcome { pid, started_ns }
            }
            QUEUES => {
                let (more, count) = (fields.u32()? != 0, fields.u32()?);
                // Bounded by the message: the first entry that is missing ends it.
                let entries = (0..count)
                    .map(|_| take_entry(&mut fields))
                    .collect::<Result<_, _>>()?;
                Self::Queues { entries, more }
            }
            SUBSCRIBED => Self::Subscribed {
                epoch: fields.u64()?,
                base: fields.u64()?,
                run: fields.u64()?,
            },
            STATUS => {
                let more = fields.u32()? != 0;
                Self::Status {
                    text: counted(&mut fields)?.to_vec(),
                    more,
                }
            }
            BOOKS => {
                let (more, count) = (fields.u32()? != 0, fields.u32()?);
                // Bounded by the message: the first entry that is missing ends it.
                let entries = (0..count)
                    .map(|_| take_book(&mut fields))
                    .collect::<Result<_, _>>()?;
                Self::Books { entries, more }
            }
            BOOK => Self::Book {
                epoch: fields.u64()?,
                run: fields.u64()?,
            },
            ORDERS => Self::Orders {
                run: fields.u64()?,
                position: fields.u64()?,
                records: fields.u64()?,
                instruments: fields.u32()?,
                invalid: fields.u32()?,
            },
            ERROR => {
                let code = ErrorCode::from_number(fields.u32()?);
                Self::Error {
                    code,
                    text: String::from_utf8_lossy(counted(&mut fields)?).into_owned(),
                }
            }
            kind => return Err(ProtocolError::Kind { kind }),
        };
        fields.end()?;
        Ok((envelope.request, reply))
    }
}

/// All that is left, whose length a field announces.
fn counted<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], ProtocolError> {
    let announced = fields.u32()?;
    let bytes = fields.rest();
    if bytes.len() == announced as usize {
        Ok(bytes)
    } else {
        Err(ProtocolError::Field { field: "length" })
    }
}

fn put_entry(body: &mut Vec<u8>, entry: &QueueEntry) {
    put_text::<QUEUE_NAME_BYTES>(body, &entry.name);
    for word in [entry.epoch, entry.slots, entry.head, entry.schema_id] {
        body.extend_from_slice(&word.to_le_bytes());
    }
    body.extend_from_slice(&entry.schema_version.to_le_bytes());
    body.extend_from_slice(&entry.record_bytes_max.to_le_bytes());
}

fn take_entry(fields: &mut Fields<'_>) -> Result<QueueEntry, ProtocolError> {
    Ok(QueueEntry {
        name: fields.text::<QUEUE_NAME_BYTES>("name")?,
        epoch: fields.u64()?,
        slots: fields.u64()?,
        head: fields.u64()?,
        schema_id: fields.u64()?,
        schema_version: fields.u32()?,
        record_bytes_max: fields.u32()?,
    })
}

fn put_book(body: &mut Vec<u8>, entry: &BookInfo) {
    put_text::<QUEUE_NAME_BYTES>(body, &entry.name);
    put_text::<QUEUE_NAME_BYTES>(body, &entry.queue);
    for word in [entry.epoch, entry.applied] {
        body.extend_from_slice(&word.to_le_bytes());
    }
    for word in [entry.instruments, entry.instruments_max] {
        body.extend_from_slice(&word.to_le_bytes());
    }
}

fn take_book(fields: &mut Fields<'_>) -> Result<BookInfo, ProtocolError> {
    Ok(BookInfo {
        name: fields.text::<QUEUE_NAME_BYTES>("name")?,
        queue: fields.text::<QUEUE_NAME_BYTES>("queue")?,
        epoch: fields.u64()?,
        applied: fields.u64()?,
        instruments: fields.u32()?,
        instruments_max: fields.u32()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::{OrdersOf, Request, Wish};
    use super::*;

    fn book(index: u64) -> BookInfo {
        BookInfo {
            name: format!("book-{index}"),
            queue: "all".into(),
            epoch: index,
            applied: 1,
            instruments: 2,
            instruments_max: 3,
        }
    }

    fn entry(index: u64) -> QueueEntry {
        QueueEntry {
            name: format!("queue-{index}"),
            epoch: index,
            slots: 64,
            head: 3,
            schema_id: 4,
            schema_version: 5,
            record_bytes_max: 6,
        }
    }

    #[test]
    fn replies_survive_the_wire() {
        let mut replies = vec![
            Reply::Welcome {
                pid: 1,
                started_ns: 2,
            },
            Reply::Subscribed {
                epoch: 3,
                base: 4,
                run: 5,
            },
            Reply::Book { epoch: 6, run: 7 },
            Reply::Orders {
                run: 8,
                position: 9,
                records: 10,
                instruments: 11,
                invalid: 12,
            },
            Reply::Error {
                code: ErrorCode::Busy,
                text: "too many".into(),
            },
        ];
        replies.extend(Reply::status(&"x".repeat(40_000)));
        replies.extend(Reply::queues(&(0..400).map(entry).collect::<Vec<_>>()));
        replies.extend(Reply::books(&(0..400).map(book).collect::<Vec<_>>()));
        replies.extend((0..20).map(|number| Reply::Error {
            code: ErrorCode::from_number(number),
            text: String::new(),
        }));
        for reply in replies {
            let message = reply.encode(7);
            assert!(message.len() <= REPLY_BYTES_MAX);
            assert_eq!(Reply::decode(&message).unwrap(), (7, reply));
        }
    }

    #[test]
    fn long_lists_and_texts_take_several_messages_and_empty_ones_take_one() {
        assert_eq!(Reply::status("").len(), 1);
        assert_eq!(Reply::queues(&[]).len(), 1);
        assert_eq!(Reply::books(&[]).len(), 1);
        let entries: Vec<_> = (0..400).map(entry).collect();
        let replies = Reply::queues(&entries);
        let more: Vec<bool> = replies
            .iter()
            .map(|reply| matches!(reply, Reply::Queues { more: true, .. }))
            .collect();
        assert_eq!(more, [true, true, false]);
    }

    #[test]
    fn requests_survive_the_wire() {
        let subscribe = Request::Subscribe {
            queue: "all".into(),
            reader: "me".into(),
            wish: Wish::At {
                run: 3,
                position: 4,
            },
        };
        let wishing = |wish| Request::Subscribe {
            queue: "all".into(),
            reader: "me".into(),
            wish,
        };
        let orders = |of| Request::Orders {
            book: "all-book".into(),
            of,
        };
        for request in [
            Request::Hello,
            Request::Queues,
            subscribe,
            wishing(Wish::Head),
            wishing(Wish::Oldest),
            wishing(Wish::Resync),
            Request::Status,
            Request::Books,
            Request::Book {
                book: "all-book".into(),
                reader: "me".into(),
            },
            orders(OrdersOf::All),
            orders(OrdersOf::Id(7)),
            orders(OrdersOf::Symbol("AAPL".into())),
        ] {
            assert_eq!(Request::decode(&request.encode(9)).unwrap(), (9, request));
        }
    }

    #[test]
    fn damaged_messages_are_refused_and_never_panic() {
        let subscribe = Request::Subscribe {
            queue: "all".into(),
            reader: "me".into(),
            wish: Wish::Oldest,
        }
        .encode(1);
        let list = Reply::queues(&[entry(1), entry(2)])[0].encode(1);
        let books = Reply::books(&[book(1), book(2)])[0].encode(1);
        let orders = Request::Orders {
            book: "all-book".into(),
            of: OrdersOf::Symbol("AAPL".into()),
        }
        .encode(1);
        for message in [subscribe, list, books, orders] {
            for cut in 0..message.len() {
                assert!(Request::decode(&message[..cut]).is_err());
                assert!(Reply::decode(&message[..cut]).is_err());
            }
            for bit in 0..message.len() * 8 {
                let mut damaged = message.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let _ = (Request::decode(&damaged), Reply::decode(&damaged));
            }
        }
    }
}
