"""Records of a gateway on this host, read from shared memory.

    import gateway_client as gateway

    client = gateway.connect("/run/gateway/broker.sock")
    subscription = client.subscribe("all", name="my-strategy")
    for event in subscription:
        match event:
            case gateway.MBOMsg():
                print(event.pretty_price, event.size)
            case gateway.Lost(slots):
                print(f"too slow: {slots} slots lost")
    print(subscription.closed)

``for array in subscription.batches()`` brings many records at once, as NumPy structured arrays. Fields have the names of
Databento's library. Prices are in units of 1e-9, times in nanoseconds since the Unix epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from ._errors import (
    BookClosedError,
    BrokenError,
    BusyError,
    ConnectError,
    ContendedError,
    GatewayError,
    LaterError,
    NotEntitledError,
    NotValidError,
    ProtocolError,
    QueueError,
    RefusedError,
    UnknownBookError,
    UnknownInstrumentError,
    UnknownQueueError,
)
from ._native import (
    Batches,
    BookTable,
    Client,
    ControlMsg,
    ImbalanceMsg,
    InstrumentDefMsg,
    Instruments,
    MBOMsg,
    MBP1Msg,
    MBP10Msg,
    MultiSubscriber,
    NativeMsg,
    OrderSnapshot,
    OtherMsg,
    StatMsg,
    StatusMsg,
    Subscription,
    TradeMsg,
    clock_now_ns,
    connect,
)
from ._types import (
    UNDEF_PRICE,
    BidAskPair,
    Book,
    BookBest,
    BookInfo,
    Checkpoint,
    Closed,
    CloseReason,
    ControlKind,
    Health,
    Instrument,
    Joined,
    JoinOutcome,
    LastTrade,
    Lost,
    OnLapped,
    QueueInfo,
    Start,
    TradingStatus,
    Wait,
)

if TYPE_CHECKING:
    import numpy.typing

FIXED_PRICE_SCALE = 1_000_000_000
"""Prices are in units of one divided by this."""
UNDEF_ORDER_SIZE = 4_294_967_295
"""The size of a record that has none."""
UNDEF_TIMESTAMP = 18_446_744_073_709_551_615
"""The time of a record that has none."""

F_LAST = 128
"""Flag: the last record of its message: books are consistent after it."""
F_TOB = 64
"""Flag: a top-of-book record, not an order."""
F_SNAPSHOT = 32
"""Flag: part of a snapshot; it did not happen now."""
F_MBP = 16
"""Flag: an aggregated price level, not an order."""
F_BAD_TS_RECV = 8
"""Flag: ``ts_recv`` is not to be trusted."""
F_MAYBE_BAD_BOOK = 4
"""Flag: messages of this instrument were lost, and its book may be wrong."""

Record = Union[
    MBOMsg,
    MBP1Msg,
    MBP10Msg,
    TradeMsg,
    InstrumentDefMsg,
    StatusMsg,
    ImbalanceMsg,
    StatMsg,
    ControlMsg,
    NativeMsg,
    OtherMsg,
]
"""A record of any type."""
Event = Union[Record, Lost, Closed]
"""What a queue brings."""
BatchEvent = Union["numpy.typing.NDArray[numpy.void]", Lost, Closed]
"""What a queue brings where records are taken many at a time."""

__all__ = [
    "F_BAD_TS_RECV",
    "F_LAST",
    "F_MAYBE_BAD_BOOK",
    "F_MBP",
    "F_SNAPSHOT",
    "F_TOB",
    "FIXED_PRICE_SCALE",
    "UNDEF_ORDER_SIZE",
    "UNDEF_PRICE",
    "UNDEF_TIMESTAMP",
    "BatchEvent",
    "Batches",
    "BidAskPair",
    "Book",
    "BookBest",
    "BookClosedError",
    "BookInfo",
    "BookTable",
    "BrokenError",
    "BusyError",
    "Checkpoint",
    "Client",
    "CloseReason",
    "Closed",
    "ConnectError",
    "ContendedError",
    "ControlKind",
    "ControlMsg",
    "Event",
    "GatewayError",
    "Health",
    "ImbalanceMsg",
    "Instrument",
    "InstrumentDefMsg",
    "Instruments",
    "JoinOutcome",
    "Joined",
    "LastTrade",
    "LaterError",
    "Lost",
    "MBOMsg",
    "MBP10Msg",
    "MBP1Msg",
    "MultiSubscriber",
    "NativeMsg",
    "NotEntitledError",
    "NotValidError",
    "OnLapped",
    "OrderSnapshot",
    "OtherMsg",
    "ProtocolError",
    "QueueError",
    "QueueInfo",
    "Record",
    "RefusedError",
    "Start",
    "StatMsg",
    "StatusMsg",
    "Subscription",
    "TradeMsg",
    "TradingStatus",
    "UnknownBookError",
    "UnknownInstrumentError",
    "UnknownQueueError",
    "Wait",
    "clock_now_ns",
    "connect",
]
