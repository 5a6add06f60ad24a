"""A loop that stands still, and what only looks like it."""

import json
import re
import subprocess
import sys
import threading
import time

import pytest

from cdc.cursor.memory import MemoryStore
from cdc.errors import ExitCode
from cdc.events import Position
from cdc.ops.stall import Standstill, Unhurried, stack
from cdc.progress import Progress
from tests.support.waiting import until

STILL = """
import os, sys, threading
from cdc.ops import logs, stall
from cdc.progress import Progress

logs.configure("json", debug=False)

def never_returns(document):
    while sys.argv[1:]:
        os.write(2, b"x" * 4096)
    threading.Event().wait()

with stall.watched(Progress("p"), 0.5):
    never_returns("q7hunter22Zk")
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock stands at its only element."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def looks(standstill: Standstill, clock: list[float], count: int) -> float:
    """What so many looks see, one a second."""
    seen = 0.0
    for _ in range(count):
        clock[0] += 1
        seen = standstill.look(1)
    return seen


def test_a_standstill_is_counted_from_the_last_turn(clock: list[float]) -> None:
    progress = Progress("p", turned=clock[0])
    standstill = Standstill(progress)
    assert looks(standstill, clock, 5) == 5
    progress.turned = clock[0]
    assert looks(standstill, clock, 1) == 0
    assert looks(standstill, clock, 3) == 3


def test_a_process_that_was_stopped_has_not_stood_still(clock: list[float]) -> None:
    standstill = Standstill(Progress("p", turned=clock[0]))
    assert looks(standstill, clock, 1) == 1
    clock[0] += 3600
    assert standstill.look(1) == 2


def test_a_rest_that_was_announced_is_no_standstill(clock: list[float]) -> None:
    progress = Progress("p", turned=clock[0])
    standstill = Standstill(progress)
    progress.rests(10)
    progress.rests(2)
    assert looks(standstill, clock, 10) == 0
    assert looks(standstill, clock, 4) == 4


def test_a_store_that_takes_its_time_is_no_standstill(clock: list[float]) -> None:
    progress = Progress("p", turned=clock[0])
    standstill = Standstill(progress)
    seen = []

    class Slow(MemoryStore):
        def load(self) -> Position | None:
            seen.append(looks(standstill, clock, 90))
            return super().load()

        def save(self, position: Position) -> None:
            seen.append(looks(standstill, clock, 40))
            super().save(position)

    unhurried = Unhurried(Slow(), progress)
    unhurried.save(Position())
    progress.turned = clock[0]
    assert unhurried.load() == Position()
    assert seen == [0, 0]
    progress.turned = clock[0]
    assert looks(standstill, clock, 4) == 3


def test_a_thread_is_shown_by_its_functions() -> None:
    began, goes = threading.Event(), threading.Event()

    def waits() -> None:
        began.set()
        goes.wait()

    thread = threading.Thread(target=waits)
    thread.start()
    try:
        assert began.wait(10)
        ident = thread.ident
        assert ident is not None
        until(lambda: "threading.Event.wait:" in stack(ident), what="its wait")
        shown = stack(ident)
    finally:
        goes.set()
        thread.join()
    assert f"{__name__}.test_a_thread_is_shown_by_its_functions.<locals>.waits:" in shown
    assert shown.index("waits:") < shown.index("threading.Event.wait:")
    assert stack(ident) == ""


def test_a_loop_that_stands_still_ends_the_process_and_says_where() -> None:
    done = subprocess.run([sys.executable, "-c", STILL], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == ExitCode.UNREACHABLE
    told = json.loads(done.stderr)
    assert (told["level"], told["event"]) == ("error", "the loop stands still; the process ends")
    assert re.search(r"__main__\.never_returns:\d+ > threading\.Event\.wait:\d+", told["stack"])
    assert "q7hunter22Zk" not in done.stderr


def test_a_log_that_nobody_reads_does_not_keep_it() -> None:
    with subprocess.Popen([sys.executable, "-c", STILL, "fill"], stderr=subprocess.PIPE) as process:
        assert process.wait(30) == ExitCode.UNREACHABLE
