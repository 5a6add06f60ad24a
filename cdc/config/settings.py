"""Every option of `cdc watch`, and what each is when nobody says anything."""

import json
import re
from hashlib import blake2s
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from bson import json_util
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_serializer, model_validator

from cdc.config.kafka import KafkaSettings
from cdc.config.misfit import MisfitError, quoted
from cdc.config.mongo import MongoSettings, MongoUri, is_database_name
from cdc.config.values import (
    Collections,
    FieldPath,
    Match,
    Off,
    Start,
    TopicName,
    TopicTemplate,
    Where,
    is_topic_name,
)
from cdc.errors import ConfigInvalid

_NAME_LENGTH = 200
_DIGEST_BYTES = 4
_MIB = 1024 * 1024


def _name(name: str) -> str:
    if not re.fullmatch(rf"[A-Za-z0-9._-]{{1,{_NAME_LENGTH}}}", name):
        raise MisfitError(
            f"{quoted(name)} is not a pipeline name",
            hint=f"write 1 to {_NAME_LENGTH} letters, digits, '.', '_' and '-'",
        )
    return name


def _collection(name: str) -> str:
    database, _, collection = name.partition(".")
    if not is_database_name(database) or not collection or "$" in collection or "\0" in collection:
        raise MisfitError(
            f"{quoted(name)} is not a collection with its database", hint="write DATABASE.COLLECTION, as cdc.cursors"
        )
    return name


