"""What happens in the demo, once the servers run."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from pymongo import MongoClient
from pymongo.collection import Collection

from tests.demo import outcome
from tests.demo.airports import Changes, Document, documents
from tests.demo.consumer import LiveConsumer, consuming
from tests.demo.outcome import Kill, Latency, Outcome
from tests.demo.screen import Screen
from tests.support import topic as topics
from tests.support.child import Child, running
from tests.support.waiting import until

DATABASE, COLLECTION, TOPIC = "demo", "airports", "airports"
WATCH = ["watch", "--database", DATABASE, "--collection", COLLECTION, "--topic", TOPIC]
LOG = "watch.log"
PATIENCE = 60.0
"""Seconds in which a step must be done."""
BURST = 500
"""Changes written in one call."""
PAUSE = 0.05
"""Seconds between calls while the watcher lives, so that it has saved a position before it is killed."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many documents (None: all airports), changes to them, and inserts at `pace` a second."""

    documents: int | None = None
    changes: int = 20_000
    paced: int = 1_000
    pace: float = 200.0


class DemoFailedError(Exception):
    """The demo cannot go on."""


@dataclass
class Story:
    """`folder` takes the watcher's cursor and log; everything that was opened is closed with `opened`."""

    mongo_uri: str
    kafka: str
    folder: Path
    size: Size
    screen: Screen
    opened: ExitStack
    airports: list[Document] = field(init=False)
    collection: Collection[Document] = field(init=False)
    changes: Changes = field(init=False)
    child: Child = field(init=False)
    consumer: LiveConsumer = field(init=False)

    def tell(self) -> Outcome:
        """Raises DemoFailedError when a step does not come to its end."""
        client = self.opened.enter_context(MongoClient[Document](self.mongo_uri))
        self.collection = client[DATABASE][COLLECTION]
        self.airports = documents(self.size.documents)
        self.changes = Changes(self.airports)
        self._fill()
        load_rate = self._first_load()
        kill = self._kill()
        latency = self._latency()
        self._stop()
        return self._compare(load_rate, kill, latency)

    def _fill(self) -> None:
        with self.screen.step("documents", "inserting the world's airports") as step:
            self.collection.insert_many(self.airports)
            step.done = f"{len(self.airports):,} airports in MongoDB"

    def _first_load(self) -> float:
        with self.screen.step("first load", "cdc watch reads what exists") as step:
            self._watch()
            self._await(partial(topics.partitions, self.kafka, TOPIC), "the topic")
            parts = topics.partitions(self.kafka, TOPIC)
            self.consumer = self.opened.enter_context(consuming(self.kafka, parts))
            self._await(lambda: self._seen >= 0, "the first load")
            step.done = f"{len(self.consumer.records):,} records in Kafka"
            return self.consumer.rate(0)

    def _kill(self) -> Kill:
        dead = Event()
        with ThreadPoolExecutor(1) as writer:
            try:
                writing = writer.submit(self._write, dead)
                with self.screen.step("changes", "of every kind, made while it watches"):
                    enough = self.size.changes // 4 + BURST // 2
                    self._await(lambda: self._seen >= enough, "the first changes")
            finally:
                self.child.kill()
                dead.set()
            seen, made = self._seen, self._made
            with self.screen.step("SIGKILL", "the changes go on") as step:
                writing.result()
                more = self._made - made
                step.done = f"at change {seen:,}; {more:,} more while it is dead"
        return self._go_on(seen, more)

    def _write(self, dead: Event) -> None:
        """All changes: with pauses while the watcher lives, the second half of them when it is dead."""
        while missing := self.size.changes - self._made:
            self.collection.bulk_write(self.changes.make(min(BURST, missing)), ordered=False)
            dead.wait(PAUSE if self._made < self.size.changes // 2 else PATIENCE)

    def _go_on(self, seen: int, while_down: int) -> Kill:
        with self.screen.step("once more", "the same command") as step:
            before, known = len(self.consumer.records), len(self.consumer.first)
            self._watch()
            self._await(lambda: self._seen >= self._made, "the changes made while the watcher was dead")
            came, new = len(self.consumer.records) - before, len(self.consumer.first) - known
            step.done = f"it goes on: {new:,} new changes, {came - new:,} sent again"
        return Kill(seen, while_down, came - new, self.consumer.rate(before))

    def _latency(self) -> Latency:
        inserts, pace = self.size.paced, self.size.pace
        with self.screen.step("latency", f"{inserts:,} inserts, {pace:.0f} a second"):
            acknowledged = self._pace()
            self._await(lambda: self._seen >= self._made, "the paced inserts")
            came = {key: when for (kind, key, _), when in self.consumer.first.copy().items() if kind == "insert"}
            return Latency.of([came[key] - when for key, when in acknowledged.items()], pace)

    def _pace(self) -> dict[bytes, float]:
        """By record key, when MongoDB acknowledged the insert."""
        acknowledged: dict[bytes, float] = {}
        clock, begun = Event(), time.monotonic()
        for number in range(self.size.paced):
            clock.wait(max(0.0, begun + number / self.size.pace - time.monotonic()))
            airfield = self.changes.airfield()
            self.collection.insert_one(airfield)
            acknowledged[b'{"_id":{"$oid":"%b"}}' % str(airfield["_id"]).encode()] = time.monotonic()
        return acknowledged

    def _stop(self) -> None:
        with self.screen.step("SIGTERM", "asked to end") as step:
            self.child.process.terminate()
            self._await(lambda: not self.child.alive, "the watcher's end")
            if code := self.child.process.returncode:
                raise DemoFailedError(f"the watcher ended with exit code {code} when it was asked to end")
            step.done = "drained, position saved, exit code 0"

    def _compare(self, load_rate: float, kill: Kill, latency: Latency) -> Outcome:
        with self.screen.step("comparison", "collection and topic, document by document"):
            end = topics.ends(self.kafka, TOPIC)
            self._await(lambda: len(self.consumer.records) >= end, "the last record")
            left = list(self.collection.find())
            made = {"read": len(self.airports), **self.changes.made}
            return Outcome(
                made=made,
                records=self.consumer.counts,
                examples=self.consumer.examples,
                documents=len(left),
                load_rate=load_rate,
                kill=kill,
                latency=latency,
                wrong=outcome.wrong(self.consumer, made, left),
            )

    def _watch(self) -> None:
        env = {
            "CDC_MONGO__URI": self.mongo_uri,
            "CDC_KAFKA__BOOTSTRAP_SERVERS": self.kafka,
            "CDC_KAFKA__PARTITIONS": "3",
            "CDC_CURSOR_DIR": str(self.folder),
        }
        self.child = self.opened.enter_context(running(*WATCH, env=env, log=self.folder / LOG))

    def _await(self, condition: Callable[[], object], what: str) -> None:
        """Waits until `condition` holds, unless the watcher fails before."""
        failed = self.child.process.poll
        try:
            until(lambda: condition() or failed(), seconds=PATIENCE, what=what)
        except AssertionError as late:
            raise DemoFailedError(str(late)) from late
        if not condition():
            raise DemoFailedError(f"the watcher ended with exit code {failed()}")

    @property
    def _made(self) -> int:
        return self.changes.made.total()

    @property
    def _seen(self) -> int:
        """Changes that came, each counted once; negative while the first load is on its way."""
        if self.consumer.failure is not None:
            raise DemoFailedError(f"the consumer cannot go on: {self.consumer.failure}")
        return len(self.consumer.first) - len(self.airports)
