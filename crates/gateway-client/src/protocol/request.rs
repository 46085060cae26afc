//! What a client asks.

use super::fields::{Fields, put_text};
use super::{
    Envelope, ProtocolError, QUEUE_NAME_BYTES, READER_NAME_BYTES, REQUEST_BYTES_MAX, SYMBOL_BYTES,
};

const HELLO: u16 = 1;
const QUEUES: u16 = 2;
const SUBSCRIBE: u16 = 3;
const STATUS: u16 = 4;
const BOOKS: u16 = 5;
const BOOK: u16 = 6;
const ORDERS: u16 = 7;

/// A client's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Who are you? Answered by [`super::Reply::Welcome`].
    Hello,
    /// Which queues are there? Answered by one or more [`super::Reply::Queues`].
    Queues,
    /// Let me read a queue. Answered by [`super::Reply::Subscribed`] with two descriptors; once a connection, whose
    /// end is the reader's end, and once more for each later epoch of the same queue.
    Subscribe {
        /// The queue's name.
        queue: String,
        /// What the reader calls itself in metrics and status.
        reader: String,
        /// Where it wants to begin.
        wish: Wish,
    },
    /// How are you? Answered by one or more [`super::Reply::Status`].
    Status,
    /// Which books are there? Answered by one or more [`super::Reply::Books`].
    Books,
    /// Let me read a book table. Answered by [`super::Reply::Book`] with one descriptor; once a connection, whose end is
    /// the reader's end, and once more for each later epoch of the same table.
    Book {
        /// The book's name.
        book: String,
        /// What the reader calls itself in the log.
        reader: String,
    },
    /// Which orders rest? Answered by [`super::Reply::Orders`] with one descriptor.
    Orders {
        /// The book's name.
        book: String,
        /// Whose orders.
        of: OrdersOf,
    },
}

/// Where in a queue a reader wants to begin: it says which epoch's memory it needs, where more than one is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// With the next record.
    Head,
    /// With the oldest record that is held.
    Oldest,
    /// At a position.
    At {
        /// The gateway's run that the position belongs to; 0 for the present one.
        run: u64,
        /// Slots of the queue since that run began.
        position: u64,
    },
    /// Where state can be rebuilt.
    Resync,
}

impl Wish {
    const fn words(self) -> [u64; 3] {
        match self {
            Self::Head => [0, 0, 0],
            Self::Oldest => [1, 0, 0],
            Self::At { run, position } => [2, run, position],
            Self::Resync => [3, 0, 0],
        }
    }

    const fn from_words(words: [u64; 3]) -> Result<Self, ProtocolError> {
        match words {
            [0, 0, 0] => Ok(Self::Head),
            [1, 0, 0] => Ok(Self::Oldest),
            [2, run, position] => Ok(Self::At { run, position }),
            [3, 0, 0] => Ok(Self::Resync),
            _ => Err(ProtocolError::Field { field: "wish" }),
        }
    }
}

/// Whose orders are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrdersOf {
    /// Those of every instrument.
    All,
    /// Those of the instrument that records name so.
    Id(u32),
    /// Those of the instrument of that symbol, up to 31 bytes.
    Symbol(String),
}

impl Request {
    /// The message that asks it under the number `request`.
    #[must_use]
    pub fn encode(&self, request: u32) -> Vec<u8> {
        let mut body = Vec::new();
        let kind = match self {
            Self::Hello => HELLO,
            Self::Queues => QUEUES,
            Self::Subscribe {
                queue,
                reader,
                wish,
            } => {
                put_text::<QUEUE_NAME_BYTES>(&mut body, queue);
                put_text::<READER_NAME_BYTES>(&mut body, reader);
                for word in wish.words() {
                    body.extend_from_slice(&word.to_le_bytes());
                }
                SUBSCRIBE
            }
            Self::Status => STATUS,
            Self::Books => BOOKS,
            Self::Book { book, reader } => {
                put_text::<QUEUE_NAME_BYTES>(&mut body, book);
                put_text::<READER_NAME_BYTES>(&mut body, reader);
                BOOK
            }
            Self::Orders { book, of } => {
                put_text::<QUEUE_NAME_BYTES>(&mut body, book);
                let (which, id, symbol) = match of {
                    OrdersOf::All => (0_u32, 0, ""),
                    OrdersOf::Id(id) => (1, *id, ""),
                    OrdersOf::Symbol(symbol) => (2, 0, symbol.as_str()),
                };
                body.extend_from_slice(&which.to_le_bytes());
                body.extend_from_slice(&id.to_le_bytes());
                put_text::<SYMBOL_BYTES>(&mut body, symbol);
                ORDERS
            }
        };
        Envelope::build(kind, request, &body)
    }

    /// The request of a message, and its number.
    ///
    /// # Errors
    /// [`ProtocolError`], whatever the bytes are.
    pub fn decode(message: &[u8]) -> Result<(u32, Self), ProtocolError> {
        if message.len() > REQUEST_BYTES_MAX {
            return Err(ProtocolError::Length {
                bytes: message.len(),
            });
        }
        let envelope = Envelope::parse(message)?;
        let mut fields = Fields::new(envelope.body);
        let request = match envelope.kind {
            HELLO => Self::Hello,
            QUEUES => Self::Queues,
            SUBSCRIBE => Self::Subscribe {
                queue: fields.text::<QUEUE_NAME_BYTES>("queue")?,
                reader: fields.text::<READER_NAME_BYTES>("reader")?,
                wish: Wish::from_words([fields.u64()?, fields.u64()?, fields.u64()?])?,
            },
            STATUS => Self::Status,
            BOOKS => Self::Books,
            BOOK => Self::Book {
                book: fields.text::<QUEUE_NAME_BYTES>("book")?,
                reader: fields.text::<READER_NAME_BYTES>("reader")?,
            },
            ORDERS => {
                let book = fields.text::<QUEUE_NAME_BYTES>("book")?;
                let (which, id) = (fields.u32()?, fields.u32()?);
                let symbol = fields.text::<SYMBOL_BYTES>("symbol")?;
                let of = match (which, id, symbol.as_str()) {
                    (0, 0, "") => OrdersOf::All,
                    (1, id, "") => OrdersOf::Id(id),
                    (2, 0, symbol) if !symbol.is_empty() => OrdersOf::Symbol(symbol.to_owned()),
                    _ => return Err(ProtocolError::Field { field: "of" }),
                };
                Self::Orders { book, of }
            }
            kind => return Err(ProtocolError::Kind { kind }),
        };
        fields.end()?;
        Ok((envelope.request, request))
    }
}
