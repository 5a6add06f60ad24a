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
from tests.demo.story import DemoFailedError, Size, Story

if TYPE_CHECKING:
    from cdc.local.stack import Stack

INTERRUPTED = 130
"""128 and SIGINT, as a shell has it."""


def main() -> int:
    """The exit code: 0 when topic and collection are the same, 1 when not, else that of what went wrong."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    screen = Screen(Console(highlight=False))
    folder = Path(tempfile.mkdtemp(prefix="cdc-demo-"))
    kept = folder / "watch.log"
    try:
        screen.title()
        found = run(folder, Size(), screen)
        screen.outcome(found)
    except CdcError as error:
        screen.error(str(error), error.hint)
        return error.exit_code
    except DemoFailedError as error:
        screen.error(str(error), f"the watcher's log is {kept}")
        return 1
    except KeyboardInterrupt:
        screen.error("interrupted", "nothing is left running")
        return INTERRUPTED
    if found.wrong:
        return 1
    shutil.rmtree(folder)
    return 0


def run(folder: Path, size: Size, screen: Screen) -> Outcome:
    """On servers of its own in `folder`, which are gone when it returns or raises.

    Raises:
        CdcError: the servers cannot be had.
        DemoFailedError: a step did not come to its end.
    """
    with _servers(folder / "servers", screen) as stack, ExitStack() as opened:
        return Story(stack.mongo_uri, stack.kafka, folder, size, screen, opened).tell()


@contextmanager
def _servers(folder: Path, screen: Screen) -> "Iterator[Stack]":
    from cdc.local import stack  # noqa: PLC0415 - raises where the extra `local` is missing

    with screen.step("servers", "starting MongoDB and Apache Kafka") as step:
        running = stack.up(folder, step.doing)
        step.done = "MongoDB and Apache Kafka, on 127.0.0.1"
    try:
        yield running
    finally:
        with screen.step("servers", "stopping") as step:
            stack.reset(folder)
            step.done = "stopped, and their data deleted"
