"""The window of the oplog: what a position must stand in to be gone on from."""

from typing import Any, NamedTuple

import pymongo
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from cdc.config import MongoSettings
from cdc.errors import AccessDenied, SourceUnreachable
from cdc.source.cursors import well_formed
from cdc.source.mongo import connect, hosts, translate

READ_SECONDS = 5.0


FIRST, LAST = 1, -1


def entry(client: MongoClient[dict[str, Any]], which: int) -> Timestamp | None:
    """The time of the `FIRST` or `LAST` entry; None where there is no oplog."""
    found = client["local"]["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", which)])
    return found["ts"] if found else None


class Window(NamedTuple):
    """The times of the first and of the last entry."""

    oldest: Timestamp
    newest: Timestamp


class Oplog:
    """Read by a client of its own, made on first use, so that nothing else waits for it."""

    def __init__(self, settings: MongoSettings, *, name: str) -> None:
        self._settings = settings
        self._name = name
        self._client: MongoClient[dict[str, Any]] | None = None

    def window(self) -> Window | None:
        """As it is now; None where there is no oplog, as on a standalone server.

        Raises:
            AccessDenied: the server does not show it to this user, or to nobody, as a sharded cluster's router.
            CdcError: it cannot be read just now.
        """
        if self._client is None:
            self._client = connect(self._settings, app=self._name)
        try:
            with pymongo.timeout(READ_SECONDS), well_formed():
                first, last = entry(self._client, FIRST), entry(self._client, LAST)
                return Window(first, last) if first and last else None
        except PyMongoError as error:
            ours = translate(error, self._settings)
            if isinstance(ours, SourceUnreachable):
                raise ours from error
            raise AccessDenied(
                f"MongoDB at {hosts(self._settings)} does not show its oplog",
                hint='db.getSiblingDB("admin").grantRolesToUser("USER", [{role: "read", db: "local"}])',
            ) from error

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
