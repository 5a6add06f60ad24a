"""What the endpoint and the live line are told: lag, and what is missing."""

import time
from typing import NoReturn

import pytest
from bson.timestamp import Timestamp

from cdc.events import Batch, Position
from cdc.progress import REPLY_GRACE, Progress

START = 1_700_000_000


def heartbeat(seconds: int | None) -> Batch:
    return Batch(b"", Position(), server_time=None if seconds is None else Timestamp(START + seconds, 1))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock stands at its only element."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_lag_is_the_servers_last_operation_against_the_acknowledged_position(clock: list[float]) -> None:
    del clock
    progress = Progress("p", frontier=Position(time=Timestamp(START, 5)))
    progress.heard(heartbeat(30))
    assert progress.lag == 30
    progress.frontier = Position(time=Timestamp(START + 30, 1))
    assert progress.lag == 0


def test_lag_rises_while_the_frontier_stands(clock: list[float]) -> None:
    del clock
    progress = Progress("p", frontier=Position(time=Timestamp(START, 1)))
    lags = []
    for seconds in (1, 5, 9):
        progress.heard(heartbeat(seconds))
        lags.append(progress.lag)
    assert lags == [1, 5, 9]


def test_lag_rises_while_the_server_is_silent_and_falls_when_it_speaks(clock: list[float]) -> None:
    progress = Progress("p", frontier=Position(time=Timestamp(START, 1)))
    progress.heard(heartbeat(3))
    clock[0] += REPLY_GRACE
    assert progress.lag == 3
    clock[0] += 7
    assert progress.lag == 10
    progress.heard(heartbeat(3))
    assert progress.lag == 3


@pytest.mark.parametrize("frontier", [None, Position(), Position(time=Timestamp(START, 1))])
def test_before_anything_is_known_lag_is_the_wait(clock: list[float], frontier: Position | None) -> None:
    progress = Progress("p", frontier=frontier, replied=clock[0])
    assert progress.lag == 0
    clock[0] += REPLY_GRACE + 4
    assert progress.lag == 4


def test_a_position_ahead_of_the_server_is_no_negative_lag() -> None:
    progress = Progress("p", frontier=Position(time=Timestamp(START + 9, 1)))
    progress.heard(heartbeat(0))
    assert progress.lag == 0


def test_a_reply_without_a_time_keeps_the_last_one(clock: list[float]) -> None:
    del clock
    progress = Progress("p", frontier=Position(time=Timestamp(START, 1)))
    progress.heard(heartbeat(4))
    progress.heard(heartbeat(None))
    assert progress.lag == 4


def test_missing_is_the_source_first_and_then_what_the_sink_finds() -> None:
    progress = Progress("p", probe=unasked)
    assert progress.missing == "the source has not been opened yet"
    progress.heard(heartbeat(0))
    progress.probe = lambda: "Kafka cannot be reached"
    assert progress.missing == "Kafka cannot be reached"
    progress.probe = lambda: None
    assert progress.missing is None
    progress.trouble = "MongoDB cannot be reached"
    progress.probe = unasked
    assert progress.missing == "MongoDB cannot be reached"


def unasked() -> NoReturn:
    pytest.fail("the sink was asked although the source is missing")
