"""Those who are measured, behind one face."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from confluent_kafka import Message

from tests.bench.children import Used
from tests.bench.ground import DATABASE, Ground, watch
from tests.bench.installed import COMMAND
from tests.bench.peers import connect, spoken
from tests.bench.peers.settings import CONNECTORS, OURS, TUNED_WORKER, Connector, Images, Properties
from tests.bench.peers.spoken import Change
from tests.support.child import running

Positions = Mapping[str, Path]
"""The folder of the saved position, by whose it is."""


class Contender(Protocol):
    """`tombstones` is whether a delete is followed by one."""

    @property
    def name(self) -> str: ...

    @property
    def tombstones(self) -> bool: ...

    def topic(self, collection: str) -> str: ...

    def parse(self, message: Message) -> Change: ...

    def load(self, ground: Ground, collection: str, records: int) -> Used:
        """Reads what exists into the topic, which is there and empty, until it holds so many records."""

    def drain(self, ground: Ground, collection: str, images: Images, positions: Positions, records: int) -> Used:
        """Reads what changed since the position into the topic, until it holds so many records."""

    def follow(self, ground: Ground, collection: str) -> AbstractContextManager[Callable[[], None]]:
        """Runs on what changes from now on; raises, when called, where it no longer runs."""


class Cdc:
    """This project, as shipped."""

    name = "cdc"
    tombstones = False

    def topic(self, collection: str) -> str:
        return f"cdc.{collection}"

    def parse(self, message: Message) -> Change:
        return spoken.cdc(message)

    def load(self, ground: Ground, collection: str, records: int) -> Used:  # noqa: ARG002
        return ground.drain(collection, self.topic(collection), ground.empty())

    def drain(self, ground: Ground, collection: str, images: Images, positions: Positions, records: int) -> Used:  # noqa: ARG002
        return ground.drain(collection, self.topic(collection), positions[self.name], *OURS[images])

    @contextmanager
    def follow(self, ground: Ground, collection: str) -> Iterator[Callable[[], None]]:
        cursors = ground.empty()
        follow = watch(collection, self.topic(collection), cursors, "--from", "now")
        with running(*follow, command=COMMAND, env=ground.env, log=cursors / "log") as child:

            def check() -> None:
                if not child.alive:
                    raise RuntimeError(f"cdc ended: {child.text[-2000:]}")

            yield check


@dataclass(frozen=True, slots=True)
class Peer:
    connector: Connector
    tuned: bool

    @property
    def name(self) -> str:
        return f"{self.connector.title}, {'tuned' if self.tuned else 'as shipped'}"

    @property
    def tombstones(self) -> bool:
        return self.connector.tombstones

    @property
    def settings(self) -> Properties:
        return {**TUNED_WORKER, **self.connector.tuned} if self.tuned else {}

    def topic(self, collection: str) -> str:
        return f"{self.connector.name}.{DATABASE}.{collection}"

    def parse(self, message: Message) -> Change:
        return self.connector.parse(message)

    def load(self, ground: Ground, collection: str, records: int) -> Used:
        return self._run(ground, collection, self.connector.load, None, records)

    def drain(self, ground: Ground, collection: str, images: Images, positions: Positions, records: int) -> Used:
        more = {**self.connector.follow, **self.connector.images[images]}
        return self._run(ground, collection, more, positions[self.connector.name], records)

    @contextmanager
    def follow(self, ground: Ground, collection: str) -> Iterator[Callable[[], None]]:
        with connect.running(ground, self.connector, collection, {**self.settings, **self.connector.follow}) as worker:
            yield worker.check

    def _run(self, ground: Ground, collection: str, more: Properties, offsets: Path | None, records: int) -> Used:
        chosen = {**self.settings, **more}
        with (
            ground.consumer(self.topic(collection)) as consumer,
            connect.running(ground, self.connector, collection, chosen, offsets) as worker,
        ):
            worker.reach(consumer, records)
            return worker.used()


def everyone(*, shipped: bool) -> list[Contender]:
    """This project and its peers, tuned, and `shipped` too."""
    peers: list[Contender] = [
        Peer(connector, tuned) for connector in CONNECTORS for tuned in ((False, True) if shipped else (True,))
    ]
    return [Cdc(), *peers]
