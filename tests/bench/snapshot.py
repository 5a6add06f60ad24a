"""How fast a first load is, against what MongoDB alone hands over."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench import bare_find, documents
from tests.bench.children import measured
from tests.bench.drain import Drained, appended, bare_of, drained
from tests.bench.ground import DATABASE, Ground
from tests.bench.installed import script

LANES = (1, 2)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The bare reader, and `cdc` with so many chunks at once."""

    bare: Drained
    cdc: dict[int, Drained]


def rounds(ground: Ground, count: int, times: int) -> Iterator[Loaded]:
    """The same collection read again and again, by the bare reader and by `cdc watch --once` in turn."""
    collection = ground.collection()
    documents.insert(collection, documents.records(count))
    uri = ground.env["CDC_MONGO__URI"]
    for _ in range(times):
        command = [*script(bare_find.__file__), uri, DATABASE, collection.name]
        alone = bare_of(measured(command, ground.empty(), ground.env), count)
        loads = {}
        for lanes in LANES:
            topic = ground.topic({"message.timestamp.type": "LogAppendTime"})
            used = ground.drain(collection.name, topic, ground.empty(), "--parallel", str(lanes))
            loads[lanes] = drained(used, appended(ground, topic, count))
        yield Loaded(alone, loads)
