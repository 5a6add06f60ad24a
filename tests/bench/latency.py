"""How long a change takes to a consumer."""

import threading
import time
from dataclasses import dataclass
from statistics import quantiles

import orjson
from bson import ObjectId
from confluent_kafka import Consumer

from tests.bench import documents
from tests.bench.children import measured
from tests.bench.ground import Ground, watch
from tests.bench.installed import COMMAND
from tests.support.child import running

RATE = 200
WARM_UP = 5 * RATE
"""Changes left out: the broker was just started, and its code is still being compiled."""
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Latency:
    p50_ms: float
    p99_ms: float


class Arrivals(threading.Thread):
    """When each document reached a consumer, by the monotonic clock."""

    def __init__(self, consumer: Consumer, count: int) -> None:
        super().__init__(daemon=True)
        self._consumer = consumer
        self._count = count
        self.times: dict[ObjectId, float] = {}

    def run(self) -> None:
        while len(self.times) < self._count:
            message = self._consumer.poll(PATIENCE)
            if message is None or message.error() is not None:
                return
            arrived = time.monotonic()
            self.times[ObjectId(orjson.loads(message.key() or b"")["_id"]["$oid"])] = arrived


def measure(ground: Ground, seconds: int, *options: str) -> Latency:
    """From the insert's acknowledgement to the consumer's poll, at a steady rate, once all are warm."""
    collection, cursors, count = ground.collection(), ground.empty(), WARM_UP + RATE * seconds
    topic = ground.topic({})
    moment = watch(collection.name, topic, cursors, "--from", "now", "--once", *options)
    measured([*COMMAND, *moment], ground.empty(), ground.env)
    follow = watch(collection.name, topic, cursors, *options)
    with running(*follow, command=COMMAND, env=ground.env, log=cursors / "log"), ground.consumer(topic) as consumer:
        arrivals = Arrivals(consumer, count)
        arrivals.start()
        acknowledged: dict[ObjectId, float] = {}
        pause, begun = threading.Event(), time.monotonic()
        for number, document in enumerate(documents.records(count)):
            pause.wait(max(0.0, begun + number / RATE - time.monotonic()))
            collection.insert_one(document)
            acknowledged[document["_id"]] = time.monotonic()
        arrivals.join(3 * PATIENCE)
    if missing := acknowledged.keys() - arrivals.times.keys():
        raise RuntimeError(f"{len(missing)} of {len(acknowledged)} documents did not reach the consumer")
    waits = [1e3 * (arrivals.times[key] - time) for key, time in list(acknowledged.items())[WARM_UP:]]
    percentiles = quantiles(waits, n=100)
    return Latency(percentiles[49], percentiles[98])
