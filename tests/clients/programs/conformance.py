"""The conformance script's program in Python: ``conformance SOCKET``, commands on stdin. See ``CONFORMANCE.md``."""

import sys

import gateway_client as gateway

ERRORS = {
    gateway.ConnectError: "connect",
    gateway.BrokenError: "broken",
    gateway.ProtocolError: "protocol",
    gateway.QueueError: "queue",
    gateway.UnknownQueueError: "unknown-queue",
    gateway.BusyError: "busy",
    gateway.NotEntitledError: "not-entitled",
    gateway.RefusedError: "refused",
}


def waiting(words):
    """The arguments that a WAIT stands for."""
    name, _, microseconds = words.partition(":")
    return {"wait": name, "sleep_us": float(microseconds)} if microseconds else {"wait": name}


def options(keys):
    """The arguments of ``subscribe`` that KEY=VALUE words stand for."""
    arguments = {}
    for word in keys:
        key, _, value = word.partition("=")
        if key == "wait":
            arguments.update(waiting(value))
        elif key == "start":
            arguments["start"] = value if value in ("head", "oldest", "resync") else int(value)
        elif key == "run":
            arguments["run"] = int(value)
        elif key in ("name", "on-lapped"):
            arguments[key.replace("-", "_")] = value
        else:
            raise SystemExit(f"no key {word}")
    return arguments


def describe(event):
    """An event's line."""
    at = getattr(event, "position", None)
    if event is None:
        return "empty"
    if isinstance(event, gateway.Lost):
        return f"lost {event.slots}"
    if isinstance(event, gateway.Closed):
        return f"closed {event.reason}"
    if isinstance(event, gateway.MBOMsg):
        return (
            f"mbo {at} {event.instrument_id} {event.order_id} {event.action} {event.side} {event.price} {event.size} "
            f"{event.flags} {event.sequence} {event.ts_event}"
        )
    if isinstance(event, (gateway.MBP1Msg, gateway.MBP10Msg)):
        levels = (
            f" {level.bid_px} {level.bid_sz} {level.bid_ct} {level.ask_px} {level.ask_sz} {level.ask_ct}"
            for level in event.levels
        )
        name = "mbp1" if isinstance(event, gateway.MBP1Msg) else "mbp10"
        return f"{name} {at} {event.instrument_id} {event.flags} {event.sequence}{''.join(levels)}"
    if isinstance(event, gateway.InstrumentDefMsg):
        return f"definition {at} {event.instrument_id} {event.raw_symbol.rstrip(' ')}"
    if isinstance(event, gateway.StatusMsg):
        return f"status {at} {event.instrument_id} {event.action}"
    if isinstance(event, gateway.ImbalanceMsg):
        return (
            f"imbalance {at} {event.instrument_id} {event.paired_qty} {event.total_imbalance_qty} {event.side}"
        )
    if isinstance(event, gateway.TradeMsg):
        return f"trade {at} {event.instrument_id} {event.side} {event.price} {event.size} {event.sequence}"
    if isinstance(event, gateway.StatMsg):
        return f"statistic {at} {event.instrument_id} {event.stat_type} {event.price} {event.quantity}"
    if isinstance(event, gateway.ControlMsg):
        return f"control {at} {event.kind} {event.channel_id} {event.sequence} {event.count}"
    if isinstance(event, gateway.NativeMsg):
        return f"native {at} {event.instrument_id} {event.message.hex()}"
    return f"other {at} {event.rtype}"


class Program:
    """What is open."""

    def __init__(self, socket):
        self.socket = socket
        self.client = None
        self.subscription = None
        self.queues = None

    def joined(self, joined):
        yield f"joined {joined.outcome} position {joined.position} head {joined.head} lost {joined.lost_slots}"

    def run(self, words):
        """Yields the lines of a command."""
        command, *rest = words
        if command == "connect":
            if self.client is not None:
                self.client.close()
            self.client = gateway.connect(self.socket)
        elif command == "queues":
            for queue in self.client.queues():
                yield f"queue {queue.name} {queue.slots}"
        elif command == "subscribe":
            if self.subscription is not None:
                self.subscription.close()
                self.subscription = None
            self.subscription = self.client.subscribe(rest[0], **options(rest[1:]))
            yield from self.joined(self.subscription.joined)
        elif command == "read":
            for _ in range(int(rest[0])):
                event = self.subscription.wait(int(rest[1]) / 1000)
                yield describe(event)
                if event is None or isinstance(event, gateway.Closed):
                    break
        elif command == "drain":
            while True:
                event = self.subscription.poll()
                if event is None or isinstance(event, gateway.Closed):
                    break
                yield describe(event)
        elif command == "position":
            yield f"position {self.subscription.position} lost {self.subscription.lost_slots}"
        elif command == "checkpoint":
            checkpoint = self.subscription.checkpoint()
            yield f"checkpoint {checkpoint.run} {checkpoint.position}"
        elif command == "joined":
            yield from self.joined(self.subscription.joined)
        elif command == "health":
            yield "live" if self.subscription.health().live else "ended"
        elif command == "reattach":
            self.subscription.reattach()
            yield from self.joined(self.subscription.joined)
        elif command == "close":
            if self.subscription is not None:
                self.subscription.close()
            if self.queues is not None:
                self.queues.close()
            self.subscription = self.queues = None
        elif command == "multi":
            if self.queues is not None:
                self.queues.close()
            self.queues = gateway.MultiSubscriber(**waiting(rest[0]))
        elif command == "add":
            subscription = self.client.subscribe(rest[0], **options(rest[1:]))
            joined = subscription.joined
            yield f"added {self.queues.add(subscription)}"
            yield from self.joined(joined)
        elif command == "read-any":
            for _ in range(int(rest[0])):
                found = self.queues.wait(int(rest[1]) / 1000)
                if found is None:
                    yield "empty"
                    break
                index, event = found
                yield f"{index} {describe(event)}"
        elif command == "over":
            yield "over yes" if self.queues.is_over else "over no"
        elif command == "reattach-any":
            member = self.queues[int(rest[0])]
            member.reattach()
            yield from self.joined(member.joined)
        else:
            raise SystemExit(f"no such command: {' '.join(words)}")


def main():
    program = Program(sys.argv[1])
    for line in sys.stdin:
        lines = []
        try:
            lines.extend(program.run(line.rstrip("\n").split(" ")))
            lines.append("ok")
        except gateway.GatewayError as error:
            lines.append(f"error {ERRORS[type(error)]}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


main()
