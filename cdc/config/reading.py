"""What is read and how: options of `cdc watch`, each checked against the others."""

import json
from typing import Annotated, Any, Literal, Self

from bson import json_util
from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

from cdc.config.misfit import MisfitError
from cdc.config.mongo import MongoSettings
from cdc.config.sql import SqlSettings
from cdc.config.values import Collections, FieldPath, Match, Off, Start, Tables, Where

_OF_MONGODB = (
    "collection", "match", "where", "from_", "parallel", "read_preference", "snapshot_round_ms", "full_document",
    "before", "lookup", "tombstones", "ddl_topic", "on_history_lost", "headroom_warn",
)  # fmt: skip


class Reading(BaseModel):
    """MongoDB's changes, or with `source` the tables of a SQL database."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True, title="cdc settings"
    )

    collection: Collections = Field((), description="Collections to watch; by default the whole database.")
    table: Tables = Field((), description="Tables of a SQL source to watch, each with its schema where it has another.")
    snapshot: bool = Field(default=True, description="On a first start, load what exists before following the changes.")
    full_amount: bool = Field(default=False, description="Forget the cursor, load everything, and go on.")
    where: Where = Field(
        None, description="Filter on documents that are read, by a load or by polling: a JSON object. See match."
    )
    increment_field: FieldPath | None = Field(
        None, description="Field that grows with every write: the order of a load, and what polling goes by."
    )
    parallel: int | None = Field(
        None, ge=1, le=64, description="How many parts of a collection a load reads at once; by default the cores."
    )
    max_rate: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Most documents that a load reads in a second."
    )
    read_preference: Literal["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"] = Field(
        "primary", description="Which member of the replica set a load reads from."
    )
    snapshot_round_ms: int = Field(
        500, ge=10, le=60000, description="How long a load reads before the changes catch up, in milliseconds."
    )
    poll_interval: float = Field(
        1,
        gt=0,
        allow_inf_nan=False,
        description="How often a server without change streams, or a SQL database, is asked, in seconds.",
    )
    poll_lag: float = Field(
        10, ge=0, le=86400, description="How far back it is asked again for what was written late, in seconds."
    )
    from_: Start = Field(
        None, alias="from", description="Where a first start begins: now, an ISO 8601 time (UTC), or Unix seconds."
    )
    full_document: Annotated[Literal["lookup", "required", "when-available", "off"], Off] = Field(
        "lookup",
        description="Document after an update: looked up, stored by the server (required, or when-available), or off.",
    )
    before: Annotated[Literal["off", "lookup", "when-available", "required"], Off] = Field(
        "off", description="Document before a change: looked up, stored by the server, or off."
    )
    lookup: Literal["exact", "server"] = Field(
        "exact", description="How documents are looked up: as of the change's own time, or by the server, later."
    )
    match: Match = Field(None, description="Filter on change events, run by the server: a JSON object.")
    mongo: MongoSettings = Field(default_factory=MongoSettings, description="Where the changes come from.")
    source: SqlSettings = Field(
        default_factory=SqlSettings, description="A SQL database whose tables are read in place of MongoDB."
    )

    @property
    def database(self) -> str:
        """The database that is watched."""
        return self.source.address.database if self.source.given else self.mongo.database

    @property
    def names(self) -> tuple[str, ...]:
        """The collections or tables in it that are watched; none stands for all collections."""
        return self.table if self.source.given else self.collection

    @property
    def where_text(self) -> str | None:
        """`where` as Extended JSON that keeps every type."""
        return (
            None if self.where is None else json_util.dumps(self.where, json_options=json_util.CANONICAL_JSON_OPTIONS)
        )

    @field_serializer("match", "where", when_used="json")
    def _extended_json(self, match: dict[str, Any] | None) -> object:
        return json.loads(json_util.dumps(match))

    @model_validator(mode="after")
    def _source_fits(self) -> Self:
        if not self.source.given:
            if self.table:
                raise MisfitError(
                    "names a table of a SQL database", hint="write --source URL, or --collection", settings=("table",)
                )
            return self
        stated = [name.rstrip("_") for name in _OF_MONGODB if name in self.model_fields_set]
        if "database" in self.mongo.model_fields_set:
            stated.append("mongo.database")
        if stated:
            raise MisfitError(
                "the first is for MongoDB alone, not for the tables of a SQL database",
                hint="drop one of them; tables are named by --table and read without a filter",
                settings=(stated[0], "source.url"),
            )
        return self

    @model_validator(mode="after")
    def _loads_fit(self) -> Self:
        if self.full_amount and (self.from_ is not None or not self.snapshot):
            other = "from" if self.from_ is not None else "snapshot"
            raise MisfitError(
                "one loads everything, the other nothing", hint="drop one of them", settings=("full_amount", other)
            )
        if self.increment_field not in {None, "_id"} and self.full_document == "off":
            raise MisfitError(
                "a document whose field goes back while it is loaded would never be sent whole",
                hint="write another --full-document, or --increment-field _id",
                settings=("increment_field", "full_document"),
            )
        return self

    @model_validator(mode="after")
    def _lookups_fit(self) -> Self:
        if self.before == "lookup" and self.lookup == "server":
            raise MisfitError(
                "the server looks up no document before a change",
                hint="write --lookup exact, or --before when-available",
                settings=("before", "lookup"),
            )
        if self.before == "lookup" and self.match is not None:
            raise MisfitError(
                "what the filter leaves out may have changed the document in between",
                hint="write --before when-available, or drop the filter",
                settings=("before", "match"),
            )
        return self
