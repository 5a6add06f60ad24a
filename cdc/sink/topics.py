"""Which topic a record goes to; topics that are missing are made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cdc.config import KafkaSettings
from cdc.errors import ConfigInvalid
from cdc.events import DOCUMENT_OPERATIONS, Namespace, Operation
from cdc.kafka.cluster import Cluster
from cdc.metrics import timed

RECORD_OVERHEAD = 512
"""Bytes that a record batch may need beside one record's key and value; a generous bound."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that exists.

    `room` is what a record's key and value may take whatever the compression, in bytes; 0 where we may not know.
    """

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
    batch_size: int = field(init=False)
    _cluster: Cluster = field(init=False)
    _known: dict[str, Topic] = field(default_factory=dict)
    _routes: dict[tuple[Namespace, bool], Topic | None] = field(default_factory=dict)

    def open(self) -> None:
        """Reach the cluster, and find or make the topics that are known.

        `batch_size` is then the setting, or what the smallest of them takes: a broker refuses a batch as a whole, the
        records that would fit with the one that does not.
        """
        self._cluster = Cluster(self.settings)
        self._cluster.reach()
        known = [self._ensure(name) for name in (*self.ahead, self.ddl, self.dead_letter) if name is not None]
        self.batch_size = min(self.settings.batch_size, *(topic.room for topic in known if topic.room > 0), 2**31 - 1)

    @property
    def one(self) -> str | None:
        """The name of any of them, None where none is known yet."""
        return next(iter(self._known), None)

    def route(self, namespace: Namespace, operation: Operation) -> Topic | None:
        """The record's topic, made on first use; None for a collection event that nobody asked for."""
        of_document = operation in DOCUMENT_OPERATIONS
        try:
            return self._routes[namespace, of_document]
        except KeyError:
            name = self.topic_for(*namespace) if of_document else self.ddl
            topic = self._routes[namespace, of_document] = self._late(name) if name else None
            return topic

    def _late(self, name: str) -> Topic:
        topic = self._ensure(name)
        if 0 < topic.room < self.batch_size:
            raise ConfigInvalid(
                f"kafka.batch_size: topic {name!r} takes {topic.room} bytes at once, fewer than a batch may have",
                hint=f"write kafka.batch_size {topic.room}, or raise the topic's max.message.bytes",
            )
        return topic

    @timed("topics.ensure")
    def _ensure(self, name: str) -> Topic:
        """Find the topic, or make it; raises `ConfigInvalid` where it is missing and must not be made."""
        if name not in self._known:
            found = self._cluster.describe(name)
            if found is None:
                found = self._make(name)
            self._known[name] = self._topic(name, found)
        return self._known[name]

    def _make(self, name: str) -> Mapping[str, str]:
        if not self.create:
            raise ConfigInvalid(
                f"--topic: {name!r} does not exist, and --no-create-topics is set",
                hint=f"kafka-topics.sh --bootstrap-server {self.settings.bootstrap_servers} --create --topic {name}",
            )
        return self._cluster.create(name)

    def _topic(self, name: str, config: Mapping[str, str]) -> Topic:
        compacted = "compact" in config.get("cleanup.policy", "")
        return Topic(
            name,
            tombstones=compacted if self.tombstones is None else self.tombstones,
            room=max(0, int(config.get("max.message.bytes", 0)) - RECORD_OVERHEAD),
        )