def _legal(text: str) -> str:
    """A legal pipeline name; where characters had to give way, a digest keeps it apart from its likes."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", re.sub(r"[{}]", "", text))
    if name == text and len(name) <= _NAME_LENGTH:
        return name
    digest = blake2s(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{name[: _NAME_LENGTH - len(digest) - 1]}-{digest}"


class Settings(BaseModel):
    """What is in force. Built here from what it is given alone; `load` asks flags, environment and file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True, title="cdc settings"
    )

    collection: Collections = Field((), description="Collections to watch; by default the whole database.")
    topic: TopicTemplate | None = Field(
        None, description="Topic to write to: a name, or a template with {db} and {coll}."
    )
    data_type: str | None = Field(
        None, description="Data type that every document must fit; gives a collection and a topic where none is named."
    )
    name: Annotated[str, AfterValidator(_name)] | None = Field(
        None, description="Name of the pipeline: of its cursor, its Kafka client and its metrics."
    )
    cursor_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default_factory=lambda: platformdirs.user_state_path("cdc") / "cursors",
        description="Folder of the saved cursors; by default in the user's state folder.",
    )
    cursor_store: Literal["file", "mongo", "kafka"] | None = Field(
        None, description="Where cursors are kept; by default in files, and with exactly-once in Kafka."
    )
    cursor_collection: Annotated[str, AfterValidator(_collection)] = Field(
        "cdc.cursors", description="Collection of a cursor store in MongoDB, with its database."
    )
    cursor_uri: MongoUri | None = Field(
        None, description="Connection string of the MongoDB with that collection; by default the one that is watched."
    )
    cursor_topic: TopicName = Field("cdc-cursors", description="Compacted topic of a cursor store in Kafka.")
    standby: bool = Field(default=False, description="Where another instance runs, wait for its end and take over.")
    guarantee: Literal["at-least-once", "exactly-once"] = Field(
        "at-least-once",
        description="Whether a crash may send again what was sent since the last saved position, or never does.",
    )
    commit_interval_ms: int = Field(
        200, ge=10, le=30000, description="How long a transaction of exactly-once takes at most, in milliseconds."
    )
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
        1, gt=0, allow_inf_nan=False, description="How often a server without change streams is asked, in seconds."
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
    json_: Literal["relaxed", "canonical", "plain"] = Field(
        "relaxed", alias="json", description="Dialect of JSON that documents are written in."
    )
    match: Match = Field(None, description="Filter on change events, run by the server: a JSON object.")
    tombstones: bool | None = Field(
        None, description="Follow a delete by a tombstone; by default on compacted topics only."
    )
    once: bool = Field(default=False, description="Stop when caught up.")
    dry_run: bool = Field(default=False, description="Print the records; write to no topic and save no cursor.")
    create_topics: bool = Field(default=True, description="Create topics that are missing.")
    dead_letter_topic: TopicName | None = Field(None, description="Topic for events that cannot become a record.")
    ddl_topic: TopicName | None = Field(None, description="Topic for what happens to collections: drop, rename, ….")
    on_history_lost: Literal["fail", "resnapshot", "skip-to-now"] = Field(
        "fail",
        description="When the server no longer has the saved position: stop, load everything again, or go on from now.",
    )
    startup_timeout: float = Field(
        30, gt=0, allow_inf_nan=False, description="How long MongoDB and Kafka are tried at the start, in seconds."
    )
    shutdown_timeout: float = Field(
        7, gt=0, le=86400, description="How long a stop waits for Kafka to acknowledge what was sent, in seconds."
    )
    stall_timeout: float = Field(
        120, ge=1, le=86400, description="How long the loop may stand still before the process ends, in seconds."
    )
    headroom_warn: float = Field(
        3600, ge=0, allow_inf_nan=False, description="Warn when the oplog overtakes the position in less, in seconds."
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port of /metrics, /healthz and /readyz; 0: any free one; by default none."
    )
    metrics_host: str = Field("127.0.0.1", min_length=1, description="Address they listen on.")
    log_format: Literal["console", "json"] | None = Field(
        None, description="Form of the log; by default console on a terminal and json elsewhere."
    )
    debug: bool = Field(default=False, description="Log what is of use to a developer.")
    prefetch_bytes: int = Field(4 * _MIB, ge=1, description="Most bytes read ahead of Kafka.")
    checkpoint_interval: float = Field(
        1, gt=0, allow_inf_nan=False, description="How often the cursor is saved, in seconds."
    )
    mongo: MongoSettings = Field(default_factory=MongoSettings, description="Where the changes come from.")
    kafka: KafkaSettings = Field(default_factory=KafkaSettings, description="Where the records go.")

    @field_serializer("match", "where", when_used="json")
    def _extended_json(self, match: dict[str, Any] | None) -> object:
        return json.loads(json_util.dumps(match))

    @model_validator(mode="after")
    def _topics_apart(self) -> Self:
        for other in ("dead_letter_topic", "ddl_topic"):
            if self.topic and self.topic == getattr(self, other):
                raise MisfitError(
                    "name the same topic, which must hold the collection's records alone",
                    hint="write another topic",
                    settings=("topic", other),
                )
        if self.ddl_topic and self.ddl_topic == self.dead_letter_topic:
            raise MisfitError(
                "name the same topic", hint="write another topic", settings=("dead_letter_topic", "ddl_topic")
            )
        return self

    @model_validator(mode="after")
    def _guarantee_fits(self) -> Self:
        if self.guarantee == "at-least-once":
            return self
        if self.cursor_store not in {None, "kafka"}:
            raise MisfitError(
                "the position is saved in one transaction with the records, which only Kafka can do",
                hint="write --cursor-store kafka",
                settings=("guarantee", "cursor_store"),
            )
        if not self.kafka.idempotence or self.kafka.acks != "all":
            raise MisfitError(
                "a transaction needs all acknowledgements and an idempotent producer",
                hint="drop kafka.acks and kafka.idempotence",
                settings=("guarantee", "kafka.acks", "kafka.idempotence"),
            )
        return self

    @property
    def exactly_once(self) -> bool:
        return self.guarantee == "exactly-once"

    @property
    def store(self) -> Literal["file", "mongo", "kafka"]:
        """Where cursors are kept."""
        return self.cursor_store or ("kafka" if self.exactly_once else "file")

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

    @property
    def where_text(self) -> str | None:
        """`where` as Extended JSON that keeps every type."""
        return (
            None if self.where is None else json_util.dumps(self.where, json_options=json_util.CANONICAL_JSON_OPTIONS)
        )

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

    @property
    def pipeline_name(self) -> str:
        """`name`, or one made from source and topic: the same for the same watch."""
        if self.name:
            return self.name
        collections = "+".join(sorted(self.collection))
        source = f"{self.mongo.database}.{collections}" if collections else self.mongo.database
        return _legal(f"{source}-{self.topic}" if self.topic else source)

    @property
    def shares_topic(self) -> bool:
        """Whether several collections write to one topic, so that a document's `_id` alone is no key."""
        return self.topic is not None and "{coll}" not in self.topic and len(self.collection) != 1

    def require_topic(self) -> None:
        """Raises: ConfigInvalid: neither a topic nor a dry run was asked for."""
        if self.topic is None and not self.dry_run:
            raise ConfigInvalid(
                "--topic is missing", hint="write --topic NAME, or --dry-run to see the records without Kafka"
            )

    def topic_for(self, db: str, coll: str) -> str:
        """The topic of a collection's records; `db.coll` where a dry run has none.

        Raises:
            ConfigInvalid: the collection's name has characters that a topic's cannot have, or gives the topic of
                dead letters or of collection events.
        """
        topic = (self.topic or "{db}.{coll}").format(db=db, coll=coll)
        if not is_topic_name(topic):
            raise ConfigInvalid(
                f"--topic {self.topic} gives no legal topic name for the collection {db}.{coll}",
                hint="name the collections to watch with --collection, and this one's topic in a run of its own",
            )
        others = {self.dead_letter_topic: "--dead-letter-topic", self.ddl_topic: "--ddl-topic"}
        if topic in others:
            raise ConfigInvalid(
                f"--topic {self.topic} gives the collection {db}.{coll} the topic {topic!r}, "
                f"which is {others[topic]}'s",
                hint=f"name another {others[topic]}, or the collections to watch with --collection",
            )
        return topic
