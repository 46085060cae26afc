"""What of the package is Rust. Import it from ``gateway_client``."""

import os
from typing import Any, ClassVar, Optional, Union, final

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from ._types import (
    BidAskPair,
    Book,
    BookBest,
    BookInfo,
    Checkpoint,
    Closed,
    Health,
    Instrument,
    Joined,
    Lost,
    OnLapped,
    QueueInfo,
    Start,
    Wait,
)

__all__ = [
    "Batches",
    "BookTable",
    "Client",
    "ControlMsg",
    "ImbalanceMsg",
    "InstrumentDefMsg",
    "Instruments",
    "MBOMsg",
    "MBP10Msg",
    "MBP1Msg",
    "MultiSubscriber",
    "NativeMsg",
    "OrderSnapshot",
    "OtherMsg",
    "StatMsg",
    "StatusMsg",
    "Subscription",
    "TradeMsg",
    "clock_now_ns",
    "connect",
]

_Array = npt.NDArray[np.void]
_Record = Union[
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
_Event = Union[_Record, Lost, Closed]
_BatchEvent = Union[_Array, Lost, Closed]
_IntoEvent = Union[int, _Record, Lost, Closed]

def connect(path: Union[str, os.PathLike[str]]) -> Client:
    """Connects to the broker's socket and sees that a gateway answers.

    Raises ``ConnectError`` where nobody listens, ``BusyError`` where the gateway has all the clients it allows,
    ``RefusedError`` where it speaks another version, ``BrokenError`` where it does not answer within 5 seconds.
    """
def clock_now_ns() -> int:
    """Nanoseconds since the Unix epoch by the gateway's clock, without a system call."""

@final
class Client:
    """A client of one gateway. Threads may share it; its subscriptions have connections of their own and outlive it."""

    @property
    def gateway_pid(self) -> int:
        """The gateway's process id, in its own namespace."""
    def queues(self) -> list[QueueInfo]:
        """The queues that this user may read. Raises ``BrokenError`` where the gateway is gone."""
    def status(self) -> dict[str, Any]:
        """The gateway's status, as ``gateway status --json`` has it. Raises ``BrokenError`` where the gateway is gone."""
    def subscribe(
        self,
        queue: str,
        *,
        name: str = "unnamed",
        start: Optional[Start] = None,
        run: Optional[int] = None,
        resume: Optional[Checkpoint] = None,
        on_lapped: OnLapped = "oldest",
        wait: Wait = "block",
        sleep_us: float = ...,
    ) -> Subscription:
        """Begins to read a queue.

        ``name``, up to 31 bytes, is what the gateway's status calls the reader. ``start`` is where it begins: ``"head"``
        (the next record, the default), ``"oldest"``, ``"resync"`` (the last session start, reset or snapshot), or a position,
        which counts slots since the gateway's ``run`` began (default: the present one). ``resume``, a ``Checkpoint``, stands
        for both. ``on_lapped`` is where it goes on after it was overtaken, ``wait`` what it does while nothing comes; with ``"sleep"`` it polls every ``sleep_us``
        microseconds.

        Raises ``UnknownQueueError``, ``NotEntitledError``, ``BusyError`` or another ``RefusedError`` where the gateway
        refuses, ``QueueError`` where the queue cannot be attached, ``ConnectError`` or ``BrokenError`` where the gateway
        is gone, ``ValueError`` where an argument is none of these.
        """
    def book_list(self) -> list[BookInfo]:
        """The books that this user may read. Raises ``BrokenError`` where the gateway is gone."""
    def books(self, book: str, *, name: str = "unnamed") -> BookTable:
        """Begins to read the table of a book; ``name`` is what the gateway's log calls the reader.

        Raises ``UnknownBookError``, ``NotEntitledError`` or another ``RefusedError`` where the gateway refuses,
        ``QueueError`` where the table cannot be attached, ``ConnectError`` or ``BrokenError`` where the gateway is gone.
        """
    def instruments(self, queue: str, *, name: str = "unnamed") -> Instruments:
        """Begins to read the instruments that a queue defines, from its oldest record on; ``name`` is what the gateway's status
        calls the reader. Best of a queue with ``classes = ["definitions", "status"]``. Raises as ``subscribe`` does.
        """
    def orders(self, book: str, *, symbol: Optional[str] = None, id: Optional[int] = None) -> OrderSnapshot:
        """The orders that rest in a book at a stated position of its queue: of all instruments, or of the one that ``symbol`` or
        ``id`` names.

        Raises ``UnknownBookError``, ``UnknownInstrumentError``, ``NotEntitledError``, ``NotValidError`` where the
        instrument's book cannot be trusted at the moment, ``LaterError`` where too much was asked for lately,
        ``BrokenError`` where the gateway is gone, ``TypeError`` where both symbol and id are given.
        """
    def close(self) -> None:
        """Closes the connection; its subscriptions go on. What is asked afterwards raises ``ValueError``."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Subscription:
    """A reader of one queue, for one thread at a time. Iteration brings records and losses until the queue ends."""

    @property
    def queue(self) -> str:
        """The queue's name."""
    @property
    def name(self) -> str:
        """What the reader calls itself."""
    def poll(self) -> Optional[_Event]:
        """Takes the next event; ``None`` where there is none yet. The end of the queue comes again and again."""
    def wait(self, timeout_s: Optional[float] = None) -> Optional[_Event]:
        """Waits for the next event, at most ``timeout_s`` seconds; ``None`` where none came in time."""
    def poll_batch(self, records_max: int = ...) -> Optional[_BatchEvent]:
        """Takes the records of one type that there are, up to ``records_max`` of them, as an array, or the loss or the end of
        the queue that comes first; ``None`` where there is nothing yet.
        """
    def wait_batch(self, timeout_s: Optional[float] = None, records_max: int = ...) -> Optional[_BatchEvent]:
        """As ``poll_batch``, but waits for the first record, at most ``timeout_s`` seconds."""
    def poll_into(self, array: _Array) -> Optional[_IntoEvent]:
        """Takes the records that there are of the type of ``array``, as many as it has rows, into its first rows, and returns how
        many; what follows those rows is meaningless afterwards. Returns a record of another type, a loss or the end of the
        queue as ``poll`` does where that comes first; ``None`` where there is nothing yet.

        The array is one of records (``numpy.empty(rows, MBOMsg.dtype)``), in one dimension, without gaps and writable:
        otherwise ``TypeError`` or ``ValueError`` is raised. No other thread may use it meanwhile.
        """
    def wait_into(self, array: _Array, timeout_s: Optional[float] = None) -> Optional[_IntoEvent]:
        """As ``poll_into``, but waits for the first record, at most ``timeout_s`` seconds."""
    def batches(self, records_max: int = ...) -> Batches:
        """Goes through arrays of records, of up to ``records_max`` of one type each, and losses until the queue ends."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> Union[_Record, Lost]: ...
    @property
    def position(self) -> int:
        """Position of the next slot to be read, in slots since the gateway started."""
    @property
    def lost_slots(self) -> int:
        """Slots lost so far."""
    def checkpoint(self) -> Checkpoint:
        """Where this reader is, to begin there again: ``subscribe(queue, resume=checkpoint)``."""
    @property
    def joined(self) -> Joined:
        """What became of the wish to begin at a certain place."""
    @property
    def closed(self) -> Optional[Closed]:
        """Why the queue ended; ``None`` while it goes on."""
    @property
    def epoch(self) -> int:
        """When the queue was made, nanoseconds since the Unix epoch."""
    def health(self) -> Health:
        """The publisher's signs of life."""
    def reattach(self) -> None:
        """Subscribes to the queue of the same name again, after its end. It goes on after the last record read where the
        gateway is still the same, else at the first record of its successor. Raises as ``subscribe`` does.
        """
    def close(self) -> None:
        """Gives the queue back; the gateway lists this reader no longer. Reading it raises ``ValueError`` afterwards."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Batches:
    """Goes through arrays of records and losses until the queue ends."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> Union[_Array, Lost]: ...

@final
class MultiSubscriber:
    """Reads several queues, each in its own order, in no order between them: after an event of one queue all others are asked
    before it is asked again. Every event comes with the number of its queue.
    """

    def __new__(cls, *, wait: Wait = "block", sleep_us: float = ...) -> Self: ...
    def add(self, subscription: Subscription) -> int:
        """Reads one more queue; returns the number under which its events come. The subscription is read here from now on."""
    def poll(self) -> Optional[tuple[int, _Event]]:
        """Takes the next event of any queue; ``None`` where there is none yet. The end of a queue comes once."""
    def wait(self, timeout_s: Optional[float] = None) -> Optional[tuple[int, _Event]]:
        """Waits for the next event of any queue, at most ``timeout_s`` seconds; ``None`` where none came, or none can come."""
    def poll_batch(self, records_max: int = ...) -> Optional[tuple[int, _BatchEvent]]:
        """As ``Subscription.poll_batch``, of any queue."""
    def wait_batch(
        self, timeout_s: Optional[float] = None, records_max: int = ...
    ) -> Optional[tuple[int, _BatchEvent]]:
        """As ``Subscription.wait_batch``, of any queue."""
    def poll_into(self, array: _Array) -> Optional[tuple[int, _IntoEvent]]:
        """As ``Subscription.poll_into``, of any queue."""
    def wait_into(self, array: _Array, timeout_s: Optional[float] = None) -> Optional[tuple[int, _IntoEvent]]:
        """As ``Subscription.wait_into``, of any queue."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> tuple[int, _Event]: ...
    @property
    def is_over(self) -> bool:
        """Whether every queue has ended, and every end was told."""
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Subscription: ...
    def close(self) -> None:
        """Gives the queues back. Reading them raises ``ValueError`` afterwards."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class BookTable:
    """The books of all instruments of a queue, as they are now, for one thread at a time."""

    dtype: ClassVar[np.dtype[np.void]]
    @property
    def book(self) -> str:
        """The book's name."""
    @property
    def name(self) -> str:
        """What the reader calls itself."""
    def find(self, symbol: str) -> Optional[Instrument]:
        """The instrument of that symbol; ``None`` where it was not announced yet."""
    def find_id(self, id: int) -> Optional[Instrument]:
        """The instrument that records name so; ``None`` where there were none about it."""
    def instruments(self) -> list[Instrument]:
        """Every instrument there is."""
    def best(self, instrument: Instrument) -> BookBest:
        """Best bid and ask of an instrument, whole, of one moment.

        Raises ``BookClosedError`` where the table ended, ``UnknownInstrumentError`` where the instrument is of another
        table, ``ContendedError`` where it was replaced during every attempt to copy it.
        """
    def read(self, instrument: Instrument) -> Book:
        """The whole book of an instrument, of one moment: ten levels, last trade, status. Raises as ``best`` does."""
    def read_all(self) -> _Array:
        """All books as an array, a row for each instrument: each row is of one moment, which may differ from row to row.
        Raises as ``best`` does.
        """
    def checkpoint(self) -> Checkpoint:
        """Where in the queue a reader goes on that reads books now: ``subscribe(queue, resume=checkpoint)``. Take it before the
        books: they have everything below it, and their ``position`` tells how much more.
        """
    def health(self) -> Health:
        """The builder's signs of life: its heartbeat is written every 10 ms."""
    @property
    def closed(self) -> Optional[Closed]:
        """Why the table ended, once an error said so; ``None`` while it goes on."""
    def reattach(self) -> None:
        """Opens the table of the same name again, after its end. Instruments found before are of another table. Raises as
        ``Client.books`` does.
        """
    def close(self) -> None:
        """Gives the table back. Reading it raises ``ValueError`` afterwards."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class Instruments:
    """A queue's instruments as of the last ``update``, for one thread at a time."""

    def update(self, timeout_s: float = 0.0) -> Optional[Closed]:
        """Takes what the queue has had since the last update, but nothing that comes meanwhile; where that is nothing, waits for
        it at most ``timeout_s`` seconds, asleep in the kernel. Returns why the queue ended, once it has, else ``None``.
        """
    def find(self, symbol: str) -> Optional[tuple[InstrumentDefMsg, Optional[StatusMsg]]]:
        """Definition and status (``None`` before the first) of the instrument of that symbol; ``None`` where there is none, or
        where several venues or channels have one.
        """
    def find_id(
        self, publisher_id: int, instrument_id: int
    ) -> Optional[tuple[InstrumentDefMsg, Optional[StatusMsg]]]:
        """The same of the instrument that records of a venue call so; ``None`` where several channels of it number theirs
        alike.
        """
    def legs(self, publisher_id: int, channel_id: int, instrument_id: int) -> list[InstrumentDefMsg]:
        """The definitions of a spread's legs, in the order of their ``leg_index``: all of them are there once there are as many
        as their ``leg_count`` says. Empty where it has none, or is not defined.
        """
    def all(self) -> list[tuple[InstrumentDefMsg, Optional[StatusMsg]]]:
        """The same of all instruments."""
    @property
    def is_whole(self) -> bool:
        """Whether nothing can be missing. False for good where records were overwritten before this reader came, or lost since:
        nobody knows of which channels. False as well where the gateway joined a channel's session after its first message, or
        lost some of it, until that channel's next session. Of channels that have sent nothing so far it says nothing.
        """
    @property
    def changes(self) -> int:
        """How often something was defined, taken back or changed its status: the same number means that all is as it was."""
    def __len__(self) -> int: ...
    def close(self) -> None:
        """Ends the reader. Using it raises ``ValueError`` afterwards."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

@final
class OrderSnapshot:
    """The orders that rested at a position of a queue, as order records: for each instrument a Clear, then its orders, bids
    first, best price first, oldest first.
    """

    def checkpoint(self) -> Checkpoint:
        """Where in the queue a reader goes on: ``subscribe(queue, resume=snapshot.checkpoint())``, skipping what it ``has``. If
        that begins later, the queue has overwritten what lies between: ask for another snapshot.
        """
    def has(self, position: int) -> bool:
        """Whether what the record at that position of the queue says is in the snapshot."""
    @property
    def instruments(self) -> int:
        """How many instruments it has."""
    @property
    def invalid(self) -> int:
        """How many instruments it lacks because their books could not be trusted."""
    def records(self) -> list[MBOMsg]:
        """The records as objects."""
    def to_array(self) -> _Array:
        """The records as an array of ``MBOMsg.dtype``."""
    def __len__(self) -> int: ...

@final
class MBOMsg:
    """An order message, fill or trade: DBN's MBO record."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> MBOMsg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def order_id(self) -> int: ...
    @property
    def price(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def channel_id(self) -> int: ...
    @property
    def action(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def ts_recv(self) -> int: ...
    @property
    def ts_in_delta(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def pretty_price(self) -> float: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MBP1Msg:
    """The best prices of an instrument's book: DBN's MBP-1 record."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> MBP1Msg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def price(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def action(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def flags(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def ts_recv(self) -> int: ...
    @property
    def ts_in_delta(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def levels(self) -> list[BidAskPair]: ...
    @property
    def pretty_price(self) -> float: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class MBP10Msg:
    """The ten best levels of an instrument's book: DBN's MBP-10 record."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> MBP10Msg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def price(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def action(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def flags(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def ts_recv(self) -> int: ...
    @property
    def ts_in_delta(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def levels(self) -> list[BidAskPair]: ...
    @property
    def pretty_price(self) -> float: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TradeMsg:
    """A trade: DBN's trade record."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> TradeMsg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def price(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def action(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def flags(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @property
    def ts_recv(self) -> int: ...
    @property
    def ts_in_delta(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def pretty_price(self) -> float: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class InstrumentDefMsg:
    """An instrument: DBN's definition record."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> InstrumentDefMsg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def ts_recv(self) -> int: ...
    @property
    def min_price_increment(self) -> int: ...
    @property
    def display_factor(self) -> int: ...
    @property
    def expiration(self) -> int: ...
    @property
    def activation(self) -> int: ...
    @property
    def high_limit_price(self) -> int: ...
    @property
    def low_limit_price(self) -> int: ...
    @property
    def max_price_variation(self) -> int: ...
    @property
    def unit_of_measure_qty(self) -> int: ...
    @property
    def min_price_increment_amount(self) -> int: ...
    @property
    def price_ratio(self) -> int: ...
    @property
    def strike_price(self) -> int: ...
    @property
    def raw_instrument_id(self) -> int: ...
    @property
    def leg_price(self) -> int: ...
    @property
    def leg_delta(self) -> int: ...
    @property
    def inst_attrib_value(self) -> int: ...
    @property
    def underlying_id(self) -> int: ...
    @property
    def market_depth_implied(self) -> int: ...
    @property
    def market_depth(self) -> int: ...
    @property
    def market_segment_id(self) -> int: ...
    @property
    def max_trade_vol(self) -> int: ...
    @property
    def min_lot_size(self) -> int: ...
    @property
    def min_lot_size_block(self) -> int: ...
    @property
    def min_lot_size_round_lot(self) -> int: ...
    @property
    def min_trade_vol(self) -> int: ...
    @property
    def contract_multiplier(self) -> int: ...
    @property
    def decay_quantity(self) -> int: ...
    @property
    def original_contract_size(self) -> int: ...
    @property
    def leg_instrument_id(self) -> int: ...
    @property
    def leg_ratio_price_numerator(self) -> int: ...
    @property
    def leg_ratio_price_denominator(self) -> int: ...
    @property
    def leg_ratio_qty_numerator(self) -> int: ...
    @property
    def leg_ratio_qty_denominator(self) -> int: ...
    @property
    def leg_underlying_id(self) -> int: ...
    @property
    def appl_id(self) -> int: ...
    @property
    def maturity_year(self) -> int: ...
    @property
    def decay_start_date(self) -> int: ...
    @property
    def channel_id(self) -> int: ...
    @property
    def leg_count(self) -> int: ...
    @property
    def leg_index(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def settl_currency(self) -> str: ...
    @property
    def secsubtype(self) -> str: ...
    @property
    def raw_symbol(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def exchange(self) -> str: ...
    @property
    def asset(self) -> str: ...
    @property
    def cfi(self) -> str: ...
    @property
    def security_type(self) -> str: ...
    @property
    def unit_of_measure(self) -> str: ...
    @property
    def underlying(self) -> str: ...
    @property
    def strike_price_currency(self) -> str: ...
    @property
    def leg_raw_symbol(self) -> str: ...
    @property
    def instrument_class(self) -> str: ...
    @property
    def match_algorithm(self) -> str: ...
    @property
    def main_fraction(self) -> int: ...
    @property
    def price_display_format(self) -> int: ...
    @property
    def sub_fraction(self) -> int: ...
    @property
    def underlying_product(self) -> int: ...
    @property
    def security_update_action(self) -> str: ...
    @property
    def maturity_month(self) -> int: ...
    @property
    def maturity_day(self) -> int: ...
    @property
    def maturity_week(self) -> int: ...
    @property
    def user_defined_instrument(self) -> str: ...
    @property
    def contract_multiplier_unit(self) -> int: ...
    @property
    def flow_schedule_type(self) -> int: ...
    @property
    def tick_rule(self) -> int: ...
    @property
    def leg_instrument_class(self) -> str: ...
    @property
    def leg_side(self) -> str: ...
    @property
    def pretty_min_price_increment(self) -> float: ...
    @property
    def pretty_display_factor(self) -> float: ...
    @property
    def pretty_high_limit_price(self) -> float: ...
    @property
    def pretty_low_limit_price(self) -> float: ...
    @property
    def pretty_max_price_variation(self) -> float: ...
    @property
    def pretty_unit_of_measure_qty(self) -> float: ...
    @property
    def pretty_min_price_increment_amount(self) -> float: ...
    @property
    def pretty_price_ratio(self) -> float: ...
    @property
    def pretty_strike_price(self) -> float: ...
    @property
    def pretty_leg_price(self) -> float: ...
    @property
    def pretty_leg_delta(self) -> float: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class StatusMsg:
    """A trading status: DBN's status record."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> StatusMsg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def ts_recv(self) -> int: ...
    @property
    def action(self) -> int: ...
    @property
    def reason(self) -> int: ...
    @property
    def trading_event(self) -> int: ...
    @property
    def is_trading(self) -> str: ...
    @property
    def is_quoting(self) -> str: ...
    @property
    def is_short_sell_restricted(self) -> str: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ImbalanceMsg:
    """An auction imbalance: DBN's imbalance record."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> ImbalanceMsg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def ts_recv(self) -> int: ...
    @property
    def ref_price(self) -> int: ...
    @property
    def auction_time(self) -> int: ...
    @property
    def cont_book_clr_price(self) -> int: ...
    @property
    def auct_interest_clr_price(self) -> int: ...
    @property
    def ssr_filling_price(self) -> int: ...
    @property
    def ind_match_price(self) -> int: ...
    @property
    def upper_collar(self) -> int: ...
    @property
    def lower_collar(self) -> int: ...
    @property
    def paired_qty(self) -> int: ...
    @property
    def total_imbalance_qty(self) -> int: ...
    @property
    def market_imbalance_qty(self) -> int: ...
    @property
    def unpaired_qty(self) -> int: ...
    @property
    def auction_type(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def auction_status(self) -> int: ...
    @property
    def freeze_status(self) -> int: ...
    @property
    def num_extensions(self) -> int: ...
    @property
    def unpaired_side(self) -> str: ...
    @property
    def significant_imbalance(self) -> str: ...
    @property
    def pretty_ref_price(self) -> float: ...
    @property
    def pretty_cont_book_clr_price(self) -> float: ...
    @property
    def pretty_auct_interest_clr_price(self) -> float: ...
    @property
    def pretty_ssr_filling_price(self) -> float: ...
    @property
    def pretty_ind_match_price(self) -> float: ...
    @property
    def pretty_upper_collar(self) -> float: ...
    @property
    def pretty_lower_collar(self) -> float: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class StatMsg:
    """A statistic of the venue: DBN's statistics record."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> StatMsg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def ts_recv(self) -> int: ...
    @property
    def ts_ref(self) -> int: ...
    @property
    def price(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def ts_in_delta(self) -> int: ...
    @property
    def stat_type(self) -> int: ...
    @property
    def channel_id(self) -> int: ...
    @property
    def update_action(self) -> int: ...
    @property
    def stat_flags(self) -> int: ...
    @property
    def pretty_price(self) -> float: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class ControlMsg:
    """Something about a channel: a gap, a reset, a session's begin or end. The gateway's own, not DBN's."""

    dtype: ClassVar[np.dtype[np.void]]
    size_hint: ClassVar[int]
    @staticmethod
    def from_bytes(data: bytes) -> ControlMsg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def publisher_id(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_event(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    @property
    def kind(self) -> int: ...
    @property
    def channel_id(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def ts_recv(self) -> int: ...
    @property
    def session(self) -> bytes: ...
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class NativeMsg:
    """A message as the exchange sent it."""

    dtype: ClassVar[np.dtype[np.void]]
    @staticmethod
    def from_bytes(data: bytes) -> NativeMsg:
        """The record whose bytes these are. Raises ``ValueError`` where they are not a record of this class."""
    @property
    def rtype(self) -> int: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def ts_recv(self) -> int: ...
    @property
    def message(self) -> bytes:
        """The exchange's message."""
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue; ``None`` where it was not read from one."""
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class OtherMsg:
    """A record of a type that this client does not know, or whose length contradicts its type."""

    @property
    def rtype(self) -> int: ...
    @property
    def position(self) -> Optional[int]:
        """Position of the record's first slot in its queue."""
    def record_size(self) -> int:
        """Bytes of the record."""
    def __bytes__(self) -> bytes: ...
