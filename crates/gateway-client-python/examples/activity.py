"""What happened in a queue, by symbol, as a pandas table: ``activity.py SOCKET QUEUE [oldest]``.

It reads arrays instead of single records, and prints its table at the end of the queue or when it is interrupted. It
wants a queue of ``full`` records, in which every execution is a trade with its price.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

import gateway_client as gateway
from common import arguments, run

COLUMNS = {b"A": "adds", b"C": "cancels", b"F": "fills", b"T": "trades"}
"""Order records by their action, and the columns that count them."""


class Activity:
    """Sums by instrument."""

    def __init__(self) -> None:
        self.symbols: dict[int, str] = {}
        self.sums = pd.DataFrame()
        self.lost_slots = 0
        self.gap_messages = 0

    def take(self, event: gateway.BatchEvent) -> None:
        if isinstance(event, gateway.Lost):
            self.lost_slots += event.slots
        elif isinstance(event, np.ndarray):
            # Every array has records of one type, in the order in which they came.
            if event.dtype == gateway.MBOMsg.dtype:
                self.take_orders(event)
            elif event.dtype == gateway.InstrumentDefMsg.dtype:
                for row in event:
                    self.symbols[int(row["instrument_id"])] = row["raw_symbol"].decode().rstrip()
            elif event.dtype == gateway.ControlMsg.dtype:
                gaps = event[event["kind"] == gateway.ControlKind.GAP]
                self.gap_messages += int(gaps["count"].sum())

    def take_orders(self, orders: npt.NDArray[np.void]) -> None:
        instruments = orders["instrument_id"]
        columns = {name: orders["action"] == action for action, name in COLUMNS.items()}
        priced_trade = columns["trades"] & (orders["price"] != gateway.UNDEF_PRICE)
        size = np.where(priced_trade, orders["size"].astype(np.int64), 0)
        price = np.where(priced_trade, orders["price"], 0) / gateway.FIXED_PRICE_SCALE
        frame = pd.DataFrame({**columns, "volume": size, "notional": size * price})
        self.sums = self.sums.add(frame.groupby(instruments).sum(), fill_value=0)

    def show(self) -> None:
        table = self.sums.copy()
        if not table.empty:
            counts = [*COLUMNS.values(), "volume"]
            table[counts] = table[counts].astype(np.int64)
            table["vwap"] = table.pop("notional") / table["volume"].where(table["volume"] > 0)
            table.index = pd.Index([self.symbols.get(int(number), "?") for number in table.index], name="symbol")
            print(table.sort_values("volume", ascending=False, kind="stable").to_string())
        print(f"{self.gap_messages} messages lost by the venue's lines, {self.lost_slots} slots by this program")


def main() -> None:
    socket, queue, start = arguments("activity.py")
    activity = Activity()
    client = gateway.connect(socket)
    subscription = client.subscribe(queue, name="activity", start=start)
    try:
        for event in subscription.batches():
            activity.take(event)
    except KeyboardInterrupt:
        pass
    activity.show()
    if subscription.closed:
        print(subscription.closed)


if __name__ == "__main__":
    run(main)
