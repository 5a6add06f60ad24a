"""What a consumer finds in a topic, and whether it is the collection."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from bson import json_util
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.waiting import until

NOT_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART
)  # fmt: skip
RELAXED = json_util.RELAXED_JSON_OPTIONS


@dataclass(frozen=True, slots=True)
class Consumed:
    partition: int
    offset: int
    key: bytes
    raw: bytes | None
    ms: int

    @property
    def value(self) -> dict[str, Any]:
        assert self.raw is not None, "a tombstone has no value"
        value: dict[str, Any] = orjson.loads(self.raw)
        return value

    @property
    def ts(self) -> tuple[int, int]:
        ts = self.value["ts"]
        return ts["t"], ts["i"]


def partitions(kafka: str, topic: str) -> list[TopicPartition]:
    """The topic's partitions, none where there is no such topic."""
    quiet = AdminClient({"bootstrap.servers": kafka, "log_level": 2})  # servers that end are no news
    found = quiet.list_topics(timeout=30).topics.get(topic)
    return [TopicPartition(topic, number) for number in (found.partitions if found else ())]


def ends(kafka: str, topic: str, *, isolation: str = "read_committed") -> int:
    """How many records the topic has, in all partitions; the ends of transactions count as such."""
    with _consumer(kafka, **{"isolation.level": isolation}) as consumer:
        return sum(_end(consumer, part) for part in partitions(kafka, topic))


def read(kafka: str, topic: str) -> list[Consumed]:
    """Every record from the beginning to what is the end now, in order within each partition."""
    with _consumer(kafka) as consumer:
        parts = partitions(kafka, topic)
        last = {part.partition: _end(consumer, part) for part in parts}
        consumer.assign([TopicPartition(topic, number, 0) for number, end in last.items() if end])
        records: list[Consumed] = []
        missing = sum(last.values())
        while missing:
            batch = consumer.consume(min(missing, 10_000), timeout=30)
            assert batch, f"{missing} records of {topic} did not come"
            for message in batch:
                error = message.error()
                assert error is None, error
                records.append(_consumed(message))
            missing -= len(batch)
    return records


def committed(kafka: str, topic: str) -> list[Consumed]:
    """Every record that a consumer with `isolation.level` read_committed is given, up to the first open transaction."""
    records: list[Consumed] = []
    with _consumer(kafka, **{"isolation.level": "read_committed", "enable.partition.eof": "true"}) as consumer:
        parts = partitions(kafka, topic)
        consumer.assign([TopicPartition(part.topic, part.partition, 0) for part in parts])
        ended: set[int | None] = set()
        while len(ended) < len(parts):
            message = consumer.poll(30)
            assert message is not None, f"{topic}: neither a record nor an end"
            error = message.error()
            if error is None:
                records.append(_consumed(message))
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error  # noqa: SLF001 - a public code
                ended.add(message.partition())
    return records


def last_documents(records: Iterable[Consumed]) -> dict[bytes, Any]:
    """For each key what its last record leaves: the document, or nothing after a delete."""
    left: dict[bytes, Any] = {}
    for record in records:
        value = record.value if record.raw is not None else None
        if value is None or value["op"] == "delete":
            left.pop(record.key, None)
        else:
            left[record.key] = value["after"]
    return left


def rendered(documents: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Documents of a collection as a consumer should see them, by an encoder that is not ours; sorted."""
    return sorted(_rendered(documents), key=repr)


def rendered_in_order(documents: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The same in the order in which they come."""
    return list(_rendered(documents))


def differences(records: Iterable[Consumed], documents: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Documents that only the topic or only the collection has; empty when they are equal."""
    topic = {repr(doc) for doc in last_documents(records).values()}
    collection = {repr(doc) for doc in _rendered(documents)}
    return sorted(topic ^ collection)


def out_of_order(records: Iterable[Consumed]) -> list[bytes]:
    """Keys whose changes, each counted where it first stands, do not come in order of cluster time.

    Documents that were read have the time at which their load began, and stand aside.
    """
    newest: dict[bytes, tuple[int, int]] = {}
    seen: set[tuple[bytes, tuple[int, int], str]] = set()
    wrong = []
    for record in records:
        if record.raw is None or (value := record.value)["op"] == "read":
            continue
        ts = value["ts"]["t"], value["ts"]["i"]
        change = (record.key, ts, value["op"])
        if change in seen:
            continue
        seen.add(change)
        if ts < newest.get(record.key, (0, 0)):
            wrong.append(record.key)
        newest[record.key] = ts
    return wrong


def stale_reads(records: Iterable[Consumed]) -> list[bytes]:
    """Keys of documents that were read, but stand in their partition after a newer record of them."""
    newest: dict[bytes, tuple[int, int]] = {}
    stale = []
    for record in records:
        if record.raw is None:
            continue
        known = newest.get(record.key, (0, 0))
        if record.value["op"] == "read" and record.ts < known:
            stale.append(record.key)
        newest[record.key] = max(known, record.ts)
    return stale


def _rendered(documents: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    return (orjson.loads(json_util.dumps(doc, json_options=RELAXED)) for doc in documents)


def _end(consumer: Consumer, part: TopicPartition) -> int:
    """The offset behind the last record; a broker that was told of a topic may not lead it yet."""

    def asked() -> tuple[int, ...]:
        try:
            return consumer.get_watermark_offsets(part, timeout=30) or ()
        except KafkaException as error:
            if error.args[0].code() not in NOT_YET:
                raise
            return ()

    return until(asked, what=f"a leader of {part.topic}")[1]


def _consumed(message: Message) -> Consumed:
    key, ms = message.key() or b"", message.timestamp()[1]
    return Consumed(message.partition() or 0, message.offset() or 0, key, message.value(), ms)


class _consumer:  # noqa: N801 - used as a context manager
    def __init__(self, kafka: str, **more: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka,
                "group.id": "tests",
                "enable.auto.commit": "false",
                "auto.offset.reset": "earliest",
                **more,
            }
        )

    def __enter__(self) -> Consumer:
        return self._consumer

    def __exit__(self, *_: object) -> None:
        self._consumer.close()
