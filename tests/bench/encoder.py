"""`python -m tests.bench.encoder`: what a record costs in CPU by either encoder, without servers."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import bson
from bson import Binary, Timestamp

from cdc.encode import ENCODER, Encoder
from cdc.events import Batch, Namespace, Position
from tests.bench.documents import CHUNK, records

TIMES = 5
SECONDS = 0.5  # at least, each time
NS = Namespace("bench", "docs")
TOKEN = "826B04567A000000022B042C0100296E5A1004" + "2F" * 16 + "46645F696400646B04567BF14BE49F4826A13D0004"


def inserts() -> Iterator[bytes]:
    for number, document in enumerate(records(CHUNK)):
        yield bson.encode(
            {
                "_id": {"_data": TOKEN},
                "operationType": "insert",
                "clusterTime": Timestamp(1795446394, number),
                "collectionUUID": Binary(bytes(16), 4),
                "wallTime": datetime(2026, 11, 23, tzinfo=UTC),
                "fullDocument": document,
                "ns": NS._asdict(),
                "documentKey": {"_id": document["_id"]},
            }
        )


def microseconds(encoder: Encoder, batch: Batch) -> float:
    """A record's, in the best of several times."""
    return min(_once(encoder, batch) for _ in range(TIMES))


def _once(encoder: Encoder, batch: Batch) -> float:
    rounds, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < SECONDS:
        encoder.encode(batch)
        rounds += 1
    return spent / rounds / CHUNK * 1e6


def main() -> None:
    batches = {
        "insert": Batch(b"".join(inserts()), Position()),
        "read": Batch(b"".join(map(bson.encode, records(CHUNK))), Position(time=Timestamp(1795446394, 1)), NS),
    }
    for name, batch in batches.items():
        costs = []
        for native in [True, False] if ENCODER == "native" else [False]:
            encoder = Encoder(name="bench", version="0", full_document="lookup", before="off", native=native)
            costs.append(f"{'native' if native else 'pure'} {microseconds(encoder, batch):.1f} µs")
        print(f"{name} of {len(batch.raw) // CHUNK} bytes: {', '.join(costs)}")  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
