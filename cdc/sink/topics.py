"""Which topic a record goes to; topics that are missing are made."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from cdc.config import KafkaSettings
from cdc.errors import ConfigInvalid, SinkUnreachable
from cdc.events import DOCUMENT_OPERATIONS, Namespace, Operation
from cdc.metrics import timed
from cdc.sink.kafka_errors import translate

log = structlog.get_logger("cdc")

REQUEST_SECONDS = 10.0
ERRORS_ONLY = 3
"""librdkafka's `log_level`, as in syslog: what an admin client logs when it is closed is no news."""
RECORD_OVERHEAD = 512
"""Bytes that a record batch may need beside one record's key and value; a generous bound."""
SETTLE_SECONDS = 15.0
"""How long a topic that was just made may take to show up at the broker that is asked."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that exists. `room` is what a record's key and value may take whatever the compression, in bytes."""

    name: str
    tombstones: bool
    room: int


@dataclass
class Topics:
    """`topic_for` names the topic of a collection; `ddl` is where collection events go, nowhere without it.

    The topics `ahead`, known before the first record, are found or made by `open`. `tombstones` None leaves them to
    compacted topics.
    """

    settings: KafkaSettings
    topic_for: Callable[[str, str], str]
    ahead: Sequence[str]
    ddl: str | None
    dead_letter: str | None
    tombstones: bool | None
    create: bool
    _known: dict[str, Topic] = field(default_factory=dict)
    _routes: dict[tuple[Namespace, bool], Topic | None] = field(default_factory=dict)

    def route(self, namespace: Namespace, operation: Operation) -> Topic | None:
        """The record's topic, made on first use; None for a collection event that nobody asked for."""
        of_document = operation in DOCUMENT_OPERATIONS
        try:
            return self._routes[namespace, of_document]
        except KeyError:
            name = self.topic_for(*namespace) if of_document else self.ddl
            topic = self._routes[namespace, of_document] = self._ensure(name) if name else None
            return topic

    @property
    def hosts(self) -> str:
        return self.settings.bootstrap_servers

    def open(self) -> None:
        for name in (*self.ahead, self.ddl, self.dead_letter):
            if name is not None:
                self._ensure(name)

    @timed("topics.ensure")
    def _ensure(self, name: str) -> Topic:
        """Find the topic, or make it; raises `ConfigInvalid` where it is missing and must not be made."""
        if name in self._known:
            return self._known[name]
        admin = AdminClient({**self.settings.client_config("cdc-admin"), "log_level": ERRORS_ONLY})
        topic = self._describe(admin, name)
        if topic is None:
            self._create(admin, name)
            deadline = time.monotonic() + SETTLE_SECONDS
            while (topic := self._describe(admin, name)) is None:
                if time.monotonic() > deadline:
                    raise SinkUnreachable(f"topic {name!r} was made but does not show up", hint="it is tried again")
                time.sleep(0.05)
        self._known[name] = topic
        return topic

    def _describe(self, admin: AdminClient, name: str) -> Topic | None:
        resource = ConfigResource(ResourceType.TOPIC, name)
        try:
            found = admin.describe_configs([resource], request_timeout=REQUEST_SECONDS)[resource].result()
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                log.warning("may not read the topic's configuration; taken as not compacted", topic=name)
                return Topic(name, tombstones=bool(self.tombstones), room=0)
            raise translate(error.args[0], hosts=self.hosts, topic=name) from error
        compacted = "compact" in str(found["cleanup.policy"].value)
        return Topic(
            name,
            tombstones=compacted if self.tombstones is None else self.tombstones,
            room=int(found["max.message.bytes"].value or 0) - RECORD_OVERHEAD,
        )

    def _create(self, admin: AdminClient, name: str) -> None:
        if not self.create:
            raise ConfigInvalid(
                f"--topic: {name!r} does not exist, and --no-create-topics is set",
                hint=f"kafka-topics.sh --bootstrap-server {self.hosts} --create --topic {name}",
            )
        settings = self.settings
        wanted = NewTopic(name, settings.partitions, settings.replication_factor, config=dict(settings.topic_config))
        try:
            admin.create_topics([wanted], request_timeout=REQUEST_SECONDS)[name].result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise translate(error.args[0], hosts=self.hosts, topic=name) from error
        else:
            log.info("topic made", topic=name, partitions=settings.partitions, replication=settings.replication_factor)
