"""The saved position: versioned, and readable by a person."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from bson import json_util
from bson.timestamp import Timestamp
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from cdc.events import Load, Position


class ClusterTime(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    t: int = Field(ge=0, description="seconds since 1970")
    i: int = Field(ge=0, description="increment within the second")


class WatchedSource(BaseModel):
    """What the position belongs to: collections, none for the whole database, or the tables of a SQL `server`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: Literal["mongodb", "mysql", "postgresql"] = "mongodb"
    database: str
    collections: tuple[str, ...] = ()

    def __str__(self) -> str:
        within = f"{self.database}.{'+'.join(self.collections)}" if self.collections else self.database
        return within if self.server == "mongodb" else f"{self.server} {within}"


class Cursor(BaseModel):
    """`phase` is `load` while what exists is read; `token` is opaque, as Extended JSON.

    `load` is the last load, under way or ended, and `marks` those of a server that is polled; BSON in them is Base64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    version: Literal[1] = 1
    name: str
    source: WatchedSource
    phase: Literal["load", "stream", "poll"]
    token: dict[str, JsonValue] | None
    time: ClusterTime | None
    clock: datetime | None
    load: Load | None = None
    marks: bytes | None = None
    saved_at: datetime

    @classmethod
    def of(cls, name: str, source: WatchedSource, position: Position) -> "Cursor":
        token: dict[str, Any] | None = None
        if position.token is not None:
            token = json.loads(json_util.dumps(position.token, json_options=json_util.CANONICAL_JSON_OPTIONS))
        return cls(
            name=name,
            source=source,
            phase=_phase(position),
            token=token,
            time=ClusterTime(t=position.time.time, i=position.time.inc) if position.time else None,
            clock=position.clock,
            load=position.load,
            marks=position.marks,
            saved_at=datetime.now(UTC),
        )

    @property
    def written(self) -> str:
        """As it is kept."""
        return self.model_dump_json(indent=2) + "\n"

    @property
    def position(self) -> Position:
        """A cursor of before loads could be gone on with has a `phase` alone."""
        token = json_util.loads(json.dumps(self.token)) if self.token is not None else None
        load = Load() if self.phase == "load" and self.load is None else self.load
        return Position(token, Timestamp(self.time.t, self.time.i) if self.time else None, load, self.marks)


def _phase(position: Position) -> Literal["load", "stream", "poll"]:
    if position.loading:
        return "load"
    return "stream" if position.marks is None else "poll"
