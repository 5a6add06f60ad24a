"""`python -m tests.chaos`: break real servers under a running watcher; `tests/e2e/RESULTS.md` tells what came of it."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import TimeoutExpired

from cdc.errors import CdcError
from cdc.local import stack
from tests.chaos import results
from tests.chaos.checks import Outcome
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.ground import CannotRun, run, start
from tests.chaos.results import Row, now
from tests.chaos.servers import Kind, Servers, served


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = [fault for fault in FAULTS if _meant(fault, arguments.only)]
    failed = False
    with tempfile.TemporaryDirectory(prefix="cdc-chaos-") as name:
        for kind in Kind:
            faults = [fault for fault in chosen if fault.kind is kind]
            if not faults:
                continue
            folder = Path(name) / kind.value
            with ExitStack() as over:
                over.callback(stack.reset, folder)
                servers = over.enter_context(served(kind, partial(stack.up, folder)))
                for fault in faults:
                    for row in _done(servers, folder / f"runs-{FAULTS.index(fault)}", fault, arguments.part):
                        failed |= bool(row.wrong)
                        results.keep(row, [each.name for each in FAULTS])
                        _tell(row.line)
    return int(failed)


def _meant(fault: Fault, words: Sequence[str]) -> bool:
    """A whole name means that fault alone."""
    parts = [word for word in words if all(word != each.name for each in FAULTS)]
    return not words or fault.name in words or any(word in fault.name for word in parts)


def _done(servers: Servers, folder: Path, fault: Fault, part: float) -> Iterator[Row]:
    """What has come of it so far, after each run."""
    row, began = Row(fault.name, meant=max(1, round(fault.times * part))), time.monotonic()
    runs = min(fault.runs, row.meant)
    for number in range(runs):
        times = row.meant * (number + 1) // runs - row.meant * number // runs
        try:
            found = run(servers, folder / str(number), [fault] * times)
        except CannotRun as lacking:
            yield replace(row, lacking=str(lacking))
            return
        except (AssertionError, CdcError, TimeoutExpired) as error:
            _tell(f"{fault.name}, run {number + 1}: {error}")
            found, wrong = Outcome(), ["a run did not come to rest"]
            start(*servers.stack.servers)
            servers.mend()
        else:
            wrong = found.failures(exactly_once=fault.exactly_once)
        seconds = time.monotonic() - began
        row = replace(row, outcome=row.outcome + found, wrong=(*row.wrong, *wrong), seconds=seconds, at=now())
        yield row


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("only", nargs="*", help="words of the faults to do")
    parser.add_argument("--part", type=float, default=1.0, help="do each fault so often, of what is meant (default: 1)")
    return parser.parse_args()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    sys.exit(main())
