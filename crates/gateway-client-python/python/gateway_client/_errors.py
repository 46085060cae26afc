"""What goes wrong between a strategy and its gateway. Each text says what happened and what to do about it."""


class GatewayError(Exception):
    """The gateway could not be asked, or did not give what was asked for."""


class ConnectError(GatewayError):
    """Nobody answers at the socket's path."""


class BrokenError(GatewayError):
    """The connection broke, or the gateway took longer than five seconds to answer."""


class ProtocolError(GatewayError):
    """The gateway's answer makes no sense: client and gateway are of different generations."""


class QueueError(GatewayError):
    """The queue cannot be attached: another layout, damaged, or the kernel refuses the memory."""


class RefusedError(GatewayError):
    """The gateway refused."""


class UnknownQueueError(RefusedError):
    """The gateway refused: there is no such queue."""


class BusyError(RefusedError):
    """The gateway refused: it has as many clients as it allows."""


class NotEntitledError(RefusedError):
    """The gateway refused: this user may not read the queue."""


class UnknownBookError(RefusedError):
    """The gateway refused: there is no such book."""


class NotValidError(RefusedError):
    """The gateway refused: the instrument's book cannot be trusted at the moment. Ask again later."""


class LaterError(RefusedError):
    """The gateway refused: too much was asked for lately. Ask again later."""


class UnknownInstrumentError(GatewayError):
    """The book has no such instrument, or it is one of another table: look for it again."""


class BookClosedError(GatewayError):
    """The book table ended: ``reattach()`` goes on where there is a gateway."""


class ContendedError(GatewayError):
    """The book was replaced during every attempt to copy it: read again."""
