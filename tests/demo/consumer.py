"""A consumer that reads along while the demo runs, and remembers when each record came."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.support.topic import Consumed

Change: TypeAlias = tuple[str, bytes, tuple[int, int]]
"""Operation, key and cluster time: what makes two records the same change, sent twice."""


class LiveConsumer:
    """`records` and their `arrivals` on the monotonic clock; `first`, when each change came first; by operation, how
    many `counts` there are and the first of them.
    """

    def __init__(self, kafka: str, parts: list[TopicPartition]) -> None:
        self.records: list[Consumed] = []
        self.arrivals: list[float] = []
        self.first: dict[Change, float] = {}
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, Consumed] = {}
        self.failure: KafkaException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer")
        self._consumer = Consumer({"bootstrap.servers": kafka, "group.id": "demo", "enable.auto.commit": False})
        self._consumer.assign([TopicPartition(part.topic, part.partition, 0) for part in parts])

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def rate(self, since: int) -> float:
        """Records a second from the arrival of record `since` to that of the last."""
        seconds = self.arrivals[-1] - self.arrivals[since]
        return (len(self.arrivals) - since - 1) / seconds if seconds else 0.0

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._take()
        except KafkaException as error:
            self.failure = error

    def _take(self) -> None:
        message = self._consumer.poll(0.1)
        if message is None:
            return
        if error := message.error():
            raise KafkaException(error)
        now = time.monotonic()
        record = Consumed(
            message.partition() or 0,
            message.offset() or 0,
            message.key() or b"",
            message.value(),
            message.timestamp()[1],
        )
        self.records.append(record)
        self.arrivals.append(now)
        if record.raw is not None:
            self._sort(record, now)

    def _sort(self, record: Consumed, now: float) -> None:
        value = record.value
        operation, ts = value["op"], value["ts"]
        self.counts[operation] += 1
        self.examples.setdefault(operation, record)
        self.first.setdefault((operation, record.key, (ts["t"], ts["i"])), now)


@contextmanager
def consuming(kafka: str, parts: list[TopicPartition]) -> Iterator[LiveConsumer]:
    """A consumer that reads `parts` from their beginning until the block ends."""
    consumer = LiveConsumer(kafka, parts)
    consumer.start()
    try:
        yield consumer
    finally:
        consumer.close()
