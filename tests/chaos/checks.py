"""What must hold after every fault: the topic, the collection and the writers' log, document by document."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pymongo.collection import Collection

from tests.chaos.writers import Log, Write
from tests.support import topic as topics
from tests.support.topic import Consumed


@dataclass(frozen=True, slots=True)
class Outcome:
    """`lost` are operations of the log that the topic has not, `doubled` records of one change beside the first.

    `hits` is where the faults struck, where that was looked at.
    """

    faults: int = 0
    records: int = 0
    operations: int = 0
    lost: int = 0
    doubled: int = 0
    unlike: int = 0
    disordered: int = 0
    hits: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Self) -> "Outcome":
        return Outcome(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def failures(self, *, exactly_once: bool) -> list[str]:
        found = {"lost": self.lost, "unlike the collection": self.unlike, "out of order": self.disordered}
        if exactly_once:
            found["doubled"] = self.doubled
        return [f"{count} {what}" for what, count in found.items() if count]


def check(records: Sequence[Consumed], collection: Collection[dict[str, Any]], log: Log) -> Outcome:
    seen = Counter(_change(record.value) for record in records)
    written: set[Write] = set()
    deleted: set[Write] = set()
    stands: dict[Any, int] = {}
    for _, key, operation, mark in sorted(seen, key=lambda change: change[0]):
        if operation == "delete":
            deleted.add((key, stands.pop(key, -1)))
        elif mark is not None:
            written.add((key, mark))
            stands[key] = mark
    return Outcome(
        records=len(records),
        operations=log.operations,
        lost=len(log.written - written) + len(log.deleted.keys() - deleted),
        doubled=len(records) - len({_once(change) for change in seen}),
        unlike=len(topics.differences(records, collection.find())),
        disordered=len(topics.out_of_order(records)),
    )


Change = tuple[tuple[int, int], Any, str, int | None]


def _change(value: dict[str, Any]) -> Change:
    """Its time, document and operation, and the mark it left: what a record that is sent again has in common."""
    return (value["ts"]["t"], value["ts"]["i"]), value["key"]["_id"], value["op"], _mark(value)


def _once(change: Change) -> tuple[object, ...]:
    """What a consumer is to see once: a change, and the document as a load read it, at whatever time."""
    time, key, operation, mark = change
    return (key, operation) if operation == "read" else (time, key, operation, mark)


def _mark(value: dict[str, Any]) -> int | None:
    """The mark that the change left: an update's own, whatever stood there later."""
    if value["update"] is not None and "w" in value["update"]["set"]:
        return int(value["update"]["set"]["w"])
    return None if value["after"] is None else value["after"].get("w")
