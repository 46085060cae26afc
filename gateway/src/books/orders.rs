//! Orders on request: what rests, valid at a position of the queue, for readers who come late.

use gateway_book::{Books, words};
use gateway_client::protocol::OrdersOf;
use gateway_feed::record::InstrumentId;

use super::table::{BookWriter, worth};
use crate::broker::{Orders, OrdersRefusal};

/// The orders of some instruments at `position`, the next slot of the queue to be read.
///
/// # Errors
/// There is no such instrument, or its book cannot be trusted.
pub fn orders(
    books: &Books,
    table: &BookWriter,
    position: u64,
    of: &OrdersOf,
) -> Result<Orders, OrdersRefusal> {
    let slot = match of {
        OrdersOf::All => return Ok(of_all(books, position)),
        OrdersOf::Id(id) => books.instrument(InstrumentId(*id)).map(|book| book.slot()),
        OrdersOf::Symbol(symbol) => table.find(books, symbol),
    };
    let book = slot
        .and_then(|slot| books.slot(slot))
        .ok_or(OrdersRefusal::UnknownInstrument)?;
    if !book.validity().is_valid() {
        let (state, _) = worth(book.validity());
        return Err(OrdersRefusal::NotValid {
            state: state.name(),
        });
    }
    let mut records = Vec::new();
    books.orders(book.id(), &mut records);
    Ok(Orders {
        position,
        words: records.iter().flat_map(words).collect(),
        instruments: 1,
        invalid: 0,
    })
}

fn of_all(books: &Books, position: u64) -> Orders {
    let valid = books
        .instruments()
        .filter(|book| book.validity().is_valid());
    let ids: Vec<InstrumentId> = valid.map(|book| book.id()).collect();
    let mut records = Vec::new();
    let instruments = books.orders_of(&ids, &mut records) as u32;
    Orders {
        position,
        words: records.iter().flat_map(words).collect(),
        instruments,
        invalid: books.instruments().len() as u32 - instruments,
    }
}
