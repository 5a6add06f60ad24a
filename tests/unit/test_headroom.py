"""How much of the oplog is left, when it is gone, and when that is worth a word."""

import math
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from bson.timestamp import Timestamp
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from cdc.errors import AccessDenied, SourceUnreachable
from cdc.events import Position
from cdc.ops import headroom
from cdc.ops.headroom import EASE, LAGS_SECONDS, PACE_SECONDS, SETTLE_SECONDS, Forecast, Headroom, span
from cdc.progress import Progress
from cdc.source.oplog import Oplog, Window
from tests.support.waiting import until

START = 1_700_000_000
HOUR = 3600.0


def at(second: float) -> Timestamp:
    return Timestamp(START + int(second), 1)


def sample(name: str) -> float:
    value = REGISTRY.get_sample_value(name, {"pipeline": "p"})
    assert value is not None
    return value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (40.9, "40 s"),
        (60, "1 m"),
        (725, "12 m 5 s"),
        (11_400, "3 h 10 m"),
        (11_459, "3 h 10 m"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_headroom_that_shrinks_as_time_passes_is_gone_when_it_is_over() -> None:
    forecast = Forecast()
    told = [forecast.lag(now, HOUR - now) for now in range(0, 605, 5)]
    unknown = int(SETTLE_SECONDS) // 5
    assert all(map(math.isnan, told[:unknown]))
    assert told[unknown:] == pytest.approx([HOUR - now for now in range(int(SETTLE_SECONDS), 605, 5)])


def test_a_headroom_that_shrinks_thrice_as_fast_is_gone_in_a_third() -> None:
    forecast = Forecast()
    forecast.lag(0, HOUR)
    assert forecast.lag(300, HOUR - 900) == pytest.approx((HOUR - 900) / 3)


@pytest.mark.parametrize("later", [HOUR, HOUR + 60])
def test_a_headroom_that_stays_or_grows_is_never_gone(later: float) -> None:
    forecast = Forecast()
    forecast.lag(0, HOUR)
    assert forecast.lag(60, later) == math.inf


@pytest.mark.parametrize("left", [-1, -5])
def test_a_headroom_that_is_gone_is_gone_now(left: float) -> None:
    assert Forecast().lag(0, left) == 0


def test_the_pace_is_that_of_the_last_minutes() -> None:
    forecast = Forecast()
    forecast.lag(0, 10 * HOUR)
    forecast.lag(60, HOUR)
    assert forecast.lag(PACE_SECONDS + 30, HOUR) == math.inf


def test_while_the_position_follows_nothing_is_measured() -> None:
    forecast = Forecast()
    forecast.lag(0, HOUR)
    assert forecast.follow() == math.inf
    assert math.isnan(forecast.lag(60, HOUR - 60))


def told(progress: Progress, warn: float, rounds: Sequence[tuple[float, float, float]]) -> list[str]:
    """What the log says of rounds a minute apart, each the oplog's oldest entry, the position and the newest entry."""
    room = Headroom(progress, warn)
    with capture_logs() as logs:
        for minute, (oldest, position, newest) in enumerate(rounds):
            room.seen(Window(at(oldest), at(newest)), at(position), 60.0 * minute)
    return [line["event"] for line in logs]


def test_a_young_replica_set_is_no_reason_to_warn() -> None:
    progress = Progress("p")
    assert told(progress, HOUR, [(0, 30, 30), (0, 88, 90), (0, 150, 150 + LAGS_SECONDS)]) == []
    assert sample("cdc_oplog_headroom_seconds") == 150
    assert sample("cdc_oplog_lost_in_seconds") == math.inf
    assert progress.notice is None


def test_a_position_that_lags_is_warned_of_once_and_said_to_be_well_once() -> None:
    progress = Progress("p")
    stuck = [(0, 60, 60), (0, 60, 120), (0, 60, 180)]
    assert told(progress, HOUR, stuck) == ["the position is 1 m behind, and the oplog reaches back only 1 m further"]
    assert progress.notice == "the position is 2 m behind, and the oplog reaches back only 1 m further"
    again = Progress("p")
    assert told(again, HOUR, [*stuck, (0, 240, 240), (0, 300, 300)])[1:] == [
        "the position is no longer about to be lost"
    ]
    assert again.notice is None


def test_a_forecast_is_reason_enough() -> None:
    fast = [(9 * HOUR * minute / 60, 10 * HOUR, 10 * HOUR + 60 * minute) for minute in range(60)]
    assert told(Progress("p"), HOUR, fast) == ["at this rate the position is lost in 59 m 40 s"]
    assert sample("cdc_oplog_headroom_seconds") == 4140
    assert sample("cdc_oplog_lost_in_seconds") == pytest.approx(460)


def test_a_position_that_is_lost_is_called_so() -> None:
    assert told(Progress("p"), 0, [(100, 60, 200)]) == ["the oplog no longer reaches back to the position"]
    assert sample("cdc_oplog_headroom_seconds") == -40
    assert sample("cdc_oplog_lost_in_seconds") == 0


def test_at_the_border_it_is_said_once() -> None:
    warn = 100.0
    ease = warn * EASE
    border = [(0, left, 1000) for left in (99, 101, 99, ease - 1, 99)]
    assert len(told(Progress("p"), warn, border)) == 1
    assert len(told(Progress("p"), warn, [*border, (0, ease, 1000)])) == 2


def test_a_notice_of_the_source_stays() -> None:
    progress = Progress("p", notice="deletes are not seen")
    assert len(told(progress, HOUR, [(0, 60, 120)])) == 1
    assert progress.notice == "deletes are not seen"


def look(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> tuple[list[dict[str, Any]], int]:
    """The log of a watch whose oplog answers so, one after another, and how often it was asked by the end."""
    monkeypatch.setattr(headroom, "ASK_SECONDS", 0.01)
    asked, closed = iter(answers), threading.Event()
    count = 0

    def window() -> Window | None:
        nonlocal count
        count += 1
        answer = next(asked, None)
        if isinstance(answer, Exception):
            raise answer
        return cast("Window | None", answer)

    oplog = cast("Oplog", SimpleNamespace(window=window, close=closed.set))
    position = Position(time=at(60))
    with capture_logs() as logs, headroom.watched(oplog, Progress("p"), lambda: position, warn=HOUR):
        until(closed.is_set, what="an end of the looks")
    return [dict(line) for line in logs], count


def test_an_oplog_that_is_not_shown_is_mentioned_once_and_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    logs, count = look(monkeypatch, [AccessDenied("it does not show its oplog", hint="grant")])
    assert [(line["log_level"], line["event"], line["hint"]) for line in logs] == [
        ("info", "the oplog's headroom is not known", "grant")
    ]
    assert count == 1
    assert math.isnan(sample("cdc_oplog_headroom_seconds"))
    assert math.isnan(sample("cdc_oplog_lost_in_seconds"))


def test_a_server_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    logs, count = look(monkeypatch, [SourceUnreachable("gone", hint="wait"), Window(at(0), at(60))])
    assert count == 3
    assert {line["log_level"] for line in logs} <= {"debug"}
    assert sample("cdc_oplog_headroom_seconds") == 60
