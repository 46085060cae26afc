"""Keeps order books and prints an instrument's best prices when they change: ``best_bid_ask.py SOCKET QUEUE [oldest]``.

It shows what a strategy has to do with losses: after one it forgets its books and builds them anew.
"""

import sys
from typing import Optional

import gateway_client as gateway
from book import Books, Level
from common import arguments, run


class Strategy:
    """What is known of the queue's instruments."""

    def __init__(self) -> None:
        self.books = Books()
        self.symbols: dict[int, str] = {}
        self.printed: dict[int, tuple[Optional[Level], Optional[Level]]] = {}

    def take(self, event: gateway.Event) -> None:
        if isinstance(event, gateway.MBOMsg):
            self.books.apply(event)
            # One message may become several records: the book is consistent after the last.
            if event.flags & gateway.F_LAST:
                self.show(event.instrument_id)
        elif isinstance(event, gateway.InstrumentDefMsg):
            self.symbols[event.instrument_id] = event.raw_symbol.rstrip()
        elif isinstance(event, gateway.ControlMsg):
            if event.kind == gateway.ControlKind.GAP and event.instrument_id:
                # What was lost is one instrument's alone: nothing is missing of the others.
                print(f"gap of {self.symbols.get(event.instrument_id, '?')}: its book begins anew")
                self.books.clear(event.instrument_id)
            elif event.kind == gateway.ControlKind.GAP:
                print(f"gap of {event.count} messages: the books begin anew")
                self.books = Books()
            elif event.kind in (gateway.ControlKind.SESSION_START, gateway.ControlKind.RESET):
                self.books = Books()
        elif isinstance(event, gateway.Lost):
            print(f"lost {event.slots} slots: the books begin anew")
            self.books = Books()

    def show(self, instrument: int) -> None:
        best = self.books.best(instrument)
        if self.printed.get(instrument) == best:
            return
        self.printed[instrument] = best
        bid, ask = map(side, best)
        print(f"{self.symbols.get(instrument, '?')} bid {bid} ask {ask}")


def side(level: Optional[Level]) -> str:
    return f"{level.size} @ {level.price / gateway.FIXED_PRICE_SCALE:.4f}" if level else "-"


def main() -> None:
    socket, queue, start = arguments("best_bid_ask.py")
    client = gateway.connect(socket)
    subscription = client.subscribe(queue, name="best_bid_ask", start=start)
    strategy = Strategy()
    while True:
        event = subscription.wait(0.05)
        if event is None:
            sys.stdout.flush()
        elif isinstance(event, gateway.Closed):
            print(event)
            return
        else:
            strategy.take(event)


if __name__ == "__main__":
    run(main)
