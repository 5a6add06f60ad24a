"""`python -m tests.bench`: measure on real servers of its own, and write `RESULTS.md` beside this file."""

import argparse
import signal
import sys
from pathlib import Path

from tests.bench import drain, exactly_once, latency, machine, memory, snapshot
from tests.bench.ground import ground
from tests.bench.results import Results

FILE = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    events, count, times, seconds = (20_000, 30_000, 1, 5) if arguments.quick else (200_000, 300_000, 3, 30)
    load = machine.load()
    _tell("starting servers")
    with ground() as measuring:
        _tell(f"latency at {latency.RATE} inserts a second, {seconds} s")
        waits = latency.measure(measuring, seconds)
        exact_waits = latency.measure(measuring, seconds, *exactly_once.EXACTLY_ONCE)
        rounds = []
        _tell(f"drain of {events:,} inserts, {times} times")
        for each in drain.rounds(measuring, events, times):
            _tell(f"bare {each.bare.rate:,.0f}/s, cdc {each.cdc.rate:,.0f}/s")
            rounds.append(each)
        loads = []
        _tell(f"first load of {count:,} documents, {times} times")
        for loaded in snapshot.rounds(measuring, count, times):
            told = ", ".join(f"{run.rate:,.0f}/s with {lanes} at once" for lanes, run in loaded.cdc.items())
            _tell(f"bare {loaded.bare.rate:,.0f}/s, cdc {told}")
            loads.append(loaded)
        _tell(f"exactly once, {times} times")
        exact_drains = list(exactly_once.drains(measuring, events, times))
        exact_loads = list(exactly_once.loads(measuring, count, times))
        _tell("1,000 documents of 1 MB")
        results = Results(
            events=events,
            rounds=rounds,
            documents=count,
            loads=loads,
            exact_drains=exact_drains,
            exact_loads=exact_loads,
            latency=waits,
            exact_latency=exact_waits,
            seconds=seconds,
            large_bytes=memory.peak(measuring),
        )
        text = results.text(
            command="python -m tests.bench --quick" if arguments.quick else "make bench",
            machine=machine.machine(),
            versions=machine.versions(measuring.mongo),
            load=load,
        )
    print(text)  # noqa: T201 - its answer
    if not arguments.quick:
        FILE.write_text(text)
    return 0 if all(bar.met for bar in results.bars) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer events, one round; writes no file")
    return parser.parse_args()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    sys.exit(main())
