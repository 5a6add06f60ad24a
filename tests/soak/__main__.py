"""`python -m tests.soak`: load for a long time; `tests/e2e/SOAK.md` tells what the watcher took of memory and files."""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

from cdc.local import stack
from cdc.local.stack import Stack
from tests.bench import machine
from tests.soak.load import DOCUMENTS, Load, loaded
from tests.soak.samples import MIB, MOST, Sample, grown, sample, thirds
from tests.support import topic as topics
from tests.support.child import Child, running
from tests.support.endpoint import Endpoint
from tests.support.waiting import until

FILE = Path(__file__).parents[1] / "e2e" / "SOAK.md"
SHARE = 0.7
WARM_SECONDS, LIMIT_SECONDS = 10.0, 30.0
EVERY_SECONDS = 2.0
NAME = "soak"
OPLOG_MB, RETENTION_BYTES = 2048, 512 * MIB

TITLES = (
    "third",
    "changes a second",
    "memory, MiB: median · most",
    "open files: median · most",
    "threads",
    "CPU of a change, µs",
    "lag, s: median · most",
)
TEXT = """\
# What `make soak` took

Written by the command itself on {date}. {machine}; {busy:.1f} processes wanted to run on average.

Updates, inserts and deletes of {documents:,} documents, at {share:.0%} of what writer, MongoDB, `cdc` and Kafka did
together on this machine at their limit, {limit:,.0f} changes a second. {changes:,} changes in {minutes:.1f} minutes,
{records:,} records: {verdict}.

Flat means: the median of the last third is at most {most:.0%} of the middle third's. {flat}

{titles}
|---|---|---|---|---|---|---|
{rows}
"""


def main() -> int:
    minutes = _arguments().minutes
    with tempfile.TemporaryDirectory(prefix="cdc-soak-") as name:
        folder = Path(name)
        settings = {"replication.oplogSizeMB": OPLOG_MB}
        kafka = {"log.retention.bytes": RETENTION_BYTES, "log.segment.bytes": RETENTION_BYTES // 8}
        servers = stack.up(folder / "stack", mongo_settings=settings, kafka_settings=kafka)
        try:
            return _soak(servers, folder, minutes)
        finally:
            stack.reset(folder / "stack")


def _soak(servers: Stack, folder: Path, minutes: float) -> int:
    load = Load(servers.mongo_uri, NAME)
    args = [
        "watch",
        "--database",
        NAME,
        "--collection",
        "info",
        "--topic",
        NAME,
        "--cursor-dir",
        str(folder / "cursors"),
    ]
    args += ["--no-snapshot", "--no-tombstones", "--metrics-port", "0"]
    with running(*args, env=servers.environment(), log=folder / "log") as child:
        endpoint = Endpoint(child)
        until(lambda: endpoint.ready()["code"] == 200 or not child.alive, seconds=60, what="a watcher")
        with loaded(load):
            limit = _limit(endpoint)
            load.rate = SHARE * limit
            until(lambda: endpoint.metrics()["cdc_lag_seconds"] <= 1, seconds=300, what="the end of what waits")
            samples = _samples(child, endpoint, load, minutes * 60)
        until(lambda: topics.ends(servers.kafka, NAME) >= load.changes or not child.alive, seconds=300, what="the rest")
        assert child.stop() == 0, child.text[-3000:]
    records = topics.ends(servers.kafka, NAME)
    wrong = grown(samples) + ([] if records == load.changes else [f"{load.changes} changes, {records} records"])
    text = _text(samples, limit, load.changes, records, wrong)
    print(text)  # noqa: T201 - its answer
    FILE.write_text(text)
    return int(bool(wrong))


def _limit(endpoint: Endpoint) -> float:
    """Changes a second where all do what they can: those that were settled while the writer held nothing back."""
    pause = threading.Event().wait
    pause(WARM_SECONDS)
    before, began = _settled(endpoint), time.monotonic()
    pause(LIMIT_SECONDS)
    return (_settled(endpoint) - before) / (time.monotonic() - began)


def _settled(endpoint: Endpoint) -> float:
    return sum(value for name, value in endpoint.metrics().items() if name.startswith("cdc_records_total"))


def _samples(child: Child, endpoint: Endpoint, load: Load, seconds: float) -> list[Sample]:
    process, began = psutil.Process(child.process.pid), time.monotonic()
    found: list[Sample] = []
    pause = threading.Event().wait
    while (second := time.monotonic() - began) < seconds:
        assert child.alive, child.text[-3000:]
        found.append(sample(process, second, endpoint.metrics()["cdc_lag_seconds"], load.changes))
        pause(EVERY_SECONDS)
    return found


def _text(samples: Sequence[Sample], limit: float, changes: int, records: int, wrong: Sequence[str]) -> str:
    return TEXT.format(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine.machine(),
        busy=machine.load(),
        documents=DOCUMENTS,
        share=SHARE,
        limit=limit,
        changes=samples[-1].changes - samples[0].changes,
        titles=f"| {' | '.join(TITLES)} |",
        minutes=(samples[-1].second - samples[0].second) / 60,
        records=records,
        verdict="one of each since the start" if records == changes else f"of {changes:,} changes since the start",
        most=MOST,
        flat=f"Not flat: {'; '.join(wrong)}." if wrong else "So it was, for memory, open files and threads.",
        rows="\n".join(
            _row(name, part) for name, part in zip(("first", "middle", "last"), thirds(samples), strict=True)
        ),
    )


def _row(name: str, part: Sequence[Sample]) -> str:
    first, last = part[0], part[-1]
    changes, seconds = last.changes - first.changes, last.second - first.second
    memory, files = [each.resident / MIB for each in part], [each.files for each in part]
    lags = [each.lag for each in part]
    cells = [
        name,
        f"{changes / seconds:,.0f}",
        f"{median(memory):.1f} · {max(memory):.1f}",
        f"{median(files):.0f} · {max(files)}",
        f"{median(each.threads for each in part):.0f}",
        f"{(last.cpu - first.cpu) / changes * 1e6:.0f}",
        f"{median(lags):.0f} · {max(lags):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: 30)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
