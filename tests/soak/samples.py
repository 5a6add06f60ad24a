"""What a watcher takes while it runs, and whether that is flat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import psutil

MOST = 1.10
"""The last third's median may be so many times the middle third's."""

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """At `second` of the run."""

    second: float
    resident: int
    files: int
    threads: int
    cpu: float
    lag: float
    changes: int


def sample(process: psutil.Process, second: float, lag: float, changes: int) -> Sample:
    with process.oneshot():
        times = process.cpu_times()
        return Sample(
            second,
            process.memory_info().rss,
            process.num_fds(),
            process.num_threads(),
            times.user + times.system,
            lag,
            changes,
        )


def thirds(samples: Sequence[Sample]) -> list[Sequence[Sample]]:
    third = len(samples) // 3
    return [samples[:third], samples[third : 2 * third], samples[2 * third :]]


def grown(samples: Sequence[Sample]) -> list[str]:
    """What is not flat."""
    _, middle, last = thirds(samples)
    kinds: dict[str, Callable[[Sample], float]] = {
        "resident memory": lambda each: each.resident,
        "open files": lambda each: each.files,
        "threads": lambda each: each.threads,
    }
    found = {name: (median(map(of, middle)), median(map(of, last))) for name, of in kinds.items()}
    return [
        f"{name}: {before:.0f}, then {after:.0f}" for name, (before, after) in found.items() if after > before * MOST
    ]
