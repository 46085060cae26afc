"""Prints a queue's records as they come: ``tail.py SOCKET QUEUE [oldest]``."""

import sys

import gateway_client as gateway
from common import arguments, run


def main() -> None:
    socket, queue, start = arguments("tail.py")
    client = gateway.connect(socket)
    subscription = client.subscribe(queue, name="tail", start=start)
    while True:
        event = subscription.wait(0.05)
        if event is None:
            # Nothing new for a while: show what there is.
            sys.stdout.flush()
            continue
        print(line(event))
        if isinstance(event, gateway.Closed):
            return


def line(event: gateway.Event) -> str:
    """An event in words. Orders first: nearly every record is one."""
    if isinstance(event, gateway.MBOMsg):
        return (
            f"mbo {event.instrument_id} {event.action}{event.side} order {event.order_id} price {price(event.price)} "
            f"size {event.size} flags {event.flags:#04x} sequence {event.sequence}"
        )
    if isinstance(event, (gateway.MBP1Msg, gateway.MBP10Msg)):
        levels = (
            f"  {level.bid_sz} x {price(level.bid_px)} / {price(level.ask_px)} x {level.ask_sz}" for level in event.levels
        )
        return f"levels {event.instrument_id}{''.join(levels)}"
    if isinstance(event, gateway.InstrumentDefMsg):
        return f"definition {event.instrument_id} {event.raw_symbol.rstrip()}"
    if isinstance(event, gateway.StatusMsg):
        return (
            f"status {event.instrument_id} action {event.action} reason {event.reason} trading {event.is_trading} "
            f"quoting {event.is_quoting}"
        )
    if isinstance(event, gateway.ImbalanceMsg):
        return (
            f"imbalance {event.instrument_id} {event.side} reference {price(event.ref_price)} "
            f"paired {event.paired_qty} imbalance {event.total_imbalance_qty}"
        )
    if isinstance(event, gateway.TradeMsg):
        return (
            f"trade {event.instrument_id} {event.side} price {price(event.price)} size {event.size} "
            f"sequence {event.sequence}"
        )
    if isinstance(event, gateway.StatMsg):
        return (
            f"statistic {event.instrument_id} type {event.stat_type} price {price(event.price)} "
            f"quantity {event.quantity}"
        )
    if isinstance(event, gateway.ControlMsg):
        of = f" of {event.instrument_id}" if event.instrument_id else ""
        return f"control {kind(event.kind)}{of} sequence {event.sequence} count {event.count}"
    if isinstance(event, gateway.NativeMsg):
        return f"native {event.instrument_id} {event.message.hex()}"
    if isinstance(event, gateway.Lost):
        return f"lost {event.slots} slots"
    if isinstance(event, gateway.Closed):
        return event.text
    return f"other {event.record_size()} bytes"


def kind(number: int) -> str:
    """What a control record tells. A newer gateway may have more to tell than this program knows."""
    try:
        return gateway.ControlKind(number).name.lower().replace("_", "-")
    except ValueError:
        return "?"


def price(price: int) -> str:
    """A price as people write it."""
    return "-" if price == gateway.UNDEF_PRICE else f"{price / gateway.FIXED_PRICE_SCALE:.4f}"


if __name__ == "__main__":
    run(main)
