"""What the examples share: their command line, and how they end."""

import os
import sys
from typing import Callable, NamedTuple, NoReturn

import gateway_client as gateway


class Arguments(NamedTuple):
    """``SOCKET QUEUE [oldest]``."""

    socket: str
    queue: str
    start: gateway.Start


def arguments(name: str) -> Arguments:
    """What the command line says."""
    words = sys.argv[1:]
    if len(words) == 2:
        return Arguments(words[0], words[1], "head")
    if len(words) == 3 and words[2] == "oldest":
        return Arguments(words[0], words[1], "oldest")
    fail(f"usage: {name} SOCKET QUEUE [oldest]")


def run(program: Callable[[], None]) -> None:
    """Runs a program to its end, or until whoever reads its lines has seen enough."""
    try:
        program()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would flush once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except gateway.GatewayError as error:
        fail(str(error))


def fail(words: str) -> NoReturn:
    """Ends the program."""
    print(words, file=sys.stderr)
    sys.exit(1)
