"""Plain values: what a queue brings besides records, and what the gateway says about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Optional, Union

Start = Union[Literal["head", "oldest", "resync"], int]
"""Where a reader begins: with the next record; with the oldest one; at the last session start, reset or snapshot, from which
state can be rebuilt, or at the oldest record where that is overwritten; or at a position."""
OnLapped = Literal["oldest", "latest", "resync"]
"""Where a reader goes on that was overtaken: at the oldest record; at the newest one; at the last session start, reset or
snapshot, from which state can be rebuilt, or at the oldest record where that is overwritten."""
Wait = Literal["spin", "yield", "sleep", "block"]
"""What a reader does while nothing comes: poll without pause; let others run between polls; sleep between polls; sleep in
the kernel until the gateway rings."""
CloseReason = Literal["stopped", "restarted", "hung-up", "revoked"]
JoinOutcome = Literal["as-asked", "later", "not-yet", "other-run"]


class ControlKind(IntEnum):
    """What a ``ControlMsg`` tells: its ``kind``."""

    GAP = 1
    """Messages ``sequence`` to ``sequence + count - 1`` are lost for good."""
    RESET = 2
    """The numbers of the messages began anew within the session; ``sequence`` is the next one expected."""
    SESSION_START = 3
    """A session begins, or the first packet of a running one was seen; ``sequence`` is its first message."""
    SESSION_END = 4
    """The venue ended the session; ``sequence`` is the one after its last message."""
    RECOVERING = 5
    """Messages ``sequence`` to ``sequence + count - 1`` are missing and asked for; what follows them waits."""
    RECOVERED = 6
    """Nothing is waited for any longer; what could not be had was told as a gap."""
    SNAPSHOT_BEGIN = 7
    """A snapshot begins: what stands before message ``sequence``, in ``count`` messages. Nothing in it happened now."""
    SNAPSHOT_END = 8
    """The snapshot is complete; the stream goes on at ``sequence``."""
    STALE = 9
    """No line brought anything for longer than the venue is ever silent."""
    LIVE = 10
    """A line brought something again."""


@dataclass(frozen=True)
class Lost:
    """This reader was too slow and was overtaken: records are missing between those before and those after."""

    slots: int
    """Slots that passed unread. A record takes one for each 56 bytes begun."""


@dataclass(frozen=True)
class Closed:
    """The queue ended, and everything in it was read. ``reattach()`` goes on where there is a gateway."""

    reason: CloseReason
    """``stopped``: in order. ``restarted``: there is a queue of the same name. ``hung-up``: the gateway was killed, crashed,
    or ended this connection. ``revoked``: this user may not read it any longer."""
    text: str
    """The reason in words, with what to do."""
    epoch: Optional[int] = None
    """When the queue that took its place was made, nanoseconds since the Unix epoch; only if ``restarted``."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Checkpoint:
    """Where a reader is, in a form that outlives it: for ``subscribe(queue, resume=checkpoint)``."""

    run: int
    """The gateway's run that ``position`` belongs to."""
    position: int
    """The next slot to be read, counted since that run began."""


@dataclass(frozen=True)
class Joined:
    """What became of the wish to begin at a certain place."""

    outcome: JoinOutcome
    """``as-asked``; ``later``: what was asked for is overwritten, and ``lost_slots`` of it are told as lost; ``not-yet``: the
    position is yet to come, it begins with the next record; ``other-run``: the position belongs to another run of the
    gateway, it begins with the oldest record."""
    position: int
    """The first slot that will be read."""
    head: int
    """The next slot to be published at that moment."""
    lost_slots: int
    """Slots from the place asked for that are overwritten; the first event tells them."""


@dataclass(frozen=True)
class Health:
    """The publisher's signs of life."""

    live: bool
    """Whether the queue has not ended."""
    heartbeat_ns: int
    """Last heartbeat, nanoseconds since the Unix epoch. One older than 100 ms is that of a gateway that is dead or stuck."""


@dataclass(frozen=True)
class QueueInfo:
    """A queue of the gateway's."""

    name: str
    slots: int
    """How many it has."""
    epoch: int
    """When it was made, nanoseconds since the Unix epoch."""


