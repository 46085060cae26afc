"""What the wheel's arrays and records hold, beside what Databento's library makes of the same bytes: ``arrays SOCKET``.

Prints one JSON object. Fails with the first difference.
"""

import json
import sys

import databento_dbn as dbn
import gateway_client as gateway
import numpy as np
import pandas as pd

# Classes of the same records here and there.
PAIRS = {
    "mbo": (gateway.MBOMsg, dbn.MBOMsg),
    "mbp-1": (gateway.MBP1Msg, dbn.MBP1Msg),
    "mbp-10": (gateway.MBP10Msg, dbn.MBP10Msg),
    "trades": (gateway.TradeMsg, dbn.TradeMsg),
    "definition": (gateway.InstrumentDefMsg, dbn.InstrumentDefMsg),
    "status": (gateway.StatusMsg, dbn.StatusMsg),
    "imbalance": (gateway.ImbalanceMsg, dbn.ImbalanceMsg),
    "statistics": (gateway.StatMsg, dbn.StatMsg),
}


def decoded(records):
    """The same records, as Databento's decoder reads their bytes."""
    metadata = dbn.Metadata(
        dataset="XNAS.ITCH",
        start=0,
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=dbn.Schema.MBO,
        version=3,
    )
    decoder = dbn.DBNDecoder()
    decoder.write(metadata.encode())
    for record in records:
        decoder.write(bytes(record))
    return [record for record in decoder.decode() if not isinstance(record, dbn.Metadata)]


def plain(value):
    """A value as it compares: enums and characters by what they stand for."""
    value = getattr(value, "value", value)
    value = value.decode() if isinstance(value, bytes) else value
    return value.rstrip("\0") if isinstance(value, str) else value


def field(record, name):
    """A field of a record; of a level, where the column's name ends with its number."""
    column, _, level = name.rpartition("_")
    if level.isdigit() and hasattr(record, "levels"):
        return getattr(record.levels[int(level)], column)
    return getattr(record, name)


def compare(ours, theirs):
    """Every field of a record that NumPy's type has."""
    for name in type(ours).dtype.names:
        if name.startswith("_") or name == "length":
            continue
        here, there = plain(field(ours, name)), plain(field(theirs, name))
        # What stands for "not available" on the wire is None there.
        there = "~" if there is None else there
        assert str(here) == str(there), f"{type(ours).__name__}.{name}: {here!r}, not {there!r}"


def main():
    for name, (ours, theirs) in PAIRS.items():
        wanted = [(field, np.dtype(code)) for field, code in theirs._dtypes]
        names = [field for field, _ in wanted]
        assert list(ours.dtype.names) == names, f"{name}: {ours.dtype.names}, not {names}"
        for field, code in wanted:
            assert ours.dtype[field] == code, f"{name}.{field}: {ours.dtype[field]}, not {code}"
        assert ours.dtype.itemsize == sum(code.itemsize for _, code in wanted), name

    client = gateway.connect(sys.argv[1])
    one_by_one = client.subscribe("all", name="records", start="oldest")
    records, by_class = [], {}
    for event in one_by_one:
        assert not isinstance(event, gateway.Lost), event
        records.append(event)
        by_class.setdefault(type(event), []).append(event)
    assert one_by_one.closed.reason == "stopped"
    market = [record for record in records if not isinstance(record, gateway.ControlMsg)]
    theirs = decoded(market)
    assert len(theirs) == len(market)
    for ours, other in zip(market, theirs):
        compare(ours, other)

    print(json.dumps({"records": len(records), "orders": len(by_class[gateway.MBOMsg]), "compared": len(theirs)}))


def arrays():
    client = gateway.connect(sys.argv[1])
    subscription = client.subscribe("all", name="arrays", start="oldest")
    print("subscribed", flush=True)
    sizes, orders, changes = 0, [], 0
    for array in subscription.batches():
        assert isinstance(array, np.ndarray), array
        sizes += len(array)
        if array.dtype == gateway.MBOMsg.dtype:
            orders.append(array)
        else:
            changes += 1
    frame = pd.DataFrame(np.concatenate(orders))
    by_action = {key.decode(): int(count) for key, count in frame.groupby("action").size().items()}
    print(json.dumps({"records": sizes, "orders": len(frame), "by_action": by_action, "size": int(frame["size"].sum())}))


def into():
    """The program's own array, of fewer rows than there are records, and memory that is used again."""
    client = gateway.connect(sys.argv[1])
    for wrong in (
        [1, 2],
        np.empty(8, np.uint64),
        np.empty(0, gateway.MBOMsg.dtype),
        np.empty((2, 2), gateway.MBOMsg.dtype),
        np.empty(8, gateway.MBOMsg.dtype)[::2],
        np.frombuffer(bytes(560), gateway.MBOMsg.dtype),
        np.frombuffer(bytearray(57), gateway.MBOMsg.dtype, offset=1),
    ):
        with client.subscribe("all", name="wrong", start="oldest") as subscription:
            try:
                subscription.poll_into(wrong)
            except (TypeError, ValueError) as error:
                assert "MBOMsg.dtype" in str(error), error
            else:
                raise AssertionError(wrong)

    subscription = client.subscribe("all", name="into", start="oldest")
    print("subscribed", flush=True)
    room = np.empty(16, gateway.MBOMsg.dtype)
    ids, others, fills = [], [], []
    while not isinstance(event := subscription.wait_into(room), gateway.Closed):
        if isinstance(event, int):
            assert 1 <= event <= len(room)
            ids.extend(room["order_id"][:event].tolist())
            fills.append(event)
        else:
            others.append(type(event).__name__)
    assert ids == list(range(1, 101)), ids
    # Gaps and other types end an array early; what follows is told by itself.
    assert fills == [16, 16, 8, 16, 16, 16, 12], fills
    print(json.dumps({"records": len(ids) + len(others), "orders": len(ids), "others": others}))


def again():
    """Arrays stay what they were, whatever becomes of others."""
    client = gateway.connect(sys.argv[1])
    subscription = client.subscribe("all", name="again", start="oldest")
    print("subscribed", flush=True)
    held, copies, addresses = [], [], []
    for index, array in enumerate(subscription.batches(records_max=10)):
        if index % 3 == 0:
            held.append(array)
            copies.append(array.copy())
        addresses.append(array.__array_interface__["data"][0])
        del array
    for array, copy in zip(held, copies):
        assert (array == copy).all()
    print(json.dumps({"arrays": len(addresses), "places": len(set(addresses))}))


{"into": into, "again": again, "arrays": arrays}.get("".join(sys.argv[2:]), main)()
