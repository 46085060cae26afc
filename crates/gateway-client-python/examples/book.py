"""Best prices from order records, ``full`` or ``plain``.

A ``plain`` record says what its message says and no more: an execution or a cancel names an order, not its price. So the
books remember the orders that they saw added, which serves ``full`` records as well. Orders added before they began, or
lost on the way, are not in them: their prices are the best *they know*.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

import gateway_client as gateway


class Level(NamedTuple):
    """A price in units of 1e-9 and the total size that rests at it."""

    price: int
    size: int


@dataclass
class Order:
    """An order as it stands."""

    instrument: int
    is_bid: bool
    price: int
    size: int


class Side:
    """Total size at each price of one side of a book."""

    def __init__(self, is_bid: bool) -> None:
        self._sign = -1 if is_bid else 1
        self._sizes: dict[int, int] = {}
        # Prices by rank, best first. One at which nothing rests any more is dropped when it comes to the top.
        self._ranks: list[int] = []

    def best(self) -> Optional[Level]:
        while self._ranks:
            price = self._ranks[0] * self._sign
            if price in self._sizes:
                return Level(price, self._sizes[price])
            heapq.heappop(self._ranks)
        return None

    def add(self, price: int, size: int) -> None:
        if price not in self._sizes:
            heapq.heappush(self._ranks, price * self._sign)
        self._sizes[price] = self._sizes.get(price, 0) + size

    def take(self, price: int, size: int) -> None:
        rests = self._sizes.get(price)
        if rests is None:
            return
        if rests > size:
            self._sizes[price] = rests - size
        else:
            del self._sizes[price]

    def uncross(self, opposite: int) -> None:
        """An order that rests opposite proves that nothing rests here at its price or a better one: what is there was
        executed or cancelled by a message that was lost."""
        while (best := self.best()) and best.price * self._sign <= opposite * self._sign:
            del self._sizes[best.price]


@dataclass
class Book:
    """Both sides of one instrument."""

    bids: Side = field(default_factory=lambda: Side(True))
    asks: Side = field(default_factory=lambda: Side(False))


class Books:
    """The best prices of every instrument of a queue."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._books: dict[int, Book] = {}
        # The order that the last whole cancel took away, and its message: a replacement follows within the same one.
        self._taken: Optional[tuple[int, Order]] = None

    def apply(self, record: gateway.MBOMsg) -> None:
        """Applies one record."""
        if record.action == "A":
            self._add(record)
        elif record.action == "C":
            # A fill follows the trade it belongs to, and the cancel that follows both is what changes the order.
            self._cancel(record)
        elif record.action == "R":
            self.clear(record.instrument_id)

    def clear(self, instrument: int) -> None:
        """No order of the instrument rests any more, or none that is known."""
        self._orders = {key: order for key, order in self._orders.items() if order.instrument != instrument}
        self._books.pop(instrument, None)

    def best(self, instrument: int) -> tuple[Optional[Level], Optional[Level]]:
        """The best bid and ask of an instrument."""
        book = self._books.get(instrument)
        return (book.bids.best(), book.asks.best()) if book else (None, None)

    def _add(self, record: gateway.MBOMsg) -> None:
        if record.side in ("B", "A"):
            is_bid = record.side == "B"
        elif self._taken and self._taken[0] == record.sequence:
            # A replacement keeps the side of the order it replaces.
            is_bid = self._taken[1].is_bid
        else:
            return
        if record.price == gateway.UNDEF_PRICE:
            return
        order = Order(record.instrument_id, is_bid, record.price, record.size)
        self._orders[record.order_id] = order
        book = self._books.setdefault(order.instrument, Book())
        here, opposite = (book.bids, book.asks) if is_bid else (book.asks, book.bids)
        opposite.uncross(order.price)
        here.add(order.price, order.size)

    def _cancel(self, record: gateway.MBOMsg) -> None:
        order = self._orders.get(record.order_id)
        if order is None:
            return
        taken = order.size if record.size == gateway.UNDEF_ORDER_SIZE else min(record.size, order.size)
        order.size -= taken
        if order.size == 0:
            del self._orders[record.order_id]
            self._taken = (record.sequence, order)
        book = self._books[order.instrument]
        (book.bids if order.is_bid else book.asks).take(order.price, taken)
