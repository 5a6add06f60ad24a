"""Documents of the data type `information` in all their variety."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo.collection import Collection

Document = dict[str, Any]

CHUNK = 2000
VARIETY = 997
"""So many documents differ in more than their numbers."""

_TEXTS = (
    "Central bank holds its rate",
    "Zürich, Łódź, Ærø and Đà Nẵng",
    "利率不变",
    "شركة النفط",
    "Rocket 🚀 and flag 🇨🇭",
    "Quotes \"'` and \\ backslash\\n",
    "tab\tnew line\nreturn\r",
    "trailing blank ",
    "e\u0301 decomposed, é composed",
    "\x01 control \x7f",
    "100 % _ wildcards",
    "NULL",
)
_TAGS = ("rates", "Rates", "rates ", "équité", "equite", "原油", "🚀", "a,b", "x" * 60)
_LANGUAGES = ("en", "zh-Hans", "pt-BR", "ar", None)
_EXTRA: tuple[Document, ...] = (
    {},
    {"feed": {"page": 3}},
    {"double": 1.5, "whole": 2.0, "nan": float("nan"), "inf": float("inf"), "small": 5e-324},
    {"int": 7, "long": Int64(2**62), "decimal": Decimal128("12.50"), "no number": Decimal128("NaN")},
    {"binary": b"\0\1\xff", "uuid": Binary.from_uuid(uuid.UUID(int=7)), "user": Binary(b"x", 128)},
    {"id": ObjectId("665f1f77bcf86cd799439011"), "at": datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)},
    {"regex": Regex("^a", "i"), "ts": Timestamp(7, 3), "min": MinKey(), "max": MaxKey(), "null": None},
    {"deep": {"a": [{"b": [[1, "2", None], []]}]}, "": "empty name", "dots.and$": True, "ключ": "🚀"},
)


def items(count: int, seed: int = 1) -> Iterator[Document]:
    """So many, every one of which fits; the same for the same seed."""
    chance = random.Random(seed)
    kinds = [_kind(chance, number) for number in range(min(count, VARIETY))]
    for number in range(count):
        yield {**kinds[number % VARIETY], "_id": identity(number), "title": f"{chance.choice(_TEXTS)} {number}"}


def identity(number: int) -> ObjectId | str:
    """Of both kinds, and texts that are easily taken for one another."""
    if number % 4:
        return ObjectId(f"{number:024x}")
    text = f"news/{number // 20}"
    return (text, text.upper(), f" {text}", f"{text}é", f"{number:023x}")[number // 4 % 5]


def insert(collection: Collection[Document], documents: Iterator[Document]) -> None:
    several: list[Document] = []
    for document in documents:
        several.append(document)
        if len(several) == CHUNK:
            collection.insert_many(several, ordered=False)
            several = []
    if several:
        collection.insert_many(several, ordered=False)


def _kind(chance: random.Random, number: int) -> Document:
    """A document with some of the fields, and in them some of all that they take."""
    published = _moment(chance)
    crawled = published + timedelta(milliseconds=chance.randrange(10**8))
    optional = {
        "kind": chance.choice(("news", "research", None)),
        "summary": chance.choice((*_TEXTS, "", None)),
        "content": chance.choice(_TEXTS) * chance.choice((1, 1, 1, 20, 200)),
        "url": chance.choice((f"https://news.example/{number}?q=%C3%A9", None)),
        "authors": chance.sample(_TEXTS[:4], chance.randrange(4)),
        "language": chance.choice(_LANGUAGES),
        "tags": chance.sample(_TAGS, chance.randrange(len(_TAGS))),
        "instruments": [_INSTRUMENT, {"symbol": "日経"}, {"symbol": "X", "name": None}][: chance.randrange(4)],
        "sentiment": chance.choice((0.25, -1.0, 1, 0, 1 / 3, None)),
        "crawl_time": chance.choice((crawled, None)),
        "attachments": [_attachment(chance, place) for place in range(chance.choice((0, 0, 1, 2, 3)))],
        "extra": chance.choice(_EXTRA),
    }
    kept = {name: value for name, value in optional.items() if chance.random() < 0.8}
    return {"source": chance.choice(_TEXTS), **kept, "publish_time": published, "update_time": crawled}


_INSTRUMENT = {"symbol": "AAPL", "exchange": "XNAS", "isin": "US0378331005", "name": "Apple"}


def _attachment(chance: random.Random, place: int) -> Document:
    whole = {
        "name": f"{chance.choice(_TEXTS)}.pdf",
        "url": f"https://news.example/files/{place}",
        "media_type": chance.choice(("application/pdf", "image/svg+xml", None)),
        "size": chance.choice((0, 48_213, Int64(2**40), None)),
        "sha256": chance.choice(("0123456789abcdef" * 4, None)),
    }
    return {name: value for name, value in whole.items() if name in {"name", "url"} or chance.random() < 0.8}


def _moment(chance: random.Random) -> datetime:
    """Whole milliseconds, as MongoDB keeps them, within what every database takes for a date."""
    first = chance.choice((datetime(1001, 1, 1, tzinfo=UTC), *[datetime(2026, 1, 1, tzinfo=UTC)] * 8))
    return first + timedelta(milliseconds=chance.randrange(10**10))
