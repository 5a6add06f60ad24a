"""The bench beside the peers, as far as it needs no servers."""

from xml.etree import ElementTree as ET

import pytest
from confluent_kafka import Message

from tests.bench.drain import Drained
from tests.bench.peers import chart, spoken, works
from tests.bench.peers.bars import Results
from tests.bench.peers.latency import Latency
from tests.bench.peers.rounds import LIMIT, Measured
from tests.bench.peers.spoken import Change, Parse

ID = "000000006800d8e7046a09b9"
CHANGE = Change(ID, "u", after=True, before=False)

SAID = {
    "cdc": (spoken.cdc, b"", b'{"op":"update","key":{"_id":{"$oid":"%s"}},"after":{"n":1},"before":null}'),
    "debezium": (
        spoken.debezium,
        b'{"id":"{\\"$oid\\": \\"%s\\"}"}' % ID.encode(),
        b'{"before":null,"after":"{\\"n\\": 1}","op":"u"}',
    ),
    "mongodb as shipped": (
        spoken.mongodb,
        b"",
        b'{"_id":{"_data":"82"},"operationType":"update","documentKey":{"_id":{"$oid":"%s"}},"fullDocument":{"n":1}}',
    ),
    "mongodb tuned": (
        spoken.mongodb,
        b"",
        b'{"_id":{"_data":"82"},"operationType":"update","documentKey":{"_id":"%s"},"fullDocument":{"n":1}}',
    ),
}


@pytest.mark.parametrize(("parse", "key", "value"), SAID.values(), ids=SAID)
def test_the_same_change_is_read_out_of_everyones_record(parse: Parse, key: bytes, value: bytes) -> None:
    assert parse(Message(topic="t", key=key, value=value.replace(b"%s", ID.encode()))) == CHANGE


def test_every_change_of_a_work_is_one_that_can_be_made() -> None:
    for work in works.drains(500, 10):
        there = {str(document["_id"]) for document in work.before(work.events)}
        made = [change for _, change in work.changes(work.events)]
        assert len(made) == work.events
        for change in made:
            assert (change.identity in there) == (change.kind != "c")
            (there.discard if change.kind == "d" else there.add)(change.identity)


def _results() -> Results:
    """The peer is a hundred times slower in everything, and the limit twice as fast."""
    fast, slow, limit = Drained(6000, 0.5, 10, 10**8), Drained(60, 50, 1000, 10**10), Drained(12000, 0.3, 5, 10**7)
    names = [("load", "First load"), *((work.name, work.title) for work in works.drains(1, 1))]
    runs = {"cdc": [fast], "peer": [slow], LIMIT: [limit]}
    waits = {
        "cdc": [Latency(2, 3, 4, 5, 200)],
        "peer": [Latency(200, 300, 400, 500, 200)],
        LIMIT: [Latency(1, 1, 1, 1, 200)],
    }
    return Results({name: Measured(name, title, 1, 500, runs) for name, title in names}, {200: waits, 2000: waits})


def test_bars_compare_with_the_peer_and_with_the_limit() -> None:
    missed = [bar.what for bar in _results().bars() if not bar.met]
    assert missed == ["Insert drain: 0.9 of the limit"]


def test_the_chart_has_a_bar_for_everyone_in_every_figure() -> None:
    svg = ET.fromstring(chart.draw(_results()))  # noqa: S314 - our own
    kinds = [shape.get("class") for shape in svg.iter("{http://www.w3.org/2000/svg}rect")]
    assert kinds.count("ours") == kinds.count("peer") == len(chart.panels(_results()))
