"""What exactly once costs: the same inserts drained, and the same documents loaded, with transactions and without."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import documents
from tests.bench.children import measured
from tests.bench.drain import Drained, appended, drained
from tests.bench.ground import NAME, Ground
from tests.bench.installed import COMMAND

EXACTLY_ONCE = ("--guarantee", "exactly-once")


@dataclass(frozen=True, slots=True)
class Pair:
    """At least once, and exactly once."""

    least: Drained
    exact: Drained


def drains(ground: Ground, events: int, times: int) -> Iterator[Pair]:
    """From a cursor that stands before the inserts."""
    collection = ground.collection()
    cursors = ground.cursors(collection.name)
    documents.insert(collection, documents.records(events))
    yield from _pairs(ground, collection.name, cursors, events, times, lambda: _imported(ground, cursors))


def loads(ground: Ground, count: int, times: int) -> Iterator[Pair]:
    """First loads."""
    collection = ground.collection()
    documents.insert(collection, documents.records(count))
    yield from _pairs(ground, collection.name, ground.empty(), count, times, lambda: _forgotten(ground))


def _pairs(
    ground: Ground, collection: str, cursors: Path, events: int, times: int, ready: Callable[[], None]
) -> Iterator[Pair]:
    for _ in range(times):
        found = []
        for options in ((), EXACTLY_ONCE):
            if options:
                ready()
            topic = ground.topic({"message.timestamp.type": "LogAppendTime"})
            used = ground.drain(collection, topic, cursors, *options)
            found.append(drained(used, appended(ground, topic, events)))
        yield Pair(*found)


def _imported(ground: Ground, cursors: Path) -> None:
    """The file's cursor into Kafka, where the transactions keep it."""
    _cursor(ground, "import", str(cursors / f"{NAME}.json"))


def _forgotten(ground: Ground) -> None:
    _cursor(ground, "reset")


def _cursor(ground: Ground, *what: str) -> None:
    folder = ground.empty()
    command = [*COMMAND, "cursor", *what, "--name", NAME, "--yes", "--cursor-store", "kafka"]
    measured([*command, "--cursor-dir", str(folder)], folder, ground.env)
