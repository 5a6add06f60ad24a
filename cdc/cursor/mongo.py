"""Cursors in a collection of any MongoDB, a document for each pipeline; leases expire by the server's clock."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import finalize

import structlog
from pymongo import MongoClient, ReturnDocument
from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern

from cdc.beside import beside
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.owner import Owner
from cdc.cursor.standby import Standby
from cdc.cursor.store import Store
from cdc.errors import CdcError, Fenced

log = structlog.get_logger("cdc")

LEASE_SECONDS = 10
RENEWALS = 4
"""How often a lease is renewed before it would expire."""

STANDBY_SECONDS = 0.5
HINT = "run one instance of a name; --standby waits for its turn"
MAJORITY = WriteConcern("majority", wtimeout=10_000)

Document = dict[str, Any]


class MongoStore(Store):
    """The document `{_id: NAME, cursor: TEXT, owner: {…}, expires: DATE}`, written by a majority.

    `connect` gives the client, and `translated` raises its errors as ours.
    """

    patience = LEASE_SECONDS / 2

    def __init__(  # noqa: PLR0913 - keywords
        self,
        directory: Path,
        name: str,
        source: WatchedSource,
        *,
        collection: str,
        connect: Callable[[], MongoClient[Document]],
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__(directory, name, source)
        self._namespace = collection
        self._connect = connect
        self._translated = translated
        self._owner = Owner.this()
        self._confirmed = 0.0

    def confirm(self) -> None:
        """Asks only where the lease was not renewed of late, as after a sleep: a record has the rest of it."""
        if _awake() - self._confirmed >= LEASE_SECONDS - self.patience and (owner := self._take()) is not None:
            raise self._taken_over(owner, hint=HINT)

    @property
    def where(self) -> str:
        return f"{self.name!r} in MongoDB's {self._namespace}"

    @property
    def options(self) -> str:
        return f"--cursor-store mongo --cursor-collection {self._namespace}"

    @cached_property
    def _collection(self) -> Collection[Document]:
        database, _, name = self._namespace.partition(".")
        client = self._connect()
        finalize(self, client.close)
        return client[database].get_collection(name, write_concern=MAJORITY)

    def text(self) -> bytes | None:
        with self._translated():
            found = self._collection.find_one({"_id": self.name}, {"cursor": 1})
        text = None if found is None else found.get("cursor")
        return None if text is None else str(text).encode()

    def begin(self) -> bytes | None:
        if (owner := self._take()) is not None:
            raise self._taken_over(owner, hint=HINT)
        return self.text()

    def keep(self, text: str | None) -> None:
        kept: Document = {"cursor": "$$REMOVE" if text is None else {"$literal": text}, **self._renewed}
        with self._translated():
            done = self._collection.update_one(self._mine, [{"$set": kept}])
        if not done.matched_count:
            raise self._taken_over(self._holder(), hint=HINT)

    @property
    def holder(self) -> str | None:
        return super().holder or self._holder()

    @contextmanager
    def leased(self, *, standby: Standby | None) -> Iterator[None]:
        if standby is None:
            if (owner := self._take()) is not None:
                raise Fenced(
                    f"pipeline {self.name!r} is already running: {owner}",
                    hint="stop that one first, give this pipeline a --name of its own, or wait with --standby; the "
                    f"lease of one that died ends after {LEASE_SECONDS} s",
                )
        elif not standby.came(self._take, seconds=STANDBY_SECONDS, pipeline=self.name):
            yield
            return
        try:
            with beside(self._renew, name="lease"):
                yield
        finally:
            self._release()

    def names(self) -> list[str]:
        with self._translated():
            return sorted(found["_id"] for found in self._collection.find({"cursor": {"$exists": True}}, {"_id": 1}))

    @property
    def _renewed(self) -> Document:
        return {"expires": {"$add": ["$$NOW", LEASE_SECONDS * 1000]}}

    def _take(self) -> str | None:
        """Have the lease, or renew it; gives who has it where that is another."""
        mine = {"$eq": [{"$ifNull": ["$owner.id", self._owner.id]}, self._owner.id]}
        free = {"$or": [mine, {"$lte": ["$expires", "$$NOW"]}]}
        taken = {
            "owner": {"$cond": [free, {"$literal": self._owner.model_dump()}, "$owner"]},
            "expires": {"$cond": [free, self._renewed["expires"], "$expires"]},
        }
        now = _awake()
        with self._translated():
            found = self._collection.find_one_and_update(
                {"_id": self.name}, [{"$set": taken}], upsert=True, return_document=ReturnDocument.AFTER
            )
        owner = Owner.model_validate((found or {}).get("owner"))
        if owner.id != self._owner.id:
            return str(owner)
        self._confirmed = now
        return None

    def _holder(self) -> str | None:
        """Whose lease it is, in words; None where it is free."""
        with self._translated():
            held = {"_id": self.name, "$expr": {"$gt": ["$expires", "$$NOW"]}}
            found: Mapping[str, Any] | None = self._collection.find_one(held, {"owner": 1})
        return None if found is None else str(Owner.model_validate(found["owner"]))

    @property
    def _mine(self) -> Document:
        return {"_id": self.name, "owner.id": self._owner.id}

    def _renew(self, over: threading.Event) -> None:
        """What cannot be renewed just now is tried again; one that was lost shows when a position is saved."""
        while not over.wait(LEASE_SECONDS / RENEWALS):
            now = _awake()
            try:
                with self._translated():
                    if self._collection.update_one(self._mine, [{"$set": self._renewed}]).matched_count:
                        self._confirmed = now
            except CdcError as error:
                log.warning("the lease could not be renewed", error=str(error), pipeline=self.name)

    def _release(self) -> None:
        with suppress(CdcError), self._translated():  # it expires by itself
            self._collection.update_one(self._mine, {"$unset": {"owner": "", "expires": ""}})


def _awake() -> float:
    """Seconds, those included in which the machine slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
