"""How far a load is, as a person, the log and Prometheus are told."""

import math
import threading
import time
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from structlog.testing import capture_logs

from cdc.events import CANCELLED, DONE, Chunk, Load, Position
from cdc.ops import live, loading
from cdc.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock stands at its only element."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def at(documents: int, **changes: Any) -> Position:  # noqa: ANN401 - whatever a load has
    load = Load("id", estimated=10_000, chunks=(Chunk("a"),) * 3, chunks_done=2, documents=documents)
    return Position(load=Load(**{name: getattr(load, name) for name in load.__slots__} | changes))


def shown(progress: Progress) -> str:
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        console.print(loading.bar(progress))
    return captured.get()


def test_pace_and_time_left_are_those_of_the_last_seconds(clock: list[float]) -> None:
    progress = Progress("p")
    assert progress.seconds_left == 0
    progress.reached(at(0))
    assert math.isnan(progress.seconds_left)
    for second in range(1, 30):
        clock[0] += 1
        progress.reached(at(100 * second if second < 15 else 1400 + 200 * (second - 14)))
    assert progress.pace.per_second == 200
    assert progress.seconds_left == (10_000 - 4_400) / 200
    progress.reached(at(10_500))
    assert progress.seconds_left == 0, "more than was estimated"
    progress.reached(at(10_500, ended=DONE))
    assert progress.seconds_left == 0


def test_a_load_that_stands_still_has_a_falling_pace(clock: list[float]) -> None:
    progress = Progress("p")
    for _ in range(2):
        progress.reached(at(int(clock[0])))
        clock[0] += 1
    before = progress.pace.per_second
    clock[0] += 60
    assert progress.pace.per_second < before / 10


def test_another_load_has_a_pace_of_its_own(clock: list[float]) -> None:
    progress = Progress("p")
    for documents in (0, 5000):
        progress.reached(at(documents))
        clock[0] += 1
    progress.reached(at(0, id="next"))
    assert progress.pace.per_second == 0


def test_the_bar_says_how_far_how_fast_and_how_long(clock: list[float]) -> None:
    progress = Progress("p", trouble=None)
    progress.reached(at(0))
    assert "0 of about 10,000 documents · 0/s · time left unknown · 2/5 chunks" in shown(progress)
    clock[0] += 5
    progress.reached(at(2500))
    assert "2,500 of about 10,000 documents · 500/s · 0:00:15 left · 2/5 chunks" in shown(progress)
    progress.reached(at(2500, estimated=0))
    assert " 2,500 documents · 500/s · time left unknown" in shown(progress)


def test_the_bar_stands_in_place_of_the_line_while_there_is_a_load() -> None:
    progress, rate = Progress("p", trouble=None), live.Rate()
    progress.reached(at(1))
    assert isinstance(live.shown(progress, rate), Table)
    progress.trouble = "MongoDB cannot be reached"
    assert str(live.shown(progress, rate)) == "waiting: MongoDB cannot be reached"
    progress.trouble = None
    progress.reached(at(2, ended=DONE))
    assert "records/s" in str(live.shown(progress, rate))


def told(*positions: Position) -> list[tuple[str, str, int]]:
    progress = Progress("p")
    with capture_logs() as logs:
        for position in positions:
            progress.reached(position)
    return [(line["event"], line["log_level"], line["documents"]) for line in logs]


def test_a_load_that_begins_and_one_that_ends_are_told_once() -> None:
    begun, done = ("load under way", "info", 0), ("loaded", "info", 9)
    assert told(at(0), at(5), at(9, ended=DONE), at(9, ended=DONE)) == [begun, done]
    assert told(Position(), at(9, ended=DONE)) == [done]
    assert told(at(9, ended=DONE), at(0, id="next")) == [begun], "it had ended before this process began"
    cancelled = ("load ended before it was done", "warning", 5)
    assert told(at(0), at(5, ended=CANCELLED)) == [begun, cancelled]


def test_documents_without_the_increment_field_are_told() -> None:
    progress = Progress("p", frontier=at(0))
    with capture_logs() as logs:
        progress.reached(at(9, bare=2, ended=DONE))
        progress.reached(at(9, id="next", bare=9, ended=DONE))
    assert [line["without_increment_field"] for line in logs] == [2, 9]
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("loaded", "info"),
        ("loaded, though no document has the increment field", "warning"),
    ]


def test_the_log_is_told_now_and_then_while_a_load_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "TOLD_SECONDS", 0.01)
    progress = Progress("p", frontier=at(2500))
    told = threading.Event()
    lines: list[tuple[str, dict[str, object]]] = []

    def log(event: str, **line: object) -> None:
        lines.append((event, line))
        told.set()

    monkeypatch.setattr(loading.log, "info", log, raising=False)
    with loading.told(progress):
        assert told.wait(5)
    count = len(lines)
    assert lines[0] == (
        "loading",
        {
            "load": "id",
            "documents": 2500,
            "estimated": 10_000,
            "per_second": 0,
            "seconds_left": None,
            "chunks": "2/5",
            "pipeline": "p",
        },
    )
    with loading.told(Progress("p", frontier=at(2500, ended=DONE))):
        pass
    assert len(lines) == count


def test_what_the_source_has_to_say_is_logged_once() -> None:
    progress = Progress("p")
    with capture_logs() as logs:
        progress.notify("deletes are not seen")
        progress.notify("deletes are not seen")
    assert progress.notice == "deletes are not seen"
    assert [(line["event"], line["log_level"]) for line in logs] == [("deletes are not seen", "warning")]
