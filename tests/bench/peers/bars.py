"""What is asked of this project, beside its best peer and beside the limit."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from tests.bench.drain import Drained
from tests.bench.peers.contenders import Cdc
from tests.bench.peers.latency import Latencies, Latency
from tests.bench.peers.rounds import LIMIT, Measured
from tests.bench.results import Bar

RATES = {"load": 5.0, "insert": 4.0, "update": 3.0, "both": 2.0, "mixed": 3.0, "large": 3.0}
"""How many times the rate of the best peer, by the work."""

SHARES = {"load": 0.4, "insert": 0.9}
"""How much of the limit's rate, by the work."""

CPU, MEMORY, MEMORY_MB, START, ABOVE_MS = 1 / 6, 1 / 4, 130, 1 / 4, 3.0

Medians = Mapping[str, float]
"""By who ran."""


@dataclass(frozen=True, slots=True)
class Results:
    """By the work's name, and by the rate."""

    works: Mapping[str, Measured]
    latencies: Latencies

    def of(self, work: str, figure: Callable[[Drained], float]) -> Medians:
        return {who: median(map(figure, runs)) for who, runs in self.works[work].runs.items()}

    def latency(self, rate: int, figure: Callable[[Latency], float]) -> Medians:
        return {who: median(map(figure, several)) for who, several in self.latencies[rate].items()}

    def bars(self) -> list[Bar]:
        return [*self._rates(), *self._costs(), *self._waits()]

    def _rates(self) -> Iterator[Bar]:
        for name, wanted in RATES.items():
            medians = self.of(name, rate)
            times = medians[Cdc.name] / max(_peers(medians))
            yield Bar(f"{self.works[name].title}: {wanted:g} times the best peer", times, ".1f", times >= wanted)
            if share := SHARES.get(name):
                part = medians[Cdc.name] / medians[LIMIT]
                yield Bar(f"{self.works[name].title}: {share} of the limit", part, ".2f", part >= share)

    def _costs(self) -> Iterator[Bar]:
        part = _part(self.of("insert", cpu))
        yield Bar("CPU of an insert: at most 1/6 of the thriftiest peer's", part, ".3f", part <= CPU)
        parts = [_part(self.of(name, peak)) for name in self.works]
        yield Bar("Peak memory, in every work: at most 1/4", max(parts), ".2f", max(parts) <= MEMORY)
        most = max(self.of(name, peak)[Cdc.name] for name in self.works)
        yield Bar(f"Peak memory, in every work: under {MEMORY_MB} MB", most, ".0f", most < MEMORY_MB)
        part = _part(self.of("insert", start))
        yield Bar("Start to first record: at most 1/4 of the quickest peer's", part, ".2f", part <= START)

    def _waits(self) -> Iterator[Bar]:
        slowest = min(self.latencies)
        halves, nearly = self.latency(slowest, p50), self.latency(slowest, p99)
        for name, medians in (("p50", halves), ("p99", nearly)):
            ours, least = medians[Cdc.name], min(_peers(medians))
            yield Bar(f"Latency {name} at {slowest}/s, ms: below every peer's {least:.1f}", ours, ".1f", ours < least)
        above = halves[Cdc.name] - halves[LIMIT]
        yield Bar(f"Latency p50 at {slowest}/s, ms: {ABOVE_MS:g} above the limit", above, ".1f", above <= ABOVE_MS)


def rate(run: Drained) -> float:
    return run.rate


def cpu(run: Drained) -> float:
    return run.cpu_us


def peak(run: Drained) -> float:
    """In MB."""
    return run.peak_bytes / 1e6


def start(run: Drained) -> float:
    return run.start_s


def p50(latency: Latency) -> float:
    return latency.p50


def p99(latency: Latency) -> float:
    return latency.p99


def _peers(medians: Medians) -> list[float]:
    return [value for who, value in medians.items() if who not in {Cdc.name, LIMIT}]


def _part(medians: Medians) -> float:
    """This project's of the best peer's, where less is better."""
    return medians[Cdc.name] / min(_peers(medians))
