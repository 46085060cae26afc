"""Books and orders as arrays beside the same as objects, and what is refused: ``tables SOCKET BOOK``.

Prints one JSON object. Fails with the first difference.
"""

import json
import sys

import gateway_client as gateway
import numpy as np


def raises(exception, call, words):
    try:
        call()
    except exception as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no {exception.__name__}")


def compare(row, book):
    """A row of the table beside the book as an object."""
    for name in ("position", "instrument_id", "state_since", "ts_event", "ts_recv", "sequence"):
        assert row[name] == getattr(book, name), name
    assert row["symbol"].decode() == book.symbol and row["state"].decode() == book.state
    assert (row["bid_levels"], row["ask_levels"]) == book.depth
    for number, level in enumerate(book.levels):
        for name in ("bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct"):
            assert row[f"{name}_{number:02}"] == getattr(level, name), (number, name)
    if book.last_trade is not None:
        trade = book.last_trade
        assert (row["last_trade_price"], row["last_trade_size"]) == (trade.price, trade.size)
        assert (row["last_trade_side"].decode(), row["last_trade_ts_event"]) == (trade.side, trade.ts_event)
    else:
        assert row["last_trade_size"] == 0
    if book.status is not None:
        status = book.status
        assert (row["status_action"], row["status_reason"]) == (status.action, status.reason)
        assert (row["is_trading"].decode(), row["is_quoting"].decode()) == (status.is_trading, status.is_quoting)
        assert row["is_short_sell_restricted"].decode() == status.is_short_sell_restricted
    else:
        assert row["status_ts_event"] == 0 and row["is_trading"] == b"~"


def main():
    socket, name = sys.argv[1:]
    client = gateway.connect(socket)
    raises(gateway.UnknownBookError, lambda: client.books("nowhere"), "there are: " + name)
    raises(gateway.UnknownBookError, lambda: client.orders("nowhere"), "there are: " + name)
    raises(gateway.UnknownInstrumentError, lambda: client.orders(name, symbol="NOWHERE"), "no such instrument")
    raises(TypeError, lambda: client.orders(name, symbol="A", id=1), "one of them")

    with client.books(name, name="tables") as table:
        assert table.health().live and table.closed is None
        assert (table.book, table.name) == (name, "tables")
        rows, instruments = table.read_all(), table.instruments()
        assert rows.dtype == gateway.BookTable.dtype and len(rows) == len(instruments)
        traded = 0
        for row, instrument in zip(rows, instruments):
            book = table.read(instrument)
            compare(row, book)
            best = table.best(instrument)
            assert (best.level, best.state, best.is_valid) == (book.levels[0], book.state, book.is_valid)
            assert table.find(book.symbol) == table.find_id(book.instrument_id) == instrument
            traded += book.last_trade is not None
            orders = client.orders(name, id=book.instrument_id)
            assert (client.orders(name, symbol=book.symbol).to_array() == orders.to_array()).all()
            bids = [order for order in orders.records() if order.action == "A" and order.side == "B"]
            if bids:
                top = [order for order in bids if order.price == bids[0].price]
                level = book.levels[0]
                assert (level.bid_px, level.bid_sz, level.bid_ct) == (top[0].price, sum(o.size for o in top), len(top))
        assert traded > 0
        assert table.find("NOWHERE") is None and table.find_id(4_000_000) is None
        nowhere = gateway.Instrument(id=instruments[0].id, entry=instruments[1].entry)
        raises(gateway.UnknownInstrumentError, lambda: table.best(nowhere), "look for it again")
        raises(TypeError, lambda: table.best("AAAA"), "find()")
        position = table.checkpoint()
    raises(ValueError, table.instruments, "closed the book table")

    snapshot = client.orders(name)
    assert snapshot.checkpoint() == position
    assert snapshot.has(position.position - 1) and not snapshot.has(position.position)
    array, records = snapshot.to_array(), snapshot.records()
    assert array.dtype == gateway.MBOMsg.dtype and len(array) == len(records) == len(snapshot)
    assert array["order_id"].tolist() == [record.order_id for record in records]
    assert array["price"].tolist() == [record.price for record in records]
    assert (array["flags"] & gateway.F_SNAPSHOT != 0).all()
    assert np.count_nonzero(array["action"] == b"R") == snapshot.instruments == len(instruments)

    # Whoever goes on from there finds nothing new: the session is over.
    with client.subscribe("full", name="late", resume=snapshot.checkpoint()) as late:
        assert late.joined.outcome == "as-asked" and late.poll() is None
    orders = len(records) - snapshot.instruments
    print(json.dumps({"books": len(rows), "orders": orders}))


main()
