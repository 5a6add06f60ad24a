"""`python -m tests.bench.peers`: measure this project beside its peers, and write `PEERS.md` and `peers.svg`."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cdc.local.install import Tell
from tests.bench import command, machine
from tests.bench.ground import Ground, ground
from tests.bench.peers import chart, connect, latency, report, rounds, works
from tests.bench.peers.bars import Results
from tests.bench.peers.contenders import everyone
from tests.bench.peers.latency import Span
from tests.bench.peers.settings import CONNECTORS

FOLDER = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Size:
    """So many changes and so many large documents, so many times, with peers as `shipped` or only tuned.

    `warm` first loads come before and do not count: servers just started are slower for whoever comes first.
    """

    events: int
    large: int
    warm: int
    times: int
    shipped: bool
    span: Span


FULL = Size(100_000, 3_000, warm=2, times=3, shipped=True, span=Span(3, {200: 8, 2000: 4}))
QUICK = Size(5_000, 1_000, warm=1, times=1, shipped=False, span=Span(1, {200: 2, 2000: 1}))

QUICKLY = "3 minutes: one round of only tuned peers, of too few events to compare by; has no bars, writes no file"


def main() -> int:
    quick = command.quick("tests.bench.peers", __doc__, QUICKLY)
    size = QUICK if quick else FULL
    tell = _clock()
    for connector in CONNECTORS:
        connect.fetch(connector, tell)
    load = machine.load()
    tell("starting servers")
    with ground() as measuring:
        results = _measure(measuring, size, tell)
        bars = [] if quick else results.bars()
        text = report.text(
            results,
            bars,
            command="python -m tests.bench.peers --quick" if quick else "make bench-peers",
            versions=machine.versions(measuring.mongo),
            machine=machine.machine(),
            load=load,
            span=size.span,
        )
    if not quick:
        (FOLDER / "peers.svg").write_text(chart.draw(results))
    return command.answer(text, bars, None if quick else FOLDER / "PEERS.md")


def _measure(measuring: Ground, size: Size, tell: Tell) -> Results:
    contenders = everyone(shipped=size.shipped)
    tell("warming up the servers")
    rounds.load(measuring, contenders[:1], size.events, size.warm, tell)
    found = {"load": rounds.load(measuring, contenders, size.events, size.times, tell)}
    for work in works.drains(size.events, size.large):
        tell(f"{work.title}: making the changes")
        found[work.name] = rounds.drain(measuring, contenders, work, size.times, tell)
    return Results(found, latency.rounds(measuring, contenders, size.span, size.times, tell))


def _clock() -> Tell:
    """Tells each line with the minutes since now."""
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{(time.monotonic() - begun) / 60:5.1f} min  {line}", file=sys.stderr, flush=True)  # noqa: T201 - progress

    return tell


if __name__ == "__main__":
    sys.exit(main())
