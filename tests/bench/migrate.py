"""`python -m tests.bench.migrate`: documents into MariaDB, against what that takes; writes `MIGRATE.md` beside it."""

import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pymongo import MongoClient

from cdc.local import stack
from cdc.models.information import TABLE
from cdc.version import __version__
from tests.bench import command, documents, installed, load_data, machine
from tests.bench.children import Used, measured
from tests.bench.command import tell
from tests.bench.installed import COMMAND
from tests.bench.results import Bar

FILE = Path(__file__).with_name("MIGRATE.md")
DATABASE = "bench"
RATE, PEAK_MB = 10_000, 200

TEXT = """\
# What `{command}` measured

Written by the command itself on {date}. {versions}. {machine}; load before the run {load:.2f}.

| bar | measured | |
|---|---|---|
{bars}

| | {numbers} | median |
|---|{dashes}---|
{rows}

{count:,} documents of the data type `information`, 1.8 kB of BSON each, become {written} rows of `information`,
`information_tag` and `information_attachment`: {each:.1f} rows a document. `cdc` is `cdc migrate --task nfsc_task` with
default settings into new tables, from the begin of its first attempt to its end, all committed; every document is
validated, and rows and position are saved in one transaction every three seconds. `LOAD DATA` is
`LOAD DATA LOCAL INFILE` of files with the same rows into the same tables, one file after another: the server alone,
which neither reads documents nor maps, validates or saves a position. Both in turn, on the same MariaDB, with mongod
beside it. CPU and peak memory are those of the whole process, its start included. `--verify` reads both sides once more
and finds them equal: {verify_s:.1f} s, {verify_mb:.0f} MB at the peak. MB is 10^6 bytes.
"""


@dataclass(frozen=True, slots=True)
class Round:
    cdc_s: float
    load_data_s: float
    used: Used


@dataclass(frozen=True, slots=True)
class Verified:
    seconds: float
    peak_bytes: int


def main() -> int:
    quick = command.quick("tests.bench.migrate", __doc__, "fewer documents, one round; writes no file")
    count, times = (20_000, 1) if quick else (100_000, 3)
    load = machine.load()
    installed.install()
    with TemporaryDirectory(prefix="cdc-bench-") as name:
        folder = Path(name)
        servers = stack.up(
            folder / "stack",
            brokers=0,
            databases=["mariadb"],
            database_settings={"mariadb": {"innodb_buffer_pool_size": "1G"}},
            mongo_settings={"replication.oplogSizeMB": 4096},
        )
        try:
            bench = Bench(folder, servers.mongo_uri, load_data.Server(servers.databases["mariadb"].url), count)
            rounds = [bench.round(number) for number in range(times)]
            verified, versions = bench.verified(), bench.versions
        finally:
            stack.reset(folder / "stack")
    bars = _bars(rounds, count)
    text = TEXT.format(
        command="python -m tests.bench.migrate --quick" if quick else "make bench-migrate",
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions=versions,
        machine=machine.machine(),
        load=load,
        bars="\n".join(map(str, bars)),
        numbers=" | ".join(f"round {number + 1}" for number in range(times)),
        dashes="---|" * times,
        rows="\n".join(_rows(rounds, count)),
        count=count,
        written=", ".join(f"{rows:,}" for rows in bench.rows),
        each=sum(bench.rows) / count,
        verify_s=verified.seconds,
        verify_mb=verified.peak_bytes / 1e6,
    )
    return command.answer(text, bars, None if quick else FILE)


