"""Everyone on the same work in turn, round after round, and the limit beside them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.collection import Collection

from cdc.local.install import Tell
from tests.bench import bare, bare_find, documents
from tests.bench.children import measured
from tests.bench.drain import Drained, bare_of, drained
from tests.bench.ground import DATABASE, Ground, token
from tests.bench.installed import script
from tests.bench.peers import positions, topics
from tests.bench.peers.contenders import Cdc, Contender, Positions
from tests.bench.peers.settings import Images
from tests.bench.peers.spoken import Change
from tests.bench.peers.works import Work

LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Measured:
    """A work's runs, in order, by who ran; the limit's by `LIMIT`, where it has one."""

    name: str
    title: str
    events: int
    event_bytes: int
    runs: dict[str, list[Drained]] = field(default_factory=dict)

    @property
    def in_megabytes(self) -> bool:
        """Whether its rate is better told so."""
        return self.event_bytes > 10_000

    def add(self, who: str, run: Drained, tell: Tell) -> None:
        self.runs.setdefault(who, []).append(run)
        tell(
            f"{self.title}, {who}: {run.rate:,.0f}/s, first after {run.start_s:.2f} s, "
            f"{run.cpu_us:.1f} µs, {run.peak_bytes / 1e6:.0f} MB"
        )


def load(ground: Ground, contenders: Sequence[Contender], events: int, times: int, tell: Tell) -> Measured:
    """The first load of a collection; the limit is the bare find."""
    collection = ground.collection()
    documents.insert(collection, documents.records(events))
    expected = [Change(str(each["_id"]), "r", after=True, before=False) for each in documents.records(events)]
    result = Measured("load", "First load", events, _size(collection))
    ground.settle()
    bare_command = [*script(bare_find.__file__), _uri(ground), DATABASE, collection.name]
    for turn in range(times):
        result.add(LIMIT, bare_of(measured(bare_command, ground.empty(), ground.env), events), tell)
        for contender in turned(contenders, turn):
            with topics.fresh(ground, contender.topic(collection.name), topics.TIMED) as topic:
                used = contender.load(ground, collection.name, events)
                times_ms = topics.appended(ground, topic, contender.parse, expected, images=True)
                result.add(contender.name, drained(used, times_ms), tell)
    collection.drop()
    return result


def drain(ground: Ground, contenders: Sequence[Contender], work: Work, times: int, tell: Tell) -> Measured:
    """A backlog of the work's changes; the limit, of inserts alone, is the bare stream."""
    collection = ground.collection(changeStreamPreAndPostImages={"enabled": work.images is Images.BOTH})
    work.prepare(collection)
    stand = positions.saved(ground, collection)
    expected = work.make(collection)
    result = Measured(work.name, work.title, work.events, _size(collection))
    deletes = sum(change.kind == "d" for change in expected)
    ground.settle()
    for turn in range(times):
        if work.images is Images.NONE:
            result.add(LIMIT, _bare(ground, collection, stand, work.events), tell)
        for contender in turned(contenders, turn):
            records = work.events + (deletes if contender.tombstones else 0)
            with topics.fresh(ground, contender.topic(collection.name), topics.TIMED) as topic:
                used = contender.drain(ground, collection.name, work.images, stand, records)
                times_ms = topics.appended(ground, topic, contender.parse, expected, images=work.exact)
                result.add(contender.name, drained(used, times_ms), tell)
    collection.drop()
    return result


def _bare(ground: Ground, collection: Collection[dict[str, Any]], stand: Positions, events: int) -> Drained:
    position = json.dumps(token(stand[Cdc.name]))
    command = [*script(bare.__file__), _uri(ground), DATABASE, collection.name, position, str(events)]
    return bare_of(measured(command, ground.empty(), ground.env), events)


def turned(contenders: Sequence[Contender], turn: int) -> list[Contender]:
    """Another one is the first in each round."""
    first = turn % len(contenders)
    return [*contenders[first:], *contenders[:first]]


def _uri(ground: Ground) -> str:
    return ground.env["CDC_MONGO__URI"]


def _size(collection: Collection[dict[str, Any]]) -> int:
    """Of a document, in bytes, on average."""
    told = next(collection.aggregate([{"$collStats": {"storageStats": {}}}]))
    return int(told["storageStats"]["avgObjSize"])
