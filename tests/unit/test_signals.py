"""The signals that end a run."""

import os
import pty
import signal
import subprocess
import sys

import pytest

TWICE = """
import os, sys
from cdc.app import signals

with signals() as stop:
    os.kill(os.getpid(), int(sys.argv[1]))
    assert stop.is_set()
    os.kill(os.getpid(), int(sys.argv[1]))
    raise AssertionError("still here")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_at_once_and_gives_the_terminal_its_cursor_back(number: int) -> None:
    ours, terminal = pty.openpty()
    try:
        done = subprocess.run([sys.executable, "-c", TWICE, str(int(number))], stderr=terminal, check=False)
    finally:
        os.close(terminal)
    with os.fdopen(ours, "rb", buffering=0) as screen:
        assert screen.read(100) == b"\x1b[?25h"
    assert done.returncode == 128 + number


def test_the_second_signal_writes_nothing_where_there_is_no_terminal() -> None:
    command = [sys.executable, "-c", TWICE, str(int(signal.SIGTERM))]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, b"", b"")
