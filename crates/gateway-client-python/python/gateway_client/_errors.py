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
