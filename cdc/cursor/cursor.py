"""The saved position: versioned, and readable by a person."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from bson import json_util
from bson.timestamp import Timestamp
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from cdc.events import Position


class ClusterTime(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    t: int = Field(ge=0, description="seconds since 1970")
    i: int = Field(ge=0, description="increment within the second")


class WatchedSource(BaseModel):
    """What the position belongs to; no `collections` means the whole database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database: str
    collections: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.database}.{'+'.join(self.collections)}" if self.collections else self.database


class Cursor(BaseModel):
    """`phase` is `load` until what existed at the start was read in full; `token` is opaque, as Extended JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    name: str
    source: WatchedSource
    phase: Literal["load", "stream"]
    token: dict[str, JsonValue] | None
    time: ClusterTime | None
    clock: datetime | None
    saved_at: datetime

    @classmethod
    def of(cls, name: str, source: WatchedSource, position: Position) -> "Cursor":
        token: dict[str, Any] | None = None
        if position.token is not None:
            token = json.loads(json_util.dumps(position.token, json_options=json_util.CANONICAL_JSON_OPTIONS))
        return cls(
            name=name,
            source=source,
            phase="load" if position.loading else "stream",
            token=token,
            time=ClusterTime(t=position.time.time, i=position.time.inc) if position.time else None,
            clock=position.clock,
            saved_at=datetime.now(UTC),
        )

    @property
    def position(self) -> Position:
        token = json_util.loads(json.dumps(self.token)) if self.token is not None else None
        return Position(token, Timestamp(self.time.t, self.time.i) if self.time else None, self.phase == "load")
