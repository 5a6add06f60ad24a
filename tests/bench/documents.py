"""What is inserted."""

import base64
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

CHUNK = 1000
MEGABYTE = 1_000_000

Document = dict[str, Any]


def records(count: int) -> Iterator[Document]:
    """Documents of 20 fields and about 530 bytes of BSON; their ids have the bytes of many clients, not of one."""
    source = random.Random(20)
    for number in range(count):
        yield {
            "_id": ObjectId(number.to_bytes(4, "big") + source.randbytes(8)),
            "n": number,
            "name": f"{source.getrandbits(64):016x}",
            "email": f"user{number}@example.com",
            "city": source.choice(("Oslo", "Lima", "Kyoto", "Nairobi", "Québec")),
            "street": f"{source.getrandbits(128):032x}",
            "zip": f"{source.randrange(100_000):05}",
            "country": "NO",
            "lat": source.uniform(-90, 90),
            "lon": source.uniform(-180, 180),
            "active": source.random() < 0.5,
            "score": source.random() * 100,
            "visits": source.randrange(1_000_000),
            "balance": source.randrange(2**40),
            "created": datetime(2026, 1, 1 + number % 28, number % 24, 7, 11, 123_000, tzinfo=UTC),
            "updated": datetime(2026, 2, 1 + number % 28, number % 24, 17, 1, tzinfo=UTC),
            "owner": ObjectId(source.randbytes(12)),
            "tags": ["alpha", "beta", "gamma"],
            "address": {"floor": number % 30, "door": "left", "note": None},
            "comment": f"{source.getrandbits(256):064x}",
        }


def megabytes(count: int) -> Iterator[Document]:
    """Documents of 1 MB of text that hardly compresses."""
    source = random.Random(1)
    for number in range(count):
        yield {"_id": number, "text": base64.b64encode(source.randbytes(MEGABYTE * 3 // 4)).decode()}


def insert(collection: Collection[Document], documents: Iterator[Document], chunk: int = CHUNK) -> None:
    """A chunk at a time, so that the memory of whoever measures stays small."""
    several: list[Document] = []
    for document in documents:
        several.append(document)
        if len(several) == chunk:
            collection.insert_many(several, ordered=False)
            several = []
    if several:
        collection.insert_many(several, ordered=False)
