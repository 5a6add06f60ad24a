"""How fast what piled up is drained, against what MongoDB alone hands over."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message

from tests.bench import bare, documents
from tests.bench.children import Used, measured
from tests.bench.ground import DATABASE, Ground, token
from tests.bench.installed import script

READ_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Drained:
    """One run: events a second, seconds from its start to the first record, and what the process used."""

    rate: float
    start_s: float
    cpu_us: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Round:
    bare: Drained
    cdc: Drained


def rounds(ground: Ground, events: int, times: int) -> Iterator[Round]:
    """The same inserts drained again and again, by the bare reader and by `cdc watch --once` in turn."""
    collection = ground.collection()
    cursors = ground.cursors(collection.name)
    documents.insert(collection, documents.records(events))
    position = json.dumps(token(cursors))
    uri = ground.env["CDC_MONGO__URI"]
    for _ in range(times):
        command = [*script(bare.__file__), uri, DATABASE, collection.name, position, str(events)]
        alone = bare_of(measured(command, ground.empty(), ground.env), events)
        topic = ground.topic({"message.timestamp.type": "LogAppendTime"})
        used = ground.drain(collection.name, topic, cursors)
        yield Round(alone, drained(used, appended(ground, topic, events)))


def bare_of(used: Used, events: int) -> Drained:
    told = json.loads(used.output)
    timed, first, last = told["timed"], told["first"], told["last"]
    return Drained(timed / (last - first), first - used.started, used.cpu_s / events * 1e6, used.peak_bytes)


def drained(used: Used, times_ms: list[int]) -> Drained:
    """The records that the broker appended after the first batch, in the time between the first and the last."""
    first, last = times_ms[0], times_ms[-1]
    timed = len(times_ms) - times_ms.count(first)
    return Drained(
        timed / (last - first) * 1e3, first / 1e3 - used.started, used.cpu_s / len(times_ms) * 1e6, used.peak_bytes
    )


def appended(ground: Ground, topic: str, events: int) -> list[int]:
    """When the broker appended each record, in milliseconds since 1970; raises unless every document is there once."""
    times: list[int] = []
    keys: set[bytes] = set()
    for message in messages(ground, topic):
        times.append(message.timestamp()[1])
        keys.add(message.key() or b"")
    if not len(times) == len(keys) == events:
        raise RuntimeError(f"{topic} has {len(times)} records of {len(keys)} documents instead of {events}")
    return times


def messages(ground: Ground, topic: str) -> Iterator[Message]:
    """Every record that the topic holds now, with the time of its append."""
    with ground.consumer(topic, to_end=True) as consumer:
        heard = time.monotonic()
        while time.monotonic() < heard + READ_SECONDS:
            for message in consumer.consume(10_000, timeout=0.2):
                heard = time.monotonic()
                if (error := message.error()) is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - a public code
                    return
                if error is not None or message.timestamp()[0] != TIMESTAMP_LOG_APPEND_TIME:
                    raise RuntimeError(f"{topic}: {error or 'not the time of the append'}")
                yield message
        raise RuntimeError(f"{topic}: its end does not come")
