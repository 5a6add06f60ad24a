"""Cursors in a compacted topic, a record for each pipeline, kept by a transaction: at best with its records."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from pydantic import ValidationError

from cdc.config import KafkaSettings
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.owner import Owner
from cdc.cursor.standby import Standby
from cdc.cursor.store import Store
from cdc.errors import CdcError, ConfigInvalid, Fenced, SinkUnreachable, StoreUnreachable
from cdc.kafka.cluster import Cluster
from cdc.kafka.errors import ONE_INSTANCE, translate
from cdc.kafka.transactions import Transactions

OWNER = "owner"
"""The header that says who wrote the cursor."""

READ_SECONDS = 75.0
"""Longer than a transaction of another pipeline may stay open, which hides what was written behind it."""

POLL_SECONDS = 0.5
CLAIM_SECONDS = 5.0
COMPACTED = {"cleanup.policy": "compact"}


class KafkaStore(Store):
    """The last record with the pipeline's name as its key; a tombstone is none.

    Each attempt begins by fencing out whoever wrote before; only then what stands there is read. There is no lease:
    the last one to begin has it.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        directory: Path,
        name: str,
        source: WatchedSource,
        *,
        settings: KafkaSettings,
        topic: str,
        create: bool,
        transactions: Transactions,
    ) -> None:
        super().__init__(directory, name, source)
        self._settings = settings
        self._topic = topic
        self._create = create
        self.transactions = transactions
        self._claimed = False

    @property
    def where(self) -> str:
        return f"{self.name!r} in Kafka's topic {self._topic!r}"

    @property
    def options(self) -> str:
        return f"--cursor-store kafka --cursor-topic {self._topic}"

    def begin(self) -> bytes | None:
        """The cursor is written again as ours, so that whoever is fenced out can tell by whom.

        Only a process that begins fences others out; one that tries again ends where it was fenced out meanwhile.
        """
        if self._claimed and (owner := self._owner()) is not None and owner.id != Owner.this().id:
            raise self._taken_over(owner, hint=ONE_INSTANCE)
        self._open()
        text = self.text()
        if text is not None:
            self._write(text)
        return text

    def text(self) -> bytes | None:
        last = self._last()
        return None if last is None else last.value()

    def keep(self, text: str | None) -> None:
        if not self.transactions.opened:
            self._open()
        self._write(None if text is None else text.encode())

    def leased(self, *, standby: Standby | None) -> AbstractContextManager[None]:
        if standby is not None:
            raise ConfigInvalid(
                "--standby: a cursor in Kafka knows no lease, the last one to start has it",
                hint="start the other one when the first has ended, or write --cursor-store mongo",
            )
        return nullcontext()

    def explained(self) -> CdcError:
        """Who took over; where nobody did, a transaction was open for too long, and is to be tried again.

        Whoever fences us out says who it is a moment later.
        """
        deadline = time.monotonic() + CLAIM_SECONDS
        while (owner := self._owner()) is not None and owner.id == Owner.this().id and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if owner is not None and owner.id == Owner.this().id:
            return SinkUnreachable(
                "a transaction was open for longer than Kafka allows, and was undone",
                hint="it is sent again from the saved position",
            )
        return self._taken_over(owner, hint=ONE_INSTANCE)

    def _owner(self) -> Owner | None:
        last = self._last()
        return None if last is None else _owner(last)

    def _write(self, text: bytes | None) -> None:
        owner = Owner.this().model_dump_json().encode()
        try:
            self.transactions.begin()
            self._produce(text, owner)
            self.transactions.commit()
            self._claimed = True
        except Fenced as fenced:
            raise self.explained() from fenced

    def _produce(self, text: bytes | None, owner: bytes) -> None:
        hosts = self._settings.bootstrap_servers
        try:
            self.transactions.producer.produce(self._topic, text, self.name.encode(), headers=[(OWNER, owner)])
        except KafkaException as error:
            raise self.transactions.translate(error.args[0], hosts=hosts, topic=self._topic) from error

    def _open(self) -> None:
        """Find or make the topic, and have a producer that fences out the ones before."""
        cluster = Cluster(self._settings)
        found = cluster.describe(self._topic)
        if found is None:
            self._make(cluster)
        elif "compact" not in found.get("cleanup.policy", "compact"):
            raise ConfigInvalid(
                f"--cursor-topic: {self._topic!r} is not compacted, and would forget cursors in time",
                hint="set its cleanup.policy to compact, or name another topic",
            )
        self.transactions.open()

    def _make(self, cluster: Cluster) -> None:
        if not self._create:
            raise ConfigInvalid(
                f"--cursor-topic: {self._topic!r} does not exist, and --no-create-topics is set",
                hint=f"kafka-topics.sh --bootstrap-server {self._settings.bootstrap_servers} --create "
                f"--topic {self._topic} --partitions 1 --config cleanup.policy=compact",
            )
        cluster.create(self._topic, partitions=1, config=COMPACTED)

    def _last(self) -> Message | None:
        last = None
        for message in self._messages():
            if message.key() == self.name.encode():
                last = message
        return None if last is None or last.value() is None else last

    def names(self) -> list[str]:
        found: dict[str, bool] = {}
        for message in self._messages():
            found[(message.key() or b"").decode()] = message.value() is not None
        return sorted(name for name, kept in found.items() if kept)

    def _messages(self) -> Iterator[Message]:
        """All that is committed up to now; what was written behind an open transaction is waited for.

        Each time the cluster is met anew: a client that knew it before its brokers were away asks in vain
        (FENCED_LEADER_EPOCH) until it looks around again, minutes later.
        """
        end = Cluster(self._settings).end(self._topic)
        if end is None:
            return
        with self._consumer() as consumer:
            deadline = time.monotonic() + READ_SECONDS
            while time.monotonic() < deadline:
                message = consumer.poll(POLL_SECONDS)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public code
                    if (message.offset() or 0) >= end:
                        return
                elif error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:  # we are of no group
                    raise self._translate(error)
        raise StoreUnreachable(
            f"cursor {self.where} cannot be read: a transaction in the topic stays open", hint="it is tried again"
        )

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        config = {
            **self._settings.client_config(self.name),
            "group.id": self.name,
            "enable.auto.commit": "false",
            "enable.partition.eof": "true",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": "10",
        }
        consumer = Consumer(config)
        try:
            consumer.assign([TopicPartition(self._topic, 0, OFFSET_BEGINNING)])
            yield consumer
        finally:
            consumer.close()

    def _translate(self, error: KafkaError) -> CdcError:
        return translate(error, hosts=self._settings.bootstrap_servers, topic=self._topic)


def _owner(message: Message) -> Owner | None:
    headers = dict(message.headers() or [])
    try:
        return Owner.model_validate_json(headers.get(OWNER) or b"")
    except ValidationError:
        return None
