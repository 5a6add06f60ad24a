"""The demo's servers, its story and its end, whatever happens in between."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cdc.errors import CdcError
from tests.demo.outcome import Outcome
from tests.demo.screen import Screen
from tests.demo.story import LOG, WATCH, DemoFailedError, Size, Story

if TYPE_CHECKING:
    from cdc.local.stack import Stack

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
"""128 and SIGINT, as a shell has it."""


def main() -> int:
    """The exit code: 0 when topic and collection are the same, 1 when not, else that of what went wrong."""
    for number in STOPS:
        signal.signal(number, signal.default_int_handler)
    screen = Screen(Console(highlight=False))
    screen.title(f"cdc {' '.join(WATCH)}")
    folder = Path(tempfile.mkdtemp(prefix="cdc-demo-"))
    try:
        found = run(folder, Size(), screen)
    except CdcError as error:
        if not any(folder.rglob("*.log")):
            shutil.rmtree(folder)
        screen.error(str(error), error.hint)
        return error.exit_code
    except DemoFailedError as error:
        screen.error(str(error), f"its log is {folder / LOG}")
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        screen.error("interrupted", "nothing is left running")
        return INTERRUPTED
    screen.outcome(found)
    if found.wrong:
        screen.error("the topic is not the collection", f"the watcher's log is {folder / LOG}")
        return 1
    shutil.rmtree(folder)
    return 0


def run(folder: Path, size: Size, screen: Screen) -> Outcome:
    """On servers of its own in `folder`, which are gone when it returns or raises; the watcher's log stays.

    Raises:
        CdcError: the servers cannot be had.
        DemoFailedError: a step did not come to its end.
    """
    with _servers(folder / "servers", screen) as stack, ExitStack() as opened:
        return Story(stack.mongo_uri, stack.kafka, folder, size, screen, opened).tell()


@contextmanager
def _servers(folder: Path, screen: Screen) -> "Iterator[Stack]":
    from cdc.local import install, stack  # noqa: PLC0415 - raises where the extra `local` is missing

    servers = f"MongoDB {install.MONGODB} and Apache Kafka {install.KAFKA}"
    try:
        with screen.step("servers", f"starting {servers}") as step:
            running = stack.up(folder, step.doing)
            step.done = f"{servers} on 127.0.0.1"
        yield running
    finally:
        with _undisturbed():
            if stack.status(folder):
                with screen.step("stopped", "stopping the servers") as step:
                    stack.reset(folder)
                    step.done = "the servers, and their data deleted"


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave a server behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
