"""Every option of `cdc watch`, and what each is when nobody says anything."""

import re
from hashlib import blake2s
from pathlib import Path
from typing import Annotated, Literal, Self

import platformdirs
from pydantic import AfterValidator, Field, model_validator

from cdc.config.kafka import KafkaSettings
from cdc.config.misfit import MisfitError, quoted
from cdc.config.mongo import MongoUri, is_database_name
from cdc.config.sql import refuse_idle
from cdc.config.target import Target
from cdc.config.values import TopicName, TopicTemplate, is_topic_name
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


class Settings(Target):
    """What is in force. Built here from what it is given alone; `load` asks flags, environment and file."""

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
    json_: Literal["relaxed", "canonical", "plain"] = Field(
        "relaxed", alias="json", description="Dialect of JSON that documents are written in."
    )
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
    kafka: KafkaSettings = Field(default_factory=KafkaSettings, description="Where the records go.")

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
    def store(self) -> Literal["file", "mongo", "kafka", "sql"]:
        """Where cursors are kept."""
        if self.sink.given:
            return "sql"
        return self.cursor_store or ("kafka" if self.exactly_once else "file")

    @property
    def named(self) -> bool:
        """Whether one pipeline is named, by its name or by its target."""
        return bool(self.name or self.topic or (self.sink.given and self.data_type))

    @property
    def pipeline_name(self) -> str:
        """`name`, or one made from source and target: the same for the same watch."""
        if self.name:
            return self.name
        names = "+".join(sorted(self.names))
        source = f"{self.database}.{names}" if names else self.database
        if self.source.given:
            source = f"{self.source.address.dialect}.{source}"
        target = self.topic
        if self.sink.given:
            address = self.sink.address
            target = f"{address.dialect}.{address.database}.{self.data_type}"
        return _legal(f"{source}-{target}" if target else source)

    @property
    def shares_topic(self) -> bool:
        """Whether several collections write to one topic, so that a document's `_id` alone is no key."""
        return self.topic is not None and "{coll}" not in self.topic and len(self.names) != 1

    def require_target(self) -> None:
        """Raises: ConfigInvalid: neither a topic nor a dry run was asked for, nor a table that takes one collection."""
        if self.sink.given:
            if self.data_type is None:
                raise ConfigInvalid(
                    "--sink needs --data-type, which says how documents lie in tables", hint="see `cdc types`"
                )
            if len(self.names) != 1:
                raise ConfigInvalid("--sink takes one collection", hint="write --collection NAME")
            refuse_idle("--commit-interval-ms", self.commit_interval_ms, second=1000)
        elif self.topic is None and not self.dry_run:
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
