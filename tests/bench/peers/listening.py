"""The bare reader of a change stream, as the limit of latency: decodes nothing until all have come.

`python -m tests.bench.peers.listening URI DATABASE COLLECTION COUNT` prints a line when the stream is open, and after
so many inserts {_id: when}, by the monotonic clock.
"""

import json
import sys
import time
from typing import Any, cast

import bson
from pymongo import MongoClient

from cdc.config import MongoSettings
from cdc.source.change_stream import Images
from cdc.source.raw import documents as starts
from cdc.source.raw import split


def listen(client: MongoClient[dict[str, Any]], database: str, collection: str, count: int) -> dict[str, float]:
    """With the options of `cdc watch`."""
    settings = MongoSettings()
    options = Images("lookup", "off").options(after=True) | {"showExpandedEvents": True}
    replies: list[tuple[float, bytes]] = []
    found = 0
    with client[database][collection].aggregate_raw_batches(
        [{"$changeStream": options}], batchSize=settings.batch_size, maxAwaitTimeMS=settings.max_await_time_ms
    ) as stream:
        print("open", flush=True)  # noqa: T201 - whoever started it waits for it
        while found < count:
            raw = cast("Any", stream).try_next()
            if raw:
                replies.append((time.monotonic(), raw))
                found += len(starts(raw))
    return {str(bson.decode(event)["documentKey"]["_id"]): when for when, raw in replies for event in split(raw)}


def main() -> None:
    uri, database, collection, count = sys.argv[1:]
    with MongoClient[dict[str, Any]](uri) as client:
        print(json.dumps(listen(client, database, collection, int(count))))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
