"""Plain values: what a queue brings besides records, and what the gateway says about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Optional, Union

Start = Union[Literal["head", "oldest"], int]
"""Where a reader begins: with the next record, with the oldest one, or at a position."""
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
    """Slots from the position asked for that are overwritten; the first event tells them."""


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
