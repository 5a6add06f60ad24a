"""`python -m tests.chaos`: break real servers under a running watcher; `tests/e2e/RESULTS.md` tells what came of it."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cdc.local import stack
from tests.bench import machine
from tests.chaos.checks import Outcome
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.ground import run

FILE = Path(__file__).parents[1] / "e2e" / "RESULTS.md"

TEXT = """\
# What `{command}` broke, and what came of it

Written by the command itself on {date}. {machine}.

Each run: four writers with inserts, updates, replaces, deletes, updates of several documents and transactions, and
their log of what a majority confirmed; a watcher; the fault; then rest, and every document and every record compared.
*Lost*: operations of the log that the topic has not. *Doubled*: records of a change beside the first, as a consumer of
what is committed sees them. *Unlike*: documents whose last record is not the collection's. *Disordered*: records of a
key that do not come in the order of their times.

| fault | times | operations | records | lost | doubled | unlike | disordered | seconds a run |
|---|---|---|---|---|---|---|---|---|
{rows}
"""


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = [fault for fault in FAULTS if not arguments.only or any(word in fault.name for word in arguments.only)]
    rows, failed = [], False
    with tempfile.TemporaryDirectory(prefix="cdc-chaos-") as name:
        for three in (False, True):
            faults = [fault for fault in chosen if fault.three is three]
            if faults:
                found, bad = _all(Path(name) / str(three), faults, three=three, part=arguments.part)
                rows += found
                failed |= bad
    text = TEXT.format(
        command="make chaos" if arguments.part == 1 else f"python -m tests.chaos --part {arguments.part}",
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine.machine(),
        rows="\n".join(rows),
    )
    print(text)  # noqa: T201 - its answer
    if not arguments.only:
        FILE.write_text(text)
    return int(failed)


def _all(folder: Path, faults: Sequence[Fault], *, three: bool, part: float) -> tuple[list[str], bool]:
    nodes = 3 if three else 1
    rows, failed = [], False
    servers = stack.up(folder, mongo_nodes=nodes, brokers=nodes)
    try:
        for fault in faults:
            outcomes, began = [], time.monotonic()
            times = max(1, round(fault.times * part))
            for number in range(times):
                try:
                    outcome = run(servers, folder / f"{FAULTS.index(fault)}-{number}", fault)
                except AssertionError as error:
                    failed = True
                    _tell(f"{fault.name}, run {number + 1}: {error}")
                    servers.start()
                    continue
                outcomes.append(outcome)
                wrong = outcome.failures(exactly_once=fault.exactly_once)
                failed |= bool(wrong)
                _tell(f"{fault.name}, run {number + 1} of {times}: {outcome} {', '.join(wrong) or 'as it must be'}")
            rows.append(_row(fault, times, outcomes, (time.monotonic() - began) / times))
    finally:
        stack.reset(folder)
    return rows, failed


def _row(fault: Fault, times: int, outcomes: Sequence[Outcome], seconds: float) -> str:
    def total(name: str) -> str:
        return f"{sum(getattr(outcome, name) for outcome in outcomes):,}"

    done = f"{len(outcomes) * fault.many:,}" + ("" if len(outcomes) == times else f" of {times * fault.many:,}")
    names = ("operations", "records", "lost", "doubled", "differing", "disordered")
    return f"| {fault.name} | {done} | {' | '.join(map(total, names))} | {seconds:.0f} |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("only", nargs="*", help="words of the faults to do; then no file is written")
    parser.add_argument("--part", type=float, default=1.0, help="do each fault so often, of what is meant (default: 1)")
    return parser.parse_args()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    sys.exit(main())
