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
        window.begin(now, resumed=window.at is not None)
        above, behind = window.bounds
        found = self.rows(now, above, behind)
        end = self._random.randrange(len(found) + 1) if kill else None
        for row in found[:end]:
            if window.is_new(row.place, b"%d" % row.key):
                self.sent.append(row.key)
            window.read_to(row.place)
        if end is None:
            window.end(now + seconds)
        else:
            self.restart()

    def rows(self, now: float, above: int | None, behind: Place | None) -> list[Row]:
        found = [row for row in self._rows if row.committed <= now and (above is None or row.increment > above)]
        return [row for row in found if behind is None or row.place > behind]

    def load(self, now: float, rounds: list[int]) -> None:
        """The first read, of so many rows and a kill each time, and then to the end."""
        behind: Place | None = None
        for most in (*rounds, None):
            self.window.begin(now, resumed=behind is not None, first=True)
            for row in self.rows(now, None, behind)[:most]:
                self.window.is_new(row.place, b"%d" % row.key)
                self.sent.append(row.key)
                behind = row.place
            if most is None:
                self.window.end(now)
            else:
                self.restart()

    def restart(self) -> None:
        saved = decoded(encoded(self.window.saved()))
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


@pytest.mark.parametrize("seed", range(6))
def test_more_rows_of_one_increment_than_are_remembered_are_sent_once_whatever_is_killed(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MOST_ROWS", 1000)
    model = Model([Row(7, key, 0) for key in range(3000)], random.Random(seed))
    for now in range(8):
        model.poll(now, seconds=0, kill=now < 7)
    assert set(model.sent) == set(range(3000))
    assert len(model.sent) <= 4000


@pytest.mark.parametrize("seed", range(12))
def test_a_load_of_more_rows_than_a_position_holds_is_sent_once_whatever_is_killed(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MOST_SAVED", 1000)
    random_ = random.Random(seed)
    ties = random_.choice([1, 7, 150])
    model = Model([Row(key // ties, key, 0) for key in range(5000)], random_)
    model.load(0, [random_.randrange(3000) for _ in range(random_.randrange(4))])
    for now in (1, 20, 40, 60):
        model.poll(now, seconds=0, kill=False)
        model.restart()
    assert sorted(model.sent) == list(range(5000))
    model.window.begin(61)
    assert model.window.bounds == (4999 // ties, None)


def test_late_rows_are_found_by_runs_that_are_shorter_than_the_lag() -> None:
    rows = [Row(n, n, n) for n in range(100)] + [Row(40, 1040, 40 + LAG - 2.1)]
    model = Model(rows, random.Random(1))
    for now in range(0, 120, 3):
        model.poll(now, seconds=0, kill=False)
        model.restart()
    assert sorted(model.sent) == sorted(row.key for row in rows)
    assert model.window.floor == 99


def test_an_idle_table_is_asked_for_what_is_above_its_last_row_alone() -> None:
    model = Model([Row(n, n, 0) for n in range(50)], random.Random(1))
    for now in (1, 2, 13, 14):
        model.poll(now, seconds=0, kill=False)
    model.window.begin(15)
    assert model.window.floor == 49
    assert model.sent == list(range(50))


def test_a_row_that_changes_within_the_lag_is_sent_each_time_though_its_increment_stays() -> None:
    window = Window("at", LAG)
    states = [b"a", b"b", b"a", b"a"]
    new = []
    for now, state in enumerate(states):
        window.begin(float(now))
        new.append(window.is_new(Place(1, (1,)), state))
        window.end(float(now))
    assert new == [True, True, True, False]


def test_what_is_remembered_is_bounded_and_what_is_forgotten_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "MOST_ROWS", 1000)
    window = Window("at", LAG)
    window.begin(0)
    for number in range(5000):
        assert window.is_new(Place(number, (number,)), b"x")
    window.end(1)
    assert window.floor == 3999
    window.begin(2)
    assert not any(window.is_new(Place(number, (number,)), b"x") for number in range(4000, 5000))
    assert len(window.saved()["seen"]) == 16 * 1000


@pytest.mark.parametrize(("ties", "crowded"), [(1, False), (900, False), (1200, True)])
def test_it_is_told_where_the_last_increment_has_more_rows_than_are_remembered(
    ties: int,
    crowded: bool,  # noqa: FBT001 - a parameter of a test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "MOST_ROWS", 1000)
    model = Model([Row(min(key, 3000 - ties), key, 0) for key in range(3000)], random.Random(1))
    for now, said in ((1, crowded), (2, False)):
        model.poll(now, seconds=0, kill=False)
        assert model.window.crowded == said


def test_many_digests_are_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MOST_SAVED", 10)
    window = Window("at", LAG)
    window.begin(0)
    for number in range(11):
        window.is_new(Place(number, (number,)), b"x")
    assert window.saved()["seen"] == b""
