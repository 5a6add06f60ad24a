"""One run: servers, writers, a watcher, and what a fault may do to them."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import KafkaException
from pymongo import MongoClient

from cdc.local.stack import Stack
from tests.chaos.checks import Outcome, check
from tests.chaos.writers import Log, writers
from tests.support import topic as topics
from tests.support.child import Child, cdc
from tests.support.proxy import Proxy, proxied
from tests.support.waiting import until

SECONDS = 180
"""How long everything may take to come back after a fault."""

HANDFUL = 200


@dataclass
class Ground:
    """`more` are options of each watcher; `proxy` stands before MongoDB where the fault is one of the network."""

    stack: Stack
    folder: Path
    more: Sequence[str]
    proxy: Proxy | None
    log: Log
    database: str = field(default_factory=lambda: f"chaos_{uuid.uuid4().hex[:8]}")
    children: list[Child] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return self.database

    @property
    def child(self) -> Child:
        """The watcher that was started last."""
        return self.children[-1]

    def arguments(self, cursors: str = "cursors") -> list[str]:
        where = ["--collection", "info", "--database", self.database, "--topic", self.topic]
        return ["watch", *where, "--cursor-dir", str(self.folder / cursors), "--debug", *self.more]

    @property
    def environment(self) -> dict[str, str]:
        proxied = {} if self.proxy is None else {"CDC_MONGO__URI": self.proxy.uri}
        return {**self.stack.environment(), **proxied}

    def watch(self, cursors: str = "cursors") -> Child:
        """One more watcher."""
        log = self.folder / f"log-{len(self.children)}"
        self.children.append(Child(self.arguments(cursors), self.environment, log))
        return self.child

    def flow(self, records: int = HANDFUL) -> None:
        """Wait until so many more records are in the topic."""
        goal = until(self._end, seconds=SECONDS, what="a leader of the topic") + records
        until(lambda: self._end() >= goal or not self.child.alive, seconds=SECONDS, what=f"{records} more records")
        assert self.child.alive, self.child.text[-3000:]

    def _end(self) -> int:
        """How many records the topic has, 0 where nobody can say."""
        try:
            return topics.ends(self.stack.kafka, self.topic)
        except KafkaException:
            return 0


class Breaking(Protocol):
    """See `faults.Fault`."""

    @property
    def do(self) -> Callable[[Ground], None]: ...

    @property
    def more(self) -> tuple[str, ...]: ...

    @property
    def proxy(self) -> bool: ...


def run(stack: Stack, folder: Path, fault: Breaking) -> Outcome:
    """Write, watch, break, mend, come to rest, and compare. Raises `AssertionError` where it does not come to rest."""
    if not fault.proxy:
        return _run(stack, folder, fault, None)
    with proxied(("127.0.0.1", stack.mongo[0].port)) as proxy:
        return _run(stack, folder, fault, proxy)


def _run(stack: Stack, folder: Path, fault: Breaking, proxy: Proxy | None) -> Outcome:
    folder.mkdir(parents=True)
    ground = Ground(stack, folder, fault.more, proxy, Log())
    try:
        with writers(stack.mongo_uri, ground.database) as ground.log:
            ground.watch()
            ground.flow()
            ground.log.forget()
            fault.do(ground)
            ground.flow()
        for child in ground.children:
            if child.alive:
                assert child.stop(seconds=60) == 0, child.text[-3000:]
        if proxy is not None:
            proxy.spoil = bytes
        last = cdc(*ground.arguments(), "--once", env=stack.environment(), seconds=SECONDS)
        assert last.returncode == 0, last.stderr[-3000:]
        with MongoClient[dict[str, Any]](stack.mongo_uri) as client:
            found = topics.committed(stack.kafka, ground.topic)
            outcome = check(found, client[ground.database].info, ground.log)
            client.drop_database(ground.database)
        return outcome
    finally:
        for child in ground.children:
            child.close()
