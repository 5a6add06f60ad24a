"""The bare reader of a collection: `find_raw_batches` with PyMongo alone, which decodes nothing.

`bare_find.py URI DATABASE COLLECTION` prints what `bare.py` prints.
"""

import json
import sys
import time
from typing import Any, cast

from pymongo import MongoClient

from cdc.config import MongoSettings
from cdc.source.raw import documents


def main() -> None:
    uri, database, collection = sys.argv[1:]
    times, counts = [], []
    with (
        MongoClient[dict[str, Any]](uri) as client,
        client[database][collection].find_raw_batches(batch_size=MongoSettings().batch_size) as found,
    ):
        for raw in found:
            times.append(time.time())
            counts.append(len(documents(cast("bytes", raw))))  # which PyMongo's annotation is not
    print(json.dumps({"first": times[0], "last": times[-1], "timed": sum(counts[1:])}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
