//! The oracle that tests and the fuzz target share.

use super::{
    BookInfo, ErrorCode, OrdersOf, QueueEntry, REPLY_BYTES_MAX, REQUEST_BYTES_MAX, Reply, Request,
    Wish, request_number,
};

/// Any bytes as a message of a client and of the broker: refused, or understood as what is written of it again.
#[allow(clippy::missing_panics_doc, reason = "the panic is the purpose")]
pub fn exercise(message: &[u8]) {
    if let Ok((number, request)) = Request::decode(message) {
        assert!(message.len() <= REQUEST_BYTES_MAX);
        assert_eq!(number, request_number(message));
        assert_eq!(request.encode(number), message, "{request:?}");
    }
    if let Ok((number, reply)) = Reply::decode(message) {
        assert_eq!(number, request_number(message));
        let again = reply.encode(number);
        // Text that is not UTF-8 is shown with marks, which are longer.
        if !matches!(reply, Reply::Error { .. }) {
            assert_eq!(again.len(), message.len(), "{reply:?}");
        }
        assert_eq!(Reply::decode(&again), Ok((number, reply)));
    }
}

/// Inputs to begin with: every request and every reply.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let subscribe = |wish| Request::Subscribe {
        queue: "all".to_owned(),
        reader: "reader".to_owned(),
        wish,
    };
    let orders = |of| Request::Orders {
        book: "books".to_owned(),
        of,
    };
    let requests = [
        Request::Hello,
        Request::Queues,
        subscribe(Wish::Head),
        subscribe(Wish::Oldest),
        subscribe(Wish::At {
            run: 3,
            position: 4,
        }),
        subscribe(Wish::Resync),
        Request::Status,
        Request::Books,
        Request::Book {
            book: "books".to_owned(),
            reader: "reader".to_owned(),
        },
        orders(OrdersOf::All),
        orders(OrdersOf::Id(7)),
        orders(OrdersOf::Symbol("ABC".to_owned())),
    ];
    let queue = QueueEntry {
        name: "all".to_owned(),
        epoch: 1,
        slots: 64,
        head: 3,
        schema_id: 4,
        schema_version: 5,
        record_bytes_max: 6,
    };
    let book = BookInfo {
        name: "books".to_owned(),
        queue: "all".to_owned(),
        epoch: 1,
        applied: 2,
        instruments: 3,
        instruments_max: 4,
    };
    let mut replies = vec![
        Reply::Welcome {
            pid: 1,
            started_ns: 2,
        },
        Reply::Subscribed {
            epoch: 1,
            base: 2,
            run: 3,
        },
        Reply::Book { epoch: 1, run: 2 },
        Reply::Orders {
            run: 1,
            position: 2,
            records: 3,
            instruments: 4,
            invalid: 5,
        },
        Reply::Error {
            code: ErrorCode::UnknownQueue,
            text: "there is no such queue".to_owned(),
        },
    ];
    replies.extend(Reply::status(
        &"{\"status\": 1}".repeat(2 * REPLY_BYTES_MAX / 13),
    ));
    replies.extend(Reply::queues(&[queue.clone(), queue]));
    replies.extend(Reply::books(&[book.clone(), book]));
    let requests = (1..).zip(&requests).map(|(n, of)| of.encode(n));
    let replies = (1..).zip(&replies).map(|(n, of)| of.encode(n));
    requests.chain(replies).collect()
}
