"""The table of what was measured, and whether it is enough."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from tests.bench.drain import Drained, Round
from tests.bench.exactly_once import Pair
from tests.bench.latency import RATE, Latency
from tests.bench.snapshot import LANES, Loaded

SHARE, DRAIN_MB, LARGE_MB = 0.45, 150, 250
LOAD_SHARE, LOAD_MB = 0.25, 200
EXACT_SHARE, EXACT_MS = 0.85, 230

ROWS: dict[str, tuple[Callable[[Drained], float], str]] = {
    "events a second": (lambda run: run.rate, ",.0f"),
    "start to first event, s": (lambda run: run.start_s, ".2f"),
    "CPU an event, µs": (lambda run: run.cpu_us, ".1f"),
    "peak memory, MB": (lambda run: run.peak_bytes / 1e6, ".0f"),
}

TEXT = """\
# What `{command}` measured

Written by the command itself on {date}. {versions}. {machine}; load before the run {load:.2f}.

| bar | measured | |
|---|---|---|
{bars}

## Drain of {events:,} inserts

| | {numbers} | median |
|---|{dashes}---|
{drain}

Documents of 20 fields and 530 bytes, inserted after the cursor's position; `bare` and `cdc` drain the same ones in
turn, from that position on. `bare` is PyMongo's `aggregate_raw_batches` with the stream's own options, which decodes
nothing. `cdc` is `cdc watch --once` with default settings (acks=all, idempotent, lz4, a cursor every second) into a new
topic of one partition. Events a second are those after the first reply (`bare`) or the first batch in the topic (`cdc`,
by the time at which the broker appended it) until the last. The topic holds each document once. CPU and peak memory are
those of the whole process, its start included.

## First load of {documents:,} documents

| | {numbers} | median |
|---|{dashes}---|
{loads}

The same documents, in a collection. `bare` is PyMongo's `find_raw_batches`, which decodes nothing and sends nothing;
`cdc` is a first `cdc watch --once` with `--parallel` 1 and 2. Figures as above.

## Exactly once

| | {numbers} | median |
|---|{dashes}---|
{exact}

The same drain, and a first load, with `--guarantee at-least-once` and `exactly-once` in turn. A first load's cursor is
reset, a drain's imported into Kafka before it.

## Latency and large documents

| | |
|---|---|
| insert acknowledged to consumer, p50 | {latency.p50_ms:.1f} ms |
| insert acknowledged to consumer, p99 | {latency.p99_ms:.1f} ms |
| exactly once: insert acknowledged to a consumer of what is committed, p50 | {exact_latency.p50_ms:.1f} ms |
| exactly once: insert acknowledged to a consumer of what is committed, p99 | {exact_latency.p99_ms:.1f} ms |
| peak memory, 1,000 documents of 1 MB of text that hardly compresses | {large:.0f} MB |

The latency is that of {rate} inserts a second for {seconds} s. mongod (one member, 0.25 GB of cache) and Kafka
(one broker) run on the same machine. MB is 10^6 bytes.
"""


@dataclass(frozen=True, slots=True)
class Bar:
    what: str
    measured: float
    form: str
    met: bool

    def __str__(self) -> str:
        return f"| {self.what} | {self.measured:{self.form}} | {'met' if self.met else '**missed**'} |"


@dataclass(frozen=True, slots=True)
class Results:
    """All figures of one run; `seconds` is how long the latency was measured."""

    events: int
    rounds: Sequence[Round]
    documents: int
    loads: Sequence[Loaded]
    exact_drains: Sequence[Pair]
    exact_loads: Sequence[Pair]
    latency: Latency
    exact_latency: Latency
    seconds: int
    large_bytes: int

    @property
    def bars(self) -> list[Bar]:
        alone = median(round_.bare.rate for round_ in self.rounds)
        share = median(round_.cdc.rate for round_ in self.rounds) / alone
        peak = max(round_.cdc.peak_bytes for round_ in self.rounds) / 1e6
        large = self.large_bytes / 1e6
        lanes = max(LANES)
        load_share = median(load.cdc[lanes].rate for load in self.loads) / median(load.bare.rate for load in self.loads)
        load_peak = max(run.peak_bytes for load in self.loads for run in load.cdc.values()) / 1e6
        exact_p99 = self.exact_latency.p99_ms
        return [
            Bar(f"drain against the bare reader: at least {SHARE}", share, ".2f", share >= SHARE),
            Bar(f"memory of the drain: under {DRAIN_MB} MB", peak, ".0f", peak < DRAIN_MB),
            Bar(f"load against the bare find: at least {LOAD_SHARE}", load_share, ".2f", load_share >= LOAD_SHARE),
            Bar(f"memory of the load: under {LOAD_MB} MB", load_peak, ".0f", load_peak < LOAD_MB),
            *(
                Bar(
                    f"exactly once, {what}: at least {EXACT_SHARE} of at least once", share, ".2f", share >= EXACT_SHARE
                )
                for what, share in (("drain", _share(self.exact_drains)), ("load", _share(self.exact_loads)))
            ),
            Bar(f"exactly once, p99: under {EXACT_MS} ms", exact_p99, ".0f", exact_p99 < EXACT_MS),
            Bar(f"memory with documents of 1 MB: under {LARGE_MB} MB", large, ".0f", large < LARGE_MB),
        ]

    def text(self, *, command: str, machine: str, versions: str, load: float) -> str:
        """As Markdown."""
        return TEXT.format(
            command=command,
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            versions=versions,
            machine=machine,
            load=load,
            bars="\n".join(map(str, self.bars)),
            events=self.events,
            numbers=" | ".join(f"round {number + 1}" for number in range(len(self.rounds))),
            dashes="---|" * len(self.rounds),
            drain="\n".join(
                _rows({"bare": [each.bare for each in self.rounds], "cdc": [each.cdc for each in self.rounds]})
            ),
            documents=self.documents,
            loads="\n".join(
                _rows(
                    {
                        "bare": [each.bare for each in self.loads],
                        **{f"cdc, {lanes} at once": [each.cdc[lanes] for each in self.loads] for lanes in LANES},
                    }
                )
            ),
            exact="\n".join(
                _rows(
                    {
                        "drain, at least once": [each.least for each in self.exact_drains],
                        "drain, exactly once": [each.exact for each in self.exact_drains],
                        "load, at least once": [each.least for each in self.exact_loads],
                        "load, exactly once": [each.exact for each in self.exact_loads],
                    }
                )
            ),
            exact_latency=self.exact_latency,
            rate=RATE,
            seconds=self.seconds,
            latency=self.latency,
            large=self.large_bytes / 1e6,
        )


def _share(pairs: Sequence[Pair]) -> float:
    return median(pair.exact.rate for pair in pairs) / median(pair.least.rate for pair in pairs)


def _rows(runs: Mapping[str, Sequence[Drained]]) -> Iterator[str]:
    """A row for each figure and each of those who ran."""
    for what, (figure, form) in ROWS.items():
        for who, each in runs.items():
            figures = [*map(figure, each), median(map(figure, each))]
            yield f"| {who}: {what} | {' | '.join(f'{number:{form}}' for number in figures)} |"
