"""`python -m tests.bench.peers`: measure this project beside its peers, and write `PEERS.md` and `peers.svg`."""

import argparse
import signal
import sys
import time
from pathlib import Path

from cdc.local.install import Tell
from tests.bench import machine
from tests.bench.ground import Ground, ground
from tests.bench.peers import chart, connect, latency, report, rounds, works
from tests.bench.peers.bars import Results
from tests.bench.peers.contenders import everyone
from tests.bench.peers.settings import CONNECTORS

FOLDER = Path(__file__).parents[1]


def main() -> int:
    quick = _arguments().quick
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    tell = _clock()
    for connector in CONNECTORS:
        connect.fetch(connector, tell)
    load = machine.load()
    tell("starting servers")
    with ground() as measuring:
        results = _measure(measuring, tell, quick=quick)
        text = report.text(
            results,
            command="python -m tests.bench.peers --quick" if quick else "make bench-peers",
            versions=machine.versions(measuring.mongo),
            machine=machine.machine(),
            load=load,
        )
    print(text)  # noqa: T201 - its answer
    if not quick:
        (FOLDER / "PEERS.md").write_text(text)
        (FOLDER / "peers.svg").write_text(chart.draw(results))
    return 0 if all(bar.met for bar in results.bars()) else 1


def _measure(measuring: Ground, tell: Tell, *, quick: bool) -> Results:
    events, large, times = (5_000, 500, 1) if quick else (100_000, 5_000, 3)
    contenders = everyone(shipped=not quick)
    found = {"load": rounds.load(measuring, contenders, events, times, tell)}
    for work in works.drains(events, large):
        tell(f"{work.title}: making the changes")
        found[work.name] = rounds.drain(measuring, contenders, work, times, tell)
    return Results(found, latency.rounds(measuring, contenders, times, tell))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer events, one round, only tuned peers; writes no file"
    )
    return parser.parse_args()


def _clock() -> Tell:
    """Tells each line with the minutes since now."""
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{(time.monotonic() - begun) / 60:5.1f} min  {line}", file=sys.stderr, flush=True)  # noqa: T201 - progress

    return tell


if __name__ == "__main__":
    sys.exit(main())
