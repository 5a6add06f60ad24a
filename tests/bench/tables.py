"""`python -m tests.bench.tables`: first loads of ever larger SQL tables; writes `TABLES.md` beside this file."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cdc.local import stack
from tests.bench import command, machine
from tests.bench.children import measured
from tests.bench.command import tell
from tests.bench.ground import NAME, Ground, ground
from tests.bench.installed import COMMAND
from tests.bench.results import Bar
from tests.support.sql import administrator, told

FILE = Path(__file__).with_name("TABLES.md")
SIZES, QUICK = (1_000_000, 10_000_000), (100_000, 300_000)
FLAT, PEAK_MB = 1.1, 200
SECONDS = 3600
"""Of one load at most."""

DATABASES = {"mariadb": "MariaDB", "postgres": "PostgreSQL"}
_COLUMNS = "id, updated_at, title, body, price, state"
_MADE = """\
CREATE TABLE items (
    id BIGINT PRIMARY KEY, updated_at {moment} NOT NULL, title VARCHAR(100), body TEXT, price NUMERIC(10, 2), state INT
)"""
_MOMENTS = {"mariadb": "DATETIME(6)", "postgres": "TIMESTAMPTZ"}
_ROWS = {
    "mariadb": """\
SELECT seq, '2025-01-01' + INTERVAL (seq DIV 4) * 1000 MICROSECOND,
    CONCAT('item ', seq), REPEAT(MD5(seq), 6), seq % 100000 / 100, seq % 7
FROM seq_1_to_{rows}""",
    "postgres": """\
SELECT n, TIMESTAMPTZ '2025-01-01' + n / 4 * INTERVAL '1 ms',
    CONCAT('item ', n), REPEAT(MD5(CAST(n AS TEXT)), 6), n % 100000 / 100.0, n % 7
FROM generate_series(1, {rows}) AS n""",
}
_INDEX = "CREATE INDEX items_updated ON items (updated_at, id)"

TEXT = """\
# What `{command}` measured

Written by the command itself on {date}. {versions}. {machine}; load before the run {load:.2f}.

| bar | measured | |
|---|---|---|
{bars}

| database | rows | rows a second | CPU a row, µs | peak memory, MB |
|---|---|---|---|---|
{rows}

`cdc watch --source URL --table items --increment-field updated_at --once` with default settings into a new topic: a
first load in order of an indexed column that four rows share each time, of rows of six columns, one of them a text of
192 characters. The topic has as many records as the table rows. Rows a second are over the whole run, its start
included; CPU and peak memory are those of the whole process. One run each. MB is 10^6 bytes.
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    kind: str
    rows: int
    rate: float
    cpu_us: float
    peak_mb: float


def main() -> int:
    quick = command.quick("tests.bench.tables", __doc__, "fewer rows; writes no file")
    load = machine.load()
    with ground() as measuring:
        servers = stack.up(measuring.folder / "stack", databases=list(DATABASES))
        urls = {kind: server.url for kind, server in servers.databases.items()}
        loads = [_load(measuring, kind, urls[kind], rows) for kind in DATABASES for rows in (QUICK if quick else SIZES)]
        versions = " · ".join((machine.versions(measuring.mongo), *(_version(kind, urls[kind]) for kind in DATABASES)))
    bars = list(_bars(loads))
    text = TEXT.format(
        command="python -m tests.bench.tables --quick" if quick else "make bench-tables",
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions=versions,
        machine=machine.machine(),
        load=load,
        bars="\n".join(map(str, bars)),
        rows="\n".join(map(_row, loads)),
    )
    return command.answer(text, bars, None if quick else FILE)


def _load(measuring: Ground, kind: str, url: str, rows: int) -> Loaded:
    tell(f"{DATABASES[kind]}: making {rows:,} rows")
    with administrator(url) as run:
        run("DROP TABLE IF EXISTS items")
        run(_MADE.format(moment=_MOMENTS[kind]))
        run(f"INSERT INTO items ({_COLUMNS}) {_ROWS[kind].format(rows=rows)}")
        run(_INDEX)
    topic, cursors = measuring.topic({}), measuring.empty()
    where = ["--source", url, "--table", "items", "--increment-field", "updated_at", "--topic", topic]
    command = [*COMMAND, "watch", "--name", NAME, *where, "--cursor-dir", str(cursors), "--once"]
    begun = time.monotonic()
    used = measured(command, measuring.empty(), _kafka_alone(measuring.env), SECONDS)
    seconds = time.monotonic() - begun
    measuring.require(topic, rows)
    measuring.delete(topic)
    loaded = Loaded(kind, rows, rows / seconds, used.cpu_s / rows * 1e6, used.peak_bytes / 1e6)
    tell(_row(loaded))
    return loaded


def _kafka_alone(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if "KAFKA" in name}


def _version(kind: str, url: str) -> str:
    with administrator(url) as run:
        ((number,),) = told(run, "SELECT version()")
    return f"{DATABASES[kind]} {str(number).removeprefix('PostgreSQL ').partition('-')[0].partition(' ')[0]}"


def _bars(loads: Sequence[Loaded]) -> list[Bar]:
    bars = []
    for kind, name in DATABASES.items():
        least, most = (load for load in loads if load.kind == kind)
        grown = most.peak_mb / least.peak_mb
        what = f"{name}: peak memory, {most.rows:,} rows"
        bars += [
            Bar(f"{what}: under {PEAK_MB} MB", most.peak_mb, ".0f", most.peak_mb < PEAK_MB),
            Bar(f"{what} against {least.rows:,}: at most {FLAT}", grown, ".2f", grown <= FLAT),
        ]
    return bars


def _row(load: Loaded) -> str:
    return f"| {DATABASES[load.kind]} | {load.rows:,} | {load.rate:,.0f} | {load.cpu_us:.1f} | {load.peak_mb:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
