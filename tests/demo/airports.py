"""The documents of the demo, the world's airports, and changes to them that are never without effect."""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import airportsdata
from bson import ObjectId
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

Document: TypeAlias = dict[str, Any]
Write: TypeAlias = InsertOne[Document] | UpdateOne | ReplaceOne[Document] | DeleteOne

SHARES = {"insert": 25, "update": 50, "replace": 15, "delete": 10}
"""Of a hundred changes."""


def documents(count: int | None) -> list[Document]:
    """The first `count` airports by ICAO code, or all."""
    batch, now = ObjectId(), datetime.now(UTC)
    return [_document(airport, batch, now) for airport in list(airportsdata.load().values())[:count]]


class Changes:
    """Random, the same for the same seed; counted by kind as they are made."""

    def __init__(self, airports: list[Document], seed: int = 7) -> None:
        self.made: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._alive = [airport["_id"] for airport in airports]

    def airfield(self) -> Document:
        """A new one. It has no ICAO code yet, so that MongoDB's own kind of `_id` is among the others."""
        self.made["insert"] += 1
        number = self.made.total()
        airfield = {
            "_id": ObjectId(),
            "name": f"Airfield {number}",
            "location": {"type": "Point", "coordinates": [number * 0.37 % 360 - 180, number * 0.11 % 120 - 60]},
            "opened": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number),
            "revision": number,
        }
        self._alive.append(airfield["_id"])
        return airfield

    def make(self, count: int) -> list[Write]:
        """To be written in this order."""
        return [self._make(kind) for kind in self._random.choices(list(SHARES), list(SHARES.values()), k=count)]

    def _make(self, kind: str) -> Write:
        if kind == "insert":
            return InsertOne(self.airfield())
        self.made[kind] += 1
        number = self.made.total()
        place = self._random.randrange(len(self._alive))
        which = {"_id": self._alive[place]}
        if kind == "delete":
            self._alive[place] = self._alive[-1]
            self._alive.pop()
            return DeleteOne(which)
        if kind == "replace":
            return ReplaceOne(which, {"name": f"Renamed {number}", "surveyed": datetime.now(UTC), "revision": number})
        return UpdateOne(which, {"$set": {"checked": datetime.now(UTC), "revision": number}})


def _document(airport: Mapping[str, Any], batch: ObjectId, now: datetime) -> Document:
    return {
        "_id": airport["icao"],
        "name": airport["name"],
        "city": airport["city"],
        "region": airport["subd"],
        "country": airport["country"],
        "location": {"type": "Point", "coordinates": [airport["lon"], airport["lat"]]},
        "elevation_ft": airport["elevation"],
        "codes": {"iata": airport["iata"] or None, "lid": airport["lid"] or None},
        "tz": airport["tz"],
        "imported": {"batch": batch, "at": now},
        "revision": 0,
    }
