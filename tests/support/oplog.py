"""An oplog that has gone on."""

from typing import Any

from bson.timestamp import Timestamp
from pymongo import MongoClient

from tests.support.waiting import until

SMALL = {"replication.oplogSizeMB": 1, "storage.syncPeriodSecs": 1}
"""Settings of a server that soon forgets."""


def roll(client: MongoClient[dict[str, Any]], position: Timestamp) -> None:
    """Have the server forget the position."""

    def rolled() -> bool:
        client["other"].noise.insert_many([{"text": "x" * 50_000} for _ in range(20)])
        oldest = client["local"]["oplog.rs"].find_one(sort=[("$natural", 1)])
        return oldest is not None and oldest["ts"] > position

    until(rolled, what="an oplog that has forgotten the position")
