"""What systemd asks for in the environment, and what it hears."""

import os
import threading
import time
from collections.abc import Mapping

import pytest

from cdc.ops import systemd as told
from cdc.progress import Progress
from tests.support.systemd import systemd
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_it_hears_that_the_process_lives_twice_as_often_as_it_waits(
    environ: Mapping[str, str], seconds: float | None
) -> None:
    assert told.beat(environ) == seconds


def test_it_hears_of_readiness_once_and_of_life_while_the_loop_turns() -> None:
    progress = Progress("p")
    with systemd() as listening:
        environ = {"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "100000"}
        with told.told(progress, threading.Event(), environ):
            until(lambda: "STATUS=waiting: the source has not been opened yet" in listening.heard, what="a status")
            assert "READY=1" not in listening.heard
            progress.stood.set()

            def lives() -> bool:
                progress.turned = time.monotonic()
                return listening.heard.count("WATCHDOG=1") >= 5

            until(lives, what="five beats")
            still = listening.heard.count("WATCHDOG=1")
            end = time.monotonic() + 1
            until(lambda: time.monotonic() > end, what="ten beats without a turn")
            assert listening.heard.count("WATCHDOG=1") <= still + 1
        assert listening.heard.count("READY=1") == 1
        assert listening.heard[-1] == "STOPPING=1"
        assert listening.heard.count("STOPPING=1") == 1


def test_a_rest_that_was_announced_is_no_death() -> None:
    progress = Progress("p")
    progress.rests(60)
    with systemd(abstract=True) as listening:
        environ = {"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "100000"}
        with told.told(progress, threading.Event(), environ):
            until(lambda: listening.heard.count("WATCHDOG=1") >= 5, what="five beats")


def test_a_run_that_ends_before_it_is_looked_at_was_ready_all_the_same() -> None:
    progress = Progress("p")
    with systemd() as listening:
        with told.told(progress, threading.Event(), {"NOTIFY_SOCKET": listening.address}):
            progress.stood.set()
        assert [line for line in listening.heard if not line.startswith("STATUS=")] == ["READY=1", "STOPPING=1"]


def test_a_systemd_that_does_not_listen_does_not_matter() -> None:
    with told.told(Progress("p"), threading.Event(), {"NOTIFY_SOCKET": "/nowhere/notify"}):
        pass
