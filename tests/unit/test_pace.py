"""How much a load may read, and when."""

import time

import pytest

from cdc.source.pace import Pace

ROUND = 0.5


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock stands at its only element."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def read(pace: Pace, clock: list[float], *, seconds: float, batch: int) -> int:
    """Documents of a load that reads whenever it may, each batch in no time."""
    end, documents = clock[0] + seconds, 0
    while clock[0] < end:
        limits = pace.round()
        while not limits.over:
            limits.count(batch)
        documents += limits.documents
        clock[0] += pace.wait
    return documents


@pytest.mark.parametrize("rate", [1, 3, 250.5, 2000])
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_over_many_rounds_the_rate_is_kept(clock: list[float], rate: float, batch: int) -> None:
    seconds = max(20, 10 * batch / rate)
    documents = read(Pace(rate, ROUND), clock, seconds=seconds, batch=batch)
    ahead = max(batch, rate * ROUND) + 1
    assert rate * seconds - 1 <= documents <= rate * seconds + ahead


def test_a_slow_server_is_not_made_to_catch_up_afterwards(clock: list[float]) -> None:
    pace = Pace(100, ROUND)
    pace.round().count(50)
    clock[0] += 60
    assert pace.wait == 0
    pace.round().count(50)
    assert pace.wait == 0.5


def test_the_next_round_waits_for_what_the_last_one_read(clock: list[float]) -> None:
    pace = Pace(100, ROUND)
    assert pace.wait == 0, "nothing was read yet"
    limits = pace.round()
    limits.count(30)
    assert not limits.over
    limits.count(30)
    assert limits.over, "50 were allowed"
    assert limits.documents == 60
    assert pace.wait == pytest.approx(0.6)
    clock[0] += 0.4
    assert pace.wait == pytest.approx(0.2)


def test_the_time_of_a_round_is_bounded_with_a_rate_and_without(clock: list[float]) -> None:
    for rate in (None, 1e9):
        limits = Pace(rate, ROUND).round()
        clock[0] += ROUND - 0.01
        assert not limits.over
        clock[0] += 0.01
        assert limits.over


def test_without_a_rate_nothing_but_time_ends_a_round(clock: list[float]) -> None:
    del clock
    pace = Pace(None, ROUND)
    limits = pace.round()
    limits.count(10**9)
    assert not limits.over
    assert pace.wait == 0
    assert limits.most is None
    assert limits.share(4) is None


@pytest.mark.parametrize(("rate", "most"), [(100, 50), (101, 51), (1, 1), (0.01, 1)])
def test_a_round_has_its_part_of_the_rate_and_never_nothing(rate: float, most: int) -> None:
    assert Pace(rate, ROUND).round().most == most


@pytest.mark.parametrize(("lanes", "share"), [(1, 50), (3, 16), (50, 1), (200, 1)])
def test_a_lane_asks_for_its_share_and_never_for_nothing(lanes: int, share: int) -> None:
    assert Pace(100, ROUND).round().share(lanes) == share