class Bench:
    """The documents, the files with their rows, and the servers."""

    def __init__(self, folder: Path, mongo_uri: str, mariadb: load_data.Server, count: int) -> None:
        self._folder, self._mongo_uri, self._mariadb, self._count = folder, mongo_uri, mariadb, count
        with MongoClient[documents.Document](mongo_uri) as mongo:
            documents.insert(mongo[DATABASE].info, documents.news(count))
            self._mongod = str(mongo.server_info()["version"])
        self._files = load_data.files(folder, TABLE, documents.news(count))
        self.rows = [sum(1 for _ in path.open("rb")) for path in self._files]

    def round(self, number: int) -> Round:
        """By `LOAD DATA`, then by `cdc`."""
        seconds = self._mariadb.load(f"limit_{number}", TABLE, self._files)
        self._done(f"limit_{number}")
        database = f"round_{number}"
        used, told = self._cdc(self._mariadb.make(database), database, "--create-tables")
        self._done(database)
        begins, ends = (_when(told, event) for event in ("begins", "stopped"))
        tell(f"LOAD DATA {self._count / seconds:,.0f}/s, cdc {self._count / (ends - begins):,.0f}/s")
        return Round(ends - begins, seconds, used)

    def verified(self) -> Verified:
        sink = self._mariadb.make("verified")
        self._cdc(sink, "copied", "--create-tables")
        begun = time.monotonic()
        used, _ = self._cdc(sink, "verified", "--verify")
        return Verified(time.monotonic() - begun, used.peak_bytes)

    @property
    def versions(self) -> str:
        kinds = {"Python": platform.python_version(), "cdc": f"{__version__} from its wheel", "mongod": self._mongod}
        kinds |= {"MariaDB": self._mariadb.version}
        kinds |= {name: version(name) for name in ("pymongo", "pydantic", "SQLAlchemy", "PyMySQL")}
        return " · ".join(f"{name} {number}" for name, number in kinds.items())

    def _cdc(self, sink: str, name: str, *options: str) -> tuple[Used, list[dict[str, str]]]:
        """What a run of `cdc migrate` used, and its log."""
        folder = self._folder / name
        folder.mkdir()
        command = [*COMMAND, "migrate", "--task", "nfsc_task", "--database", DATABASE, "--sink", sink, *options]
        used = measured(command, folder, {"CDC_MONGO__URI": self._mongo_uri, "CDC_CURSOR_DIR": str(folder)})
        return used, [json.loads(line) for line in (folder / "log").read_text().splitlines()]

    def _done(self, database: str) -> None:
        """Raises where rows are missing."""
        found = self._mariadb.counts(database, TABLE)
        if found != self.rows:
            raise RuntimeError(f"{database} has {found} rows instead of {self.rows}")
        self._mariadb.drop(database)


def _when(told: Sequence[Mapping[str, str]], event: str) -> float:
    """When the log first said so, in seconds since 1970."""
    return next(datetime.fromisoformat(line["timestamp"]).timestamp() for line in told if line["event"] == event)


def _bars(rounds: Sequence[Round], count: int) -> list[Bar]:
    rate = median(count / each.cdc_s for each in rounds)
    peak = max(each.used.peak_bytes for each in rounds) / 1e6
    return [
        Bar(f"documents a second: at least {RATE:,}", rate, ",.0f", rate >= RATE),
        Bar(f"peak memory: under {PEAK_MB} MB", peak, ".0f", peak < PEAK_MB),
    ]


def _rows(rounds: Sequence[Round], count: int) -> list[str]:
    figures = {
        "LOAD DATA: documents a second": ([count / each.load_data_s for each in rounds], ",.0f"),
        "cdc: documents a second": ([count / each.cdc_s for each in rounds], ",.0f"),
        "cdc: of what LOAD DATA does": ([each.load_data_s / each.cdc_s for each in rounds], ".2f"),
        "cdc: CPU a document, µs": ([each.used.cpu_s / count * 1e6 for each in rounds], ".0f"),
        "cdc: peak memory, MB": ([each.used.peak_bytes / 1e6 for each in rounds], ".0f"),
    }
    return [
        f"| {what} | {' | '.join(f'{number:{form}}' for number in (*numbers, median(numbers)))} |"
        for what, (numbers, form) in figures.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
