import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc.local.stack import reset, status

pytestmark = pytest.mark.servers


def local(*arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    """Runs `cdc local` as a process of its own."""
    command = [sys.executable, "-m", "cdc", "local", *arguments]
    return subprocess.run(command, input=told, capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "servers"
    reset(tmp_path / "servers")


def test_the_servers_outlive_the_command_that_started_them(folder: Path) -> None:
    at = f"--dir={folder}"
    first = local("up", at)
    assert first.returncode == 0, first.stderr
    stack = status(folder)
    assert stack
    assert stack.running
    for name, value in stack.environment().items():
        assert f"export {name}='{value}'\n" in first.stdout
    assert "starting kafka-1" in first.stderr

    second = local("up", at)
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")

    shown = local("status", at)
    assert shown.returncode == 0
    assert all(address in shown.stdout for address in stack.environment().values())
    for server in stack.servers:
        assert re.search(rf"^{server.name} +{server.address} +{server.pid} ", shown.stdout, re.MULTILINE)

    assert local("down", at).returncode == 0
    assert not stack.running
    stopped = local("status", at)
    assert stopped.returncode == 3
    assert stopped.stdout.count(" stopped ") == 2

    kept = local("reset", at, told="n\n")
    assert kept.returncode != 0
    assert status(folder)
    assert local("reset", at, "--yes").returncode == 0
    assert status(folder) is None


def test_an_interrupt_while_starting_leaves_nothing(folder: Path) -> None:
    command = [sys.executable, "-m", "cdc", "local", "up", f"--dir={folder}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as starting:
        assert starting.stderr
        assert any("starting kafka-1" in line for line in starting.stderr)
        started = status(folder)
        assert started
        assert started.mongo[0].running
        starting.send_signal(signal.SIGINT)
        starting.communicate(timeout=60)
    assert starting.returncode != 0
    assert not started.mongo[0].running
    assert status(folder) is None


def test_no_servers_are_no_failure_but_for_status(folder: Path) -> None:
    for command, code in (("status", 3), ("down", 0), ("reset", 0)):
        done = local(command, f"--dir={folder}", *(["--yes"] if command == "reset" else []))
        assert (done.returncode, done.stderr) == (code, "")
        assert "no servers in" in done.stdout


@pytest.mark.parametrize(
    ("option", "message", "hint"),
    [
        ("--mongo-version=1.2.3", "--mongo-version 1.2.3: not a version that can be had", "use one of 6.0.5, 6.0.27"),
        ("--with=mariadb,oracle", "--with oracle: not a server that can be had", "use mariadb or postgres, or both"),
    ],
)
def test_a_user_s_mistake_is_one_line_and_a_hint(folder: Path, option: str, message: str, hint: str) -> None:
    done = local("up", f"--dir={folder}", option)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {message}\nhint: {hint}")
    assert done.stderr.count("\n") == 2
