"""Prints every instrument that a queue defines: ``instruments.py SOCKET QUEUE``."""

import sys

import gateway_client as gateway
from common import fail, run


def main() -> None:
    if len(sys.argv) != 3:
        fail("usage: instruments.py SOCKET QUEUE")
    socket, queue = sys.argv[1:]
    client = gateway.connect(socket)
    with client.instruments(queue, name="instruments") as instruments:
        # What was defined since. A strategy does this now and then, and looks at ``changes``.
        instruments.update()
        for definition, status in instruments.all():
            print(
                f"{definition.raw_symbol.rstrip()} is {definition.instrument_id} of publisher {definition.publisher_id} "
                f"channel {definition.channel_id}: tick {definition.min_price_increment} "
                f"lot {definition.min_lot_size_round_lot} multiplier {definition.contract_multiplier} "
                f"trading {status.is_trading if status else '?'}"
            )
        print(f"{len(instruments)} instruments, {'all' if instruments.is_whole else 'not all'}")


if __name__ == "__main__":
    run(main)
