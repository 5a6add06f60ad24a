"""The bare reader: drains a change stream with PyMongo alone and decodes nothing.

`bare.py URI DATABASE COLLECTION TOKEN COUNT`, the token as JSON, prints {"first", "last", "timed"}:
when the first and the last reply came, in seconds since 1970, and how many events came after the first.
"""

import json
import sys
import time
from struct import Struct
from typing import Any, cast

from pymongo import MongoClient
from pymongo.command_cursor import RawBatchCommandCursor

from cdc.config import MongoSettings
from cdc.source.change_stream import Images

_length = Struct("<i").unpack_from


def drain(client: MongoClient[dict[str, Any]], database: str, collection: str, token: Any, count: int) -> None:  # noqa: ANN401 - JSON
    """With the options and the batch size of `cdc watch`."""
    options = Images("lookup", "off").options(after=True) | {"showExpandedEvents": True, "startAfter": token}
    seen = first = 0
    begun = ended = 0.0
    settings = MongoSettings()
    opened = client[database][collection].aggregate_raw_batches(
        [{"$changeStream": options}], batchSize=settings.batch_size, maxAwaitTimeMS=settings.max_await_time_ms
    )
    with cast("RawBatchCommandCursor[dict[str, Any]]", opened) as stream:  # which PyMongo's annotation is not
        while seen < count:
            raw = stream.try_next()
            if raw is None:
                continue
            ended = time.time()
            seen += _documents(cast("bytes", raw))
            if not first:
                begun, first = ended, seen
    print(json.dumps({"first": begun, "last": ended, "timed": seen - first}))  # noqa: T201 - its answer


def _documents(raw: bytes) -> int:
    pos = count = 0
    while pos < len(raw):
        pos += _length(raw, pos)[0]
        count += 1
    return count


def main() -> None:
    uri, database, collection, token, count = sys.argv[1:]
    with MongoClient[dict[str, Any]](uri) as client:
        drain(client, database, collection, json.loads(token), int(count))


if __name__ == "__main__":
    main()
