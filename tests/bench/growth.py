"""`python -m tests.bench.growth`: whether a longer backlog costs more an event; writes `GROWTH.md` beside this file."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from cdc.local.server import Settings
from tests.bench import command, documents, machine
from tests.bench.command import tell
from tests.bench.drain import Drained, appended, drained
from tests.bench.ground import Ground, ground
from tests.bench.results import Bar

FILE = Path(__file__).with_name("GROWTH.md")
SETTINGS: Settings = {"replication.oplogSizeMB": 16384}
"""The oplog must hold 3,000,000 inserts, from the first to the last, and their forerunners."""

TIMES = {10_000: 9, 100_000: 5, 1_000_000: 3, 3_000_000: 1}
"""How often so many events are drained: the fewer, the more the noise of one run weighs."""

QUICK = {10_000: 3, 100_000: 1}
FLAT = 1.1

TEXT = """\
# What `{command}` measured

Written by the command itself on {date}. {versions}. {machine}; load before the run {load:.2f}.

| bar | measured | |
|---|---|---|
{bars}

| events | runs | events a second | CPU an event, µs | CPU an event, beyond the start, µs | peak memory, MB |
|---|---|---|---|---|---|
{rows}

`cdc watch --once` with default settings drains inserts of 20 fields and 530 bytes, as in [RESULTS.md](RESULTS.md); the
topic holds each document once. Figures are medians of the runs. The start is what the command takes with nothing to
drain: {start_s:.2f} s of CPU, {start_mb:.0f} MB. {few:,} events end before the buffers between MongoDB and Kafka are
full, so the bars count from {base:,} on.
"""


def main() -> int:
    quick = command.quick("tests.bench.growth", __doc__, "fewer events; writes no file")
    load = machine.load()
    with ground(SETTINGS) as measuring:
        starts = _starts(measuring)
        found = {events: _drain(measuring, events, times) for events, times in (QUICK if quick else TIMES).items()}
        versions = machine.versions(measuring.mongo)
    start_s = median(start for start, _ in starts)
    bars = _bars(found, start_s)
    text = TEXT.format(
        command="python -m tests.bench.growth --quick" if quick else "make bench-growth",
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions=versions,
        machine=machine.machine(),
        load=load,
        bars="\n".join(map(str, bars)),
        rows="\n".join(_row(events, runs, start_s) for events, runs in found.items()),
        start_s=start_s,
        start_mb=median(peak for _, peak in starts) / 1e6,
        few=min(found),
        base=sorted(found)[1],
    )
    return command.answer(text, bars, None if quick else FILE)


def _starts(measuring: Ground) -> list[tuple[float, int]]:
    """The CPU and the peak memory of runs with nothing to drain."""
    collection = measuring.collection()
    cursors = measuring.cursors(collection.name)
    used = [measuring.drain(collection.name, measuring.topic({}), cursors) for _ in range(5)]
    return [(each.cpu_s, each.peak_bytes) for each in used]


def _drain(measuring: Ground, events: int, times: int) -> list[Drained]:
    collection = measuring.collection()
    cursors = measuring.cursors(collection.name)
    documents.insert(collection, documents.records(events))
    runs = []
    for _ in range(times):
        topic = measuring.topic({"message.timestamp.type": "LogAppendTime"})
        used = measuring.drain(collection.name, topic, cursors)
        run = drained(used, appended(measuring, topic, events))
        measuring.delete(topic)
        tell(f"{events:,} events: {run.rate:,.0f}/s, {run.cpu_us:.1f} µs, {run.peak_bytes / 1e6:.0f} MB")
        runs.append(run)
    collection.drop()
    return runs


def _bars(found: Mapping[int, Sequence[Drained]], start_s: float) -> list[Bar]:
    _, base, *longer = sorted(found)
    most = longer[-1] if longer else base
    cpu = _cpu(found[most], most, start_s) / _cpu(found[base], base, start_s)
    peak = _peak(found[most]) / _peak(found[base])
    limits = f"{most:,} events against {base:,}: at most {FLAT}"
    return [
        Bar(f"CPU an event, beyond the start, {limits}", cpu, ".2f", cpu <= FLAT),
        Bar(f"peak memory, {limits}", peak, ".2f", peak <= FLAT),
    ]


def _cpu(runs: Sequence[Drained], events: int, start_s: float) -> float:
    """An event's, beyond what the start takes."""
    return median(run.cpu_us for run in runs) - start_s / events * 1e6


def _peak(runs: Sequence[Drained]) -> float:
    return median(run.peak_bytes for run in runs)


def _row(events: int, runs: Sequence[Drained], start_s: float) -> str:
    rate, cpu = median(run.rate for run in runs), median(run.cpu_us for run in runs)
    beyond, peak = _cpu(runs, events, start_s), _peak(runs) / 1e6
    return f"| {events:,} | {len(runs)} | {rate:,.0f} | {cpu:.1f} | {beyond:.1f} | {peak:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
