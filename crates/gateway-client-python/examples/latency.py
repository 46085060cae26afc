"""Measures how long records take from the gateway's receipt of their packet to this process, and prints a line each
second: ``latency.py SOCKET QUEUE``. At the end comes a line for the whole run.

It spins: give it a core of its own, or the numbers are those of the scheduler.
"""

import sys
import time

import gateway_client as gateway
from common import fail, run
from histogram import Histogram

STAMPED = (
    gateway.MBOMsg,
    gateway.InstrumentDefMsg,
    gateway.StatusMsg,
    gateway.ImbalanceMsg,
    gateway.MBP1Msg,
    gateway.MBP10Msg,
    gateway.TradeMsg,
    gateway.StatMsg,
    gateway.NativeMsg,
)
"""Records of one packet, which say when it was received."""


class Latency:
    """What was measured, and what was lost meanwhile."""

    def __init__(self) -> None:
        self.histogram = Histogram()
        self.lost_slots = 0

    def show(self) -> None:
        histogram = self.histogram
        p50, p99, p999 = (histogram.quantile(part) for part in (0.5, 0.99, 0.999))
        print(
            f"{histogram.count} records, {self.lost_slots} slots lost, p50 {p50} ns, p99 {p99} ns, p99.9 {p999} ns, "
            f"max {histogram.max} ns",
            flush=True,
        )


def main() -> None:
    if len(sys.argv) != 3:
        fail("usage: latency.py SOCKET QUEUE")
    client = gateway.connect(sys.argv[1])
    subscription = client.subscribe(sys.argv[2], name="latency", wait="spin")
    second, whole = Latency(), Latency()
    next_line = time.monotonic() + 1
    while True:
        event = subscription.wait(0.02)
        if isinstance(event, STAMPED):
            # By the gateway's own clock, so that its stamps can be compared.
            latency_ns = max(gateway.clock_now_ns() - event.ts_recv, 0)
            second.histogram.record(latency_ns)
            whole.histogram.record(latency_ns)
        elif isinstance(event, gateway.Lost):
            second.lost_slots += event.slots
            whole.lost_slots += event.slots
        elif isinstance(event, gateway.Closed):
            print(f"{event}; in all:")
            whole.show()
            return
        # While records come, a look at the time once in a while is enough.
        if (event is None or second.histogram.count % 1_024 == 0) and time.monotonic() >= next_line:
            second.show()
            second = Latency()
            next_line += 1


if __name__ == "__main__":
    run(main)
