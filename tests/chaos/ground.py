"""One run: servers, writers, a watcher, and what faults may do to them."""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import KafkaException
from pymongo import MongoClient

from cdc.config import load
from cdc.cursor.cursor import Cursor
from cdc.errors import Retryable
from cdc.local.server import Server
from cdc.local.stack import Stack
from cdc.ops import stores
from tests.chaos.checks import Outcome, check
from tests.chaos.servers import Servers
from tests.chaos.writers import Log, writers
from tests.support import topic as topics
from tests.support.child import COMMAND, Child, cdc
from tests.support.proxy import Proxy
from tests.support.waiting import until

SECONDS = 400
"""How long everything may take to come back after a fault, on a machine that has other work to do."""

STOPPED = (0, 3)
"""How a watcher ends that is told to: with Kafka's acknowledgements, or where those take too long without some."""

HANDFUL = 200
OUTAGE_SECONDS = 60.0
BETWEEN_SECONDS = 1.0
"""The most of which a fault waits at random, once the saved position has moved on behind the last one."""

pause = threading.Event().wait


class CannotRun(Exception):  # noqa: N818 - what this machine lacks
    """The fault cannot be had on this machine; says what is missing."""


@dataclass
class Ground:
    """`settings` are each watcher's, by their names in the file; `outage` is how long a long outage is, in seconds."""

    servers: Servers
    folder: Path
    settings: dict[str, Any]
    network: bool
    outage: float
    over: ExitStack
    log: Log = field(default_factory=Log)
    database: str = field(default_factory=lambda: f"chaos_{uuid.uuid4().hex[:8]}")
    environment: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    place: str = "cursors"
    _saved: Cursor | None = None

    @property
    def stack(self) -> Stack:
        return self.servers.stack

    @property
    def topic(self) -> str:
        return self.database

    @property
    def child(self) -> Child:
        """The watcher that was started last."""
        return self.children[-1]

    @property
    def proxies(self) -> tuple[Proxy, Proxy]:
        assert self.servers.proxies is not None
        return self.servers.proxies

    @property
    def cursors(self) -> Path:
        """The folder of the last watcher's."""
        return self.folder / self.place

    def arguments(self, *more: str) -> list[str]:
        where = ["--collection", "info", "--database", self.database, "--topic", self.topic]
        return ["watch", *where, "--cursor-dir", str(self.cursors), "--cursor-topic", f"{self.topic}-cursors", *more]

    def environ(self, *, network: bool) -> dict[str, str]:
        settings = {f"CDC_{name.upper().replace('.', '__')}": str(value) for name, value in self.settings.items()}
        return {**self.servers.environment(network=network), **settings, **self.environment}

    def watch(self, *more: str, place: str | None = None) -> Child:
        """One more watcher, in another place where one is named."""
        self.place = place or self.place
        log = self.folder / f"log-{len(self.children)}"
        command = [*COMMAND, *self.arguments("--debug", *more)]
        self.children.append(Child(command, self.environ(network=self.network), log))
        return self.child

    def cursor(self) -> Cursor | None:
        """What is saved; None where nothing is, or nobody can say."""
        flags: dict[str, Any] = {
            "collection": ["info"],
            "topic": self.topic,
            "cursor_dir": self.cursors,
            "cursor_topic": f"{self.topic}-cursors",
            "mongo.database": self.database,
            "mongo.uri": self.stack.mongo_uri,
            "kafka.bootstrap_servers": self.stack.kafka,
            **{name: self.settings[name] for name in ("guarantee", "cursor_store") if name in self.settings},
        }
        with suppress(Retryable):
            return stores.store(load(flags, config=None).settings).read()
        return None

    def look(self) -> None:
        """Know what is saved now: `progress` is counted from here."""
        self._saved = self.cursor()

    def progress(self) -> None:
        """Wait until the saved position has moved on since the last look."""

        def moved() -> bool:
            assert self.child.alive, self.child.text[-3000:]
            found = self.cursor()
            return found is not None and found != self._saved

        until(moved, seconds=SECONDS, what="a saved position that moves")
        self.look()

    def flow(self, records: int = HANDFUL) -> None:
        """Wait until so many more records are in the topic."""
        goal = until(self._end, seconds=SECONDS, what="a leader of the topic") + records
        until(lambda: self._end() >= goal or not self.child.alive, seconds=SECONDS, what=f"{records} more records")
        assert self.child.alive, self.child.text[-3000:]

    def caught_up(self) -> None:
        """Wait until the saved position is behind all that is written by now."""
        with MongoClient[dict[str, Any]](self.stack.mongo_uri) as client:
            now = client.admin.command("ping")["operationTime"]

        def reached() -> bool:
            cursor = self.cursor()
            return (
                cursor is not None and cursor.time is not None and (cursor.time.t, cursor.time.i) >= (now.time, now.inc)
            )

        until(lambda: reached() or not self.child.alive, seconds=SECONDS, what="a position behind all changes")
        assert self.child.alive, self.child.text[-3000:]

    def renewed(self, documents: int) -> None:
        """Wait until so many documents were written since the log forgot."""
        until(lambda: len(self.log.renewed) >= documents, seconds=SECONDS, what="every document written again")

    def close(self) -> None:
        for child in self.children:
            child.close()

    def _end(self) -> int:
        """How many records the topic has, 0 where nobody can say."""
        try:
            return topics.ends(self.stack.kafka, self.topic)
        except KafkaException:
            return 0


def start(*servers: Server) -> None:
    """All at once, and wait until they serve, however slow the machine is."""
    for server in servers:
        server.launch()
    for server in servers:
        until(lambda: _serves(server), seconds=SECONDS, what=f"{server.name}")  # noqa: B023 - waited for here


def _serves(server: Server) -> bool:
    with suppress(Retryable):
        server.wait()
        return True
    return False


class Breaking(Protocol):
    """See `faults.Fault`."""

    @property
    def do(self) -> Callable[[Ground], None]: ...

    @property
    def prepare(self) -> Callable[[Ground], None] | None: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

    @property
    def network(self) -> bool: ...


def run(servers: Servers, folder: Path, faults: Sequence[Breaking], *, outage: float = OUTAGE_SECONDS) -> Outcome:
    """Write, watch, break and mend for each fault, come to rest, and compare once.

    The faults have settings, network and preparation in common. Raises `AssertionError` where it does not come to rest,
    and `CannotRun`.
    """
    folder.mkdir(parents=True)
    first = faults[0]
    with ExitStack() as over:
        ground = Ground(servers, folder, dict(first.settings), first.network, outage, over)
        over.callback(ground.close)
        if first.prepare is not None:
            first.prepare(ground)
        with writers(ground.stack.mongo_uri, ground.database) as ground.log:
            ground.watch()
            ground.progress()
            with ground.log.hush():
                ground.log.forget()
            for fault in faults:
                ground.progress()
                pause(random.random() * BETWEEN_SECONDS)
                fault.do(ground)
                ground.look()
            ground.progress()
            ground.flow()
        return replace(_compared(ground), faults=len(faults), hits=ground.hits)


def _compared(ground: Ground) -> Outcome:
    for child in ground.children:
        if child.alive:
            assert child.stop(seconds=60) in STOPPED, child.text[-3000:]
    last = cdc(*ground.arguments("--once"), env=ground.environ(network=False), seconds=SECONDS)
    assert last.returncode == 0, last.stderr[-3000:]
    with MongoClient[dict[str, Any]](ground.stack.mongo_uri) as client:
        found = topics.committed(ground.stack.kafka, ground.topic)
        outcome = check(found, client[ground.database].info, ground.log)
        client.drop_database(ground.database)
    return outcome
