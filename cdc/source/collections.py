"""What kinds of collections there are, and which of them can be followed."""

from collections.abc import Mapping, Sequence
from typing import Any

from bson import json_util
from pymongo.errors import ExecutionTimeout

from cdc.errors import ConfigInvalid
from cdc.source.cursors import Database

ANSWER_MS = 2000
"""How long a question that may need the whole collection is worth."""


def plain(database: Database) -> tuple[str, ...]:
    """The plain collections of a database: no views, no time series, no `system.` ones."""
    found = database.client[database.name].list_collections(filter={"type": "collection"})
    return tuple(sorted(info["name"] for info in found if not info["name"].startswith("system.")))


def capped(database: Database, name: str) -> bool:
    return bool(database.collection(name).options().get("capped"))


def require_plain(database: Database, names: Sequence[str]) -> None:
    """Refuse names that change streams cannot follow."""
    for info in database.client[database.name].list_collections(filter={"name": {"$in": list(names)}}):
        name, kind = info["name"], info["type"]
        if kind == "view":
            below = info["options"]["viewOn"]
            raise ConfigInvalid(
                f"--collection: {name!r} is a view, which has no changes of its own", hint=f"--collection {below}"
            )
        if kind == "timeseries":
            raise ConfigInvalid(
                f"--collection: {name!r} is a time-series collection, which has no change streams",
                hint=f'copy it: db.{name}.aggregate([{{$out: "{name}_plain"}}]), then --collection {name}_plain',
            )


def wheres(where: str | None) -> list[dict[str, Any]]:
    """The stage that leaves out what a filter in Extended JSON does not match; none without one."""
    return [] if where is None else [{"$match": json_util.loads(where)}]


def as_inserted(database: str, collection: str, match: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Stages by which a filter on change events sees each document as though it had just been inserted."""
    event = {
        "operationType": "insert",
        "ns": {"db": database, "coll": collection},
        "documentKey": {"_id": "$_id"},
        "fullDocument": "$$ROOT",
    }
    return [
        {"$replaceRoot": {"newRoot": event}},
        {"$match": match},
        {"$replaceRoot": {"newRoot": "$fullDocument"}},
    ]


def require_field(database: Database, name: str, field: str) -> None:
    """Refuse an increment field that a collection does not know; where that takes long to tell, let it pass."""
    collection = database.collection(name)
    try:
        found = collection.find_one({field: {"$exists": True}}, {"_id": 1}, max_time_ms=ANSWER_MS)
    except ExecutionTimeout:
        return
    if found is None and collection.find_one({}, {"_id": 1}) is not None:
        raise ConfigInvalid(
            f"--increment-field: no document of {collection.full_name} has {field!r}",
            hint="name a field that grows with every write, or _id for a load in order of _id",
        )
