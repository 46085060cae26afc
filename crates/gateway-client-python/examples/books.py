"""Prints every book of a table as it is now, and the orders that rest: ``books.py SOCKET BOOK``."""

import sys

import gateway_client as gateway
from common import fail, run


def main() -> None:
    if len(sys.argv) != 3:
        fail("usage: books.py SOCKET BOOK")
    socket, name = sys.argv[1:]
    client = gateway.connect(socket)
    for info in client.book_list():
        print(f"{info.name} of {info.queue}: {info.instruments} instruments, room for {info.instruments_max}")

    # Best prices and ten levels, read out of shared memory. ``table.read_all()`` has all of them as an array.
    table = client.books(name, name="books")
    first = ""
    for instrument in table.instruments():
        book = table.read(instrument)
        print_book(book)
        best = table.best(instrument)
        print(f" best {price(best.level.bid_px)} / {price(best.level.ask_px)} {best.state}")
        first = first or book.symbol

    # Every order, for whoever keeps books of its own: from here on the queue's records go on.
    orders = client.orders(name)
    position = orders.checkpoint().position
    print(f"{len(orders)} records of {orders.instruments} instruments at {position}, {orders.invalid} left out")
    for order in orders.records():
        print(
            f"{order.instrument_id} {order.action}{order.side} order {order.order_id} price {price(order.price)} "
            f"size {order.size} flags {order.flags:#04x} at {order.ts_event}"
        )
    if first:
        try:
            print(f"{len(client.orders(name, symbol=first))} records of {first}")
        except gateway.NotValidError:
            # A book that cannot be trusted at the moment.
            print(f"{first} is refused")


def print_book(book: gateway.Book) -> None:
    bids, asks = book.depth
    print(
        f"{book.symbol} {book.instrument_id} {book.state} since {book.state_since} at {book.position}: "
        f"{bids} bid levels, {asks} ask levels, event {book.ts_event} received {book.ts_recv} sequence {book.sequence}"
    )
    for level in book.levels:
        if level.bid_px != gateway.UNDEF_PRICE or level.ask_px != gateway.UNDEF_PRICE:
            print(
                f" {level.bid_sz} in {level.bid_ct} x {price(level.bid_px)} / {price(level.ask_px)} x {level.ask_sz} "
                f"in {level.ask_ct}"
            )
    if book.last_trade is not None:
        trade = book.last_trade
        print(f" last {trade.size} at {price(trade.price)} {trade.side} at {trade.ts_event}")
    if book.status is not None:
        status = book.status
        print(
            f" status {status.action} {status.reason} {status.is_trading}{status.is_quoting} at {status.ts_event}"
        )


def price(price: int) -> str:
    """A price as people write it."""
    return "-" if price == gateway.UNDEF_PRICE else f"{price / gateway.FIXED_PRICE_SCALE:.4f}"


if __name__ == "__main__":
    run(main)
