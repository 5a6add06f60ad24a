"""What the demo found: numbers, and whether topic and collection are the same."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from tests.demo.consumer import LiveConsumer
from tests.support import topic as topics


@dataclass(frozen=True, slots=True)
class Kill:
    """`seen` changes had come when the watcher was killed, `while_down` were made before it was started again.

    `again` records came twice, `rate` a second from the first to the last after the restart.
    """

    seen: int
    while_down: int
    again: int
    rate: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from MongoDB's acknowledgement of an insert to its record at the consumer."""

    inserts: int
    pace: float
    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float], pace: float) -> "Latency":
        cuts = quantiles(seconds, n=100, method="inclusive")
        return cls(len(seconds), pace, cuts[49] * 1000, cuts[98] * 1000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`made` and `records` by operation; `wrong` is empty when what came is what was made, in order."""

    made: Mapping[str, int]
    records: Mapping[str, int]
    examples: Mapping[str, topics.Consumed]
    documents: int
    load_rate: float
    kill: Kill
    latency: Latency
    wrong: list[str]


def wrong(consumer: LiveConsumer, made: Mapping[str, int], documents: list[dict[str, Any]]) -> list[str]:
    """What the topic has otherwise than the collection, or not as often as it was made, or not in its order."""
    came = Counter(operation for operation, _, _ in consumer.first)
    return [
        *(f"{kind}: {made[kind]} made, {came[kind]} came" for kind in made if made[kind] != came[kind]),
        *(f"not in order: the changes of {key.decode()}" for key in topics.out_of_order(consumer.records)),
        *(f"only on one side: {document}" for document in topics.differences(consumer.records, documents)),
    ]
