"""What happens in the demo, once the servers run."""

import time
from collections.abc import Callable
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
PATIENCE = 60.0
"""Seconds in which a step must be done."""
BURST = 250
"""Changes written in one call."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many documents (None: all airports), changes to them, and inserts at `pace` a second."""

    documents: int | None = None
    changes: int = 16_000
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
        seen = self._kill()
        kill = self._go_on(seen)
        latency = self._latency()
        self._stop()
        return self._compare(load_rate, kill, latency)

    @property
    def log(self) -> Path:
        return self.folder / "watch.log"

    def _fill(self) -> None:
        with self.screen.step("documents", "inserting the world's airports") as step:
            self.collection.insert_many(self.airports)
            step.done = f"{len(self.airports):,} airports in MongoDB"

    def _first_load(self) -> float:
        with self.screen.step("first load", f"cdc {' '.join(WATCH)}") as step:
            self._watch()
            self._await(partial(topics.partitions, self.kafka, TOPIC), "the topic")
            parts = topics.partitions(self.kafka, TOPIC)
            self.consumer = self.opened.enter_context(consuming(self.kafka, parts))
            self._await(lambda: self._seen >= 0, "the first load")
            step.done = f"cdc {' '.join(WATCH)}"
            return self.consumer.rate(0)

    def _kill(self) -> int:
        with self.screen.step("changes", "inserts, updates, replaces and deletes while it watches"):
            enough = self.size.changes // 8
            while self._seen < enough and self._made < self.size.changes // 2:
                self._write(BURST)
            self._await(lambda: self._seen >= enough, "the first changes")
            self.child.kill()
        return self._seen

    def _go_on(self, seen: int) -> Kill:
        with self.screen.step("SIGKILL", "") as step:
            made = self._made
            self._write(self.size.changes - made)
            step.done = f"{seen:,} of {made:,} changes had come when it was killed; {self._made - made:,} more are made"
        with self.screen.step("start again", "the same command") as step:
            before = len(self.consumer.records)
            known = len(self.consumer.first)
            self._watch()
            self._await(lambda: self._seen >= self._made, "the changes made while the watcher was dead")
            came, new = len(self.consumer.records) - before, len(self.consumer.first) - known
            step.done = f"it went on where it was: {new:,} changes, {came - new:,} sent twice"
        return Kill(seen, self._made - made, came - new, self.consumer.rate(before))

    def _latency(self) -> Latency:
        inserts, pace = self.size.paced, self.size.pace
        with self.screen.step("latency", f"{inserts:,} inserts, {pace:.0f} a second") as step:
            acknowledged = self._pace()
            self._await(lambda: self._seen >= self._made, "the paced inserts")
            came = {key: when for (kind, key, _), when in self.consumer.first.copy().items() if kind == "insert"}
            latency = Latency.of([came[key] - when for key, when in acknowledged.items()], pace)
            step.done = f"{inserts:,} inserts, {pace:.0f} a second: {latency.p99:.0f} ms at p99"
        return latency

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
        with self.screen.step("SIGTERM", "the watcher is asked to end") as step:
            code = self.child.stop()
            if code:
                raise DemoFailedError(f"the watcher ended with exit code {code} when it was asked to end")
            step.done = "drained, position saved, exit code 0"

    def _compare(self, load_rate: float, kill: Kill, latency: Latency) -> Outcome:
        with self.screen.step("comparison", "topic and collection, document by document") as step:
            end = topics.ends(self.kafka, TOPIC)
            self._await(lambda: len(self.consumer.records) >= end, "the last record")
            left = list(self.collection.find())
            made = {"read": len(self.airports), **self.changes.made}
            records = self.consumer.records
            found = Outcome(
                made=made,
                records=self.consumer.counts,
                examples=self.consumer.examples,
                documents=len(left),
                load_rate=load_rate,
                kill=kill,
                latency=latency,
                wrong=outcome.wrong(self.consumer, made, left),
            )
            step.done = f"{len(records):,} records against {len(left):,} documents"
        return found

    def _watch(self) -> None:
        env = {
            "CDC_MONGO__URI": self.mongo_uri,
            "CDC_KAFKA__BOOTSTRAP_SERVERS": self.kafka,
            "CDC_KAFKA__PARTITIONS": "3",
            "CDC_CURSOR_DIR": str(self.folder),
        }
        self.child = self.opened.enter_context(running(*WATCH, env=env, log=self.log))

    def _write(self, count: int) -> None:
        for done in range(0, count, BURST):
            self.collection.bulk_write(self.changes.make(min(BURST, count - done)), ordered=False)

    def _await(self, condition: Callable[[], object], what: str) -> None:
        """Waits until `condition` holds, unless the watcher ends before."""
        try:
            until(lambda: condition() or not self.child.alive, seconds=PATIENCE, what=what)
        except AssertionError as late:
            raise DemoFailedError(str(late)) from late
        if not condition():
            raise DemoFailedError(f"the watcher ended with exit code {self.child.process.returncode}")

    @property
    def _made(self) -> int:
        return self.changes.made.total()

    @property
    def _seen(self) -> int:
        """Changes that came, each counted once; negative while the first load is on its way."""
        return len(self.consumer.first) - len(self.airports)
