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


def news(count: int) -> Iterator[Document]:
    """Documents of the data type `information`, as of a news site: 1.8 kB, two tags, and a file for every other."""
    source = random.Random(7)
    words = sorted({f"{source.getrandbits(16 + number % 24):x}" for number in range(5000)})
    foreign = ["Zürich", "énergie", "利率", "Märkte", "čeština"] * 40
    for number in range(count):
        text = " ".join(source.choices(words + foreign, k=150))
        published = datetime(2026, 1 + number % 12, 1 + number % 28, number % 24, 7, 11, 123_000, tzinfo=UTC)
        yield {
            "_id": ObjectId(number.to_bytes(4, "big") + source.randbytes(8)),
            "kind": "news",
            "title": f"{text[:60]} {number}",
            "summary": text[60:240],
            "content": text[240:],
            "url": f"https://news.example/2026/{number}?lang=en",
            "source": "Example News",
            "authors": ["A. Writer"],
            "language": "en",
            "tags": source.sample(words, number % 5),
            "instruments": [{"symbol": "AAPL", "exchange": "XNAS", "isin": "US0378331005", "name": "Apple"}],
            "sentiment": source.uniform(-1, 1),
            "publish_time": published,
            "crawl_time": published,
            "update_time": published,
            "attachments": [_FILE] * (number % 2),
            "extra": {"feed": {"page": number % 30, "id": f"{source.getrandbits(64):x}"}},
        }


_FILE = {
    "name": "statement.pdf",
    "url": "https://news.example/statement.pdf",
    "media_type": "application/pdf",
    "size": 48_213,
    "sha256": "0123456789abcdef" * 4,
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
