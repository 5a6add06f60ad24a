"""`python -m tests.bench`: measure on real servers of its own, and write `RESULTS.md` beside this file."""

import sys
from pathlib import Path

from tests.bench import command, drain, exactly_once, latency, machine, memory, snapshot
from tests.bench.command import tell
from tests.bench.ground import ground
from tests.bench.results import Results

FILE = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    quick = command.quick("tests.bench", __doc__, "fewer events, one round; writes no file")
    events, count, times, seconds = (20_000, 30_000, 1, 5) if quick else (200_000, 300_000, 3, 30)
    load = machine.load()
    tell("starting servers")
    with ground() as measuring:
        tell(f"latency at {latency.RATE} inserts a second, {seconds} s")
        waits = latency.measure(measuring, seconds)
        exact_waits = latency.measure(measuring, seconds, *exactly_once.EXACTLY_ONCE)
        rounds = []
        tell(f"drain of {events:,} inserts, {times} times")
        for each in drain.rounds(measuring, events, times):
            tell(f"bare {each.bare.rate:,.0f}/s, cdc {each.cdc.rate:,.0f}/s")
            rounds.append(each)
        loads = []
        tell(f"first load of {count:,} documents, {times} times")
        for loaded in snapshot.rounds(measuring, count, times):
            told = ", ".join(f"{run.rate:,.0f}/s with {lanes} at once" for lanes, run in loaded.cdc.items())
            tell(f"bare {loaded.bare.rate:,.0f}/s, cdc {told}")
            loads.append(loaded)
        tell(f"exactly once, {times} times")
        exact_drains = list(exactly_once.drains(measuring, events, times))
        exact_loads = list(exactly_once.loads(measuring, count, times))
        tell("1,000 documents of 1 MB")
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
            command="python -m tests.bench --quick" if quick else "make bench",
            machine=machine.machine(),
            versions=machine.versions(measuring.mongo),
            load=load,
        )
    return command.answer(text, results.bars, None if quick else FILE)


if __name__ == "__main__":
    sys.exit(main())
