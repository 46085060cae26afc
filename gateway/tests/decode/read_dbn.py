"""Prints a DBN file as Databento's Python library reads it: the header, then one record a line, as JSON."""

import json
import sys

import zstandard
from databento_dbn import DBNDecoder, InstrumentDefMsg, MBOMsg, Metadata, TradeMsg

path = sys.argv[1]
data = open(path, "rb")
# As Databento's client opens files: the first frame only.
if path.endswith(".zst"):
    data = zstandard.ZstdDecompressor().stream_reader(data)

decoder = DBNDecoder()
while chunk := data.read(64 << 10):
    for record in decoder.write_and_decode(chunk):
        if isinstance(record, Metadata):
            fields = {
                "version": record.version,
                "dataset": record.dataset,
                "schema": record.schema and str(record.schema),
                "start": record.start,
                "end": record.end,
                "limit": record.limit,
                "stype_in": str(record.stype_in),
                "stype_out": str(record.stype_out),
                "ts_out": record.ts_out,
                "symbols": record.symbols,
                "mappings": {
                    symbol: [
                        [str(of["start_date"]), str(of["end_date"]), of["symbol"]] for of in intervals
                    ]
                    for symbol, intervals in record.mappings.items()
                },
            }
        else:
            fields = {"bytes": bytes(record).hex(), "type": type(record).__name__}
            if isinstance(record, (MBOMsg, TradeMsg)):
                fields |= {
                    "publisher_id": record.publisher_id,
                    "instrument_id": record.instrument_id,
                    "ts_event": record.ts_event,
                    "ts_recv": record.ts_recv,
                    "ts_in_delta": record.ts_in_delta,
                    "sequence": record.sequence,
                    "action": str(record.action),
                    "side": str(record.side),
                    "price": record.price,
                    "size": record.size,
                    "flags": int(record.flags),
                }
            if isinstance(record, MBOMsg):
                fields |= {"order_id": record.order_id, "channel_id": record.channel_id}
            if isinstance(record, InstrumentDefMsg):
                fields |= {"raw_symbol": record.raw_symbol}
        print(json.dumps(fields))

if decoder.buffer():
    sys.exit(f"{len(decoder.buffer())} bytes are left over: the file is cut")
