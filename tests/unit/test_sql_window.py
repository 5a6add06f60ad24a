"""What polling a table sends, by a model of one whose rows are committed late."""

import random
from dataclasses import dataclass

import pytest

from cdc.source.sql import window as windows
from cdc.source.sql.places import Place, decoded, encoded
from cdc.source.sql.window import Window

LAG = 10.0


@dataclass
class Row:
    """Given its increment at one time, and seen by others from another one on."""

    increment: int
    key: int
    committed: float

    @property
    def place(self) -> Place:
        return Place(self.increment, (self.key,))


class Model:
    """A table, its watcher that may be killed at any row, and what was sent."""

    def __init__(self, rows: list[Row], random_: random.Random) -> None:
        self._rows = sorted(rows, key=lambda row: row.place)
        self._random = random_
        self.sent: list[int] = []
        self.window = Window("at", LAG)

    def poll(self, now: float, *, seconds: float, kill: bool) -> None:
        """Read in order as of `now`, which takes so long; killed at some row, it goes on from what was saved last."""
        window = self.window
        window.begin(now=now, resumed=window.at is not None)
        at, floor = window.at, window.floor
        found = [row for row in self._rows if row.committed <= now and (floor is None or row.increment > floor)]
        found = [row for row in found if at is None or row.place > at]
        end = self._random.randrange(len(found) + 1) if kill else None
        for row in found[:end]:
            if window.is_new(row.place, b"%d" % row.key):
                self.sent.append(row.key)
            window.read_to(row.place)
        if end is None:
            window.end(now=now + seconds)
        else:
            saved = decoded(encoded(window.saved()))
            self.window = Window("at", LAG)
            self.window.restore(saved)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_committed_within_the_lag_is_sent_once_whatever_is_killed(seed: int) -> None:
    random_ = random.Random(seed)
    given = sorted(random_.uniform(0, 100) for _ in range(300))
    ties = random_.choice([1, 3, 20])
    rows = [
        Row(int(time * 10) // ties, key, time + random_.choice([0, 0, 1, LAG - 2.1])) for key, time in enumerate(given)
    ]
    model, now = Model(rows, random_), 0.0
    while now < 100 + LAG:
        model.poll(now, seconds=random_.uniform(0, 0.5), kill=random_.random() < 0.2)
        now += random_.uniform(0.5, 1.5)
    model.poll(now, seconds=0, kill=False)
    assert sorted(model.sent) == list(range(300))


def test_an_idle_table_is_asked_for_what_is_above_its_last_row_alone() -> None:
    model = Model([Row(n, n, 0) for n in range(50)], random.Random(1))
    for now in (1, 2, 13, 14):
        model.poll(now, seconds=0, kill=False)
    model.window.begin(now=15)
    assert model.window.floor == 49
    assert model.sent == list(range(50))


def test_a_row_that_changes_within_the_lag_is_sent_each_time_though_its_increment_stays() -> None:
    window = Window("at", LAG)
    states = [b"a", b"b", b"a", b"a"]
    new = []
    for now, state in enumerate(states):
        window.begin(now=float(now))
        new.append(window.is_new(Place(1, (1,)), state))
        window.end(now=float(now))
    assert new == [True, True, True, False]


def test_what_is_remembered_is_bounded_and_what_is_forgotten_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "MOST_ROWS", 1000)
    window = Window("at", LAG)
    window.begin(now=0)
    for number in range(5000):
        assert window.is_new(Place(number, (number,)), b"x")
    window.end(now=1)
    assert window.floor == 3999
    window.begin(now=2)
    assert not any(window.is_new(Place(number, (number,)), b"x") for number in range(4000, 5000))
    assert len(window.saved()["seen"]) == 16 * 1000


def test_many_digests_are_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST_SAVED", 10)
    window = Window("at", LAG)
    window.begin(now=0)
    for number in range(11):
        window.is_new(Place(number, (number,)), b"x")
    assert window.saved()["seen"] == b""
