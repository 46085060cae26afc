"""How fast a queue is read: ``rates SOCKET QUEUE SECONDS``. Prints one JSON object, records a second by the way of reading.

Each way reads the queue from its oldest record to its head, again and again for so long.
"""

import json
import sys
import time

import gateway_client as gateway
import numpy as np


def one_by_one(subscription):
    count = 0
    while subscription.poll() is not None:
        count += 1
    return count


def one_by_one_with_fields(subscription):
    count, volume = 0, 0
    while (record := subscription.poll()) is not None:
        if record.price > 0:
            volume += record.size
        count += 1
    return count


def arrays(subscription):
    count = 0
    while (array := subscription.poll_batch()) is not None:
        count += len(array)
    return count


def arrays_with_columns(subscription):
    count, volume = 0, 0
    while (array := subscription.poll_batch()) is not None:
        volume += int(array["size"][array["price"] > 0].sum())
        count += len(array)
    return count


def own_array(subscription):
    count, room = 0, np.empty(8_192, gateway.MBOMsg.dtype)
    while (filled := subscription.poll_into(room)) is not None:
        count += filled
    return count


def own_array_with_columns(subscription):
    count, volume, room = 0, 0, np.empty(8_192, gateway.MBOMsg.dtype)
    while (filled := subscription.poll_into(room)) is not None:
        array = room[:filled]
        volume += int(array["size"][array["price"] > 0].sum())
        count += filled
    return count


def main():
    client = gateway.connect(sys.argv[1])
    rates = {}
    for read in (
        one_by_one,
        one_by_one_with_fields,
        arrays,
        arrays_with_columns,
        own_array,
        own_array_with_columns,
    ):
        records, elapsed = 0, 0.0
        while elapsed < float(sys.argv[3]):
            with client.subscribe(sys.argv[2], name="rates", start="oldest") as subscription:
                begin = time.perf_counter()
                records += read(subscription)
                elapsed += time.perf_counter() - begin
                assert subscription.lost_slots == 0
        rates[read.__name__] = records / elapsed
    print(json.dumps(rates))


main()