UNDEF_PRICE = 9_223_372_036_854_775_807
"""The price of a record or level that has none."""


def _pretty(price: int) -> float:
    return float("nan") if price == UNDEF_PRICE else price / 1_000_000_000


@dataclass(frozen=True)
class BidAskPair:
    """A price level of both sides, as DBN has it."""

    bid_px: int
    """Bid price in units of 1e-9; ``UNDEF_PRICE`` where there is no such level."""
    ask_px: int
    """Ask price, likewise."""
    bid_sz: int
    """Size bid."""
    ask_sz: int
    """Size offered."""
    bid_ct: int
    """Orders that bid."""
    ask_ct: int
    """Orders that offer."""

    @property
    def pretty_bid_px(self) -> float:
        """Bid price in units of one; not a number where there is no such level."""
        return _pretty(self.bid_px)

    @property
    def pretty_ask_px(self) -> float:
        """Ask price in units of one; not a number where there is no such level."""
        return _pretty(self.ask_px)


@dataclass(frozen=True)
class BookInfo:
    """A book of the gateway's."""

    name: str
    """That of its table, and of its conflated queue where it has one."""
    queue: str
    """The queue that it is built from, whose positions its entries count."""
    epoch: int
    """When its table was made, nanoseconds since the Unix epoch."""
    applied: int
    """Slots of that queue below which the books have everything, counted since the gateway started."""
    instruments: int
    """Instruments that it has."""
    instruments_max: int
    """Instruments there is room for."""


@dataclass(frozen=True)
class Instrument:
    """An instrument's place in one book table. Look for it again after ``reattach()``."""

    id: int
    """The instrument, as records name it."""
    entry: int
    """Its entry in the table."""


@dataclass(frozen=True)
class BookBest:
    """Best bid and ask of an instrument."""

    position: int
    """Records of the queue below it are in it, none of its own from there on."""
    instrument_id: int
    state: str
    """``valid``, or the first thing that happened since it was."""
    ts_event: int
    """When the venue changed it last, nanoseconds since the Unix epoch; 0 before the first time."""
    level: BidAskPair
    """The best prices."""

    @property
    def is_valid(self) -> bool:
        """Whether it shows what rests at the venue."""
        return self.state == "valid"


@dataclass(frozen=True)
class LastTrade:
    """The last trade of an instrument."""

    price: int
    """In units of 1e-9."""
    size: int
    side: str
    """The side that initiated it: ``A``, ``B`` or ``N``."""
    ts_event: int
    """When; nanoseconds since the Unix epoch."""


@dataclass(frozen=True)
class TradingStatus:
    """The trading status of an instrument, as the fields of the last status record."""

    action: int
    reason: int
    is_trading: str
    """``Y``, ``N`` or ``~``."""
    is_quoting: str
    """``Y``, ``N`` or ``~``."""
    is_short_sell_restricted: str
    """``Y``, ``N`` or ``~``."""
    ts_event: int
    """When; nanoseconds since the Unix epoch."""


@dataclass(frozen=True)
class Book:
    """An instrument's book: whole, of one moment."""

    position: int
    """Records of the queue below it are in it, none of its own from there on."""
    instrument_id: int
    symbol: str
    """Empty while it is not known."""
    state: str
    """``valid``, or the first thing that happened since it was."""
    state_since: int
    """The position at which that began."""
    ts_event: int
    """When the venue changed it last, nanoseconds since the Unix epoch; 0 before the first time."""
    ts_recv: int
    """When the gateway received that."""
    sequence: int
    """The lower 32 bits of the channel's sequence of that."""
    levels: tuple[BidAskPair, ...]
    """Ten, best first."""
    depth: tuple[int, int]
    """Levels of the bid side and of the ask side, those beyond ten too."""
    last_trade: Optional[LastTrade]
    """``None`` where there was none."""
    status: Optional[TradingStatus]
    """``None`` where there was none."""

    @property
    def is_valid(self) -> bool:
        """Whether it shows what rests at the venue."""
        return self.state == "valid"
