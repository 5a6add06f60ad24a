"""`cdc cursor`: saved positions looked at, forgotten and moved."""

import json
from pathlib import Path
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient

from cdc.cursor.cursor import WatchedSource
from cdc.cursor.file import FileStore
from cdc.events import Position
from tests.support import topic as topics
from tests.support.child import cdc, running
from tests.support.refusal import refusal
from tests.support.waiting import until

TIME = "2026-01-31T12:00:00Z"
SHOWN = "at 2026-01-31 12:00:00+00:00 (1769860800.0)"


def saved(folder: Path, name: str) -> Path:
    """A cursor at `TIME`."""
    store = FileStore(folder, name, WatchedSource(database="data", collections=("info",)))
    store.save(Position(time=Timestamp(1_769_860_800, 0)))
    return store.path


def test_show_prints_every_cursor_or_the_one_named(tmp_path: Path) -> None:
    folder = ["--cursor-dir", str(tmp_path)]
    assert cdc("cursor", "show", *folder).stdout == f"no cursors in {tmp_path}\n"
    saved(tmp_path, "p")
    saved(tmp_path, "q")
    everything = cdc("cursor", "show", *folder)
    assert [line.split()[0] for line in everything.stdout.splitlines()] == ["p", "q"]
    one = cdc("cursor", "show", "--name", "q", *folder)
    assert one.stdout.startswith(f"q  data.info  stream  {SHOWN}  saved 20")
    assert cdc("cursor", "show", "--name", "r", *folder).stdout == f"r  no cursor in {tmp_path}\n"


def test_show_refuses_a_torn_cursor(tmp_path: Path) -> None:
    path = saved(tmp_path, "p")
    path.write_bytes(path.read_bytes()[:40])
    done = cdc("cursor", "show", "--cursor-dir", str(tmp_path))
    assert f"cursor {path} is cut short or is not JSON" in refusal(done, 4)


def test_a_torn_cursor_hides_none_of_the_others(tmp_path: Path) -> None:
    for name in ("p", "q", "r"):
        saved(tmp_path, name)
    torn = tmp_path / "q.json"
    torn.write_bytes(torn.read_bytes()[:40])
    done = cdc("cursor", "show", "--cursor-dir", str(tmp_path))
    assert f"cursor {torn} is cut short" in refusal(done, 4)
    shown = done.stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["p", "q", "r"]
    assert shown[1] == f"q  cursor {torn} is cut short or is not JSON; it was left untouched"


@pytest.mark.parametrize("command", [["reset"], ["set", "--time", "2026-02-01"]])
def test_what_would_be_lost_is_asked_about(tmp_path: Path, command: list[str]) -> None:
    path = saved(tmp_path, "p")
    before = path.read_bytes()
    args = ["cursor", *command, "--name", "p", "--cursor-dir", str(tmp_path)]

    declined = cdc(*args, stdin="n\n")
    assert declined.returncode == 2
    assert f"{path}: the position" in declined.stderr
    assert declined.stderr.endswith("error: aborted\nhint: nothing was changed\n")
    assert path.read_bytes() == before

    agreed = cdc(*args, stdin="y\n")
    assert agreed.returncode == 0, agreed.stderr
    assert not path.exists() or path.read_bytes() != before


def test_nothing_is_asked_where_nothing_is_lost(tmp_path: Path) -> None:
    args = ["--name", "p", "--cursor-dir", str(tmp_path)]
    place = ["--database", "data", "--collection", "info"]
    done = cdc("cursor", "set", "--time", TIME, *args, *place, stdin="")
    assert done.returncode == 0
    assert done.stdout == f"p: the next start goes on at {TIME}\n"
    assert SHOWN in cdc("cursor", "show", *args).stdout


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["reset"], "--name is missing | name the pipeline, or give what its watch has of --collection, --table"),
        (["reset", "--name", "p"], "there is no cursor {folder}/p.json | `cdc cursor show` lists those there are"),
        (["set", "--name", "p"], "Missing option '--time'"),
        (["set", "--name", "p", "--time", "now"], "--time: 'now' is not a time | write"),
        (["set", "--name", "p", "--time", "2999-01-01"], "--time: '2999-01-01' is in the future"),
    ],
)
def test_a_wrong_command_is_one_line(tmp_path: Path, command: list[str], says: str) -> None:
    said = refusal(cdc("cursor", *command, env={"CDC_CURSOR_DIR": str(tmp_path)}), 2)
    assert says.format(folder=tmp_path) in said


@pytest.mark.servers
def test_a_cursor_in_use_is_not_touched(servers: dict[str, str], database: str, topic: str, tmp_path: Path) -> None:
    args = ["--database", database, "--topic", topic, "--name", "p", "--cursor-dir", str(tmp_path)]
    with running("watch", *args, env=servers, log=tmp_path / "log") as child:
        until(lambda: list(tmp_path.glob("*.json")) or not child.alive, what="a cursor")
        assert child.alive, child.text
        for command in (["reset", "--yes"], ["set", "--time", "2026-02-01", "--yes"]):
            said = refusal(cdc("cursor", *command, *args), 6)
            assert f"pipeline 'p' is already running: pid {child.process.pid} on " in said
        assert cdc("cursor", "show", *args).stdout.startswith(f"p  {database}  stream  at ")
        assert child.stop() == 0
    assert json.loads((tmp_path / "p.json").read_text())["source"] == {
        "server": "mongodb",
        "database": database,
        "collections": [],
    }


@pytest.mark.servers
def test_a_moved_cursor_sends_again_and_a_forgotten_one_loads_again(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> None:
    collection, kafka = mongo[database].info, servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
    began = mongo.admin.command("ping")["operationTime"].time
    args = ["--database", database, "--collection", "info", "--topic", topic, "--cursor-dir", str(tmp_path)]

    def caught_up() -> list[tuple[str, int]]:
        """What one more run adds to the topic: operation and `_id`."""
        before = topics.ends(kafka, topic)
        done = cdc("watch", *args, "--once", env=servers)
        assert done.returncode == 0, done.stderr
        return [(record.value["op"], record.value["key"]["_id"]) for record in topics.read(kafka, topic)][before:]

    collection.insert_many([{"_id": 1}, {"_id": 2}])
    assert caught_up() == [("read", 1), ("read", 2)]
    collection.insert_one({"_id": 3})
    assert caught_up() == [("insert", 3)]

    assert cdc("cursor", "set", "--time", str(began), "--yes", *args).returncode == 0
    assert caught_up() == [("insert", 1), ("insert", 2), ("insert", 3)]

    assert cdc("cursor", "reset", "--yes", *args).returncode == 0
    assert caught_up() == [("read", 1), ("read", 2), ("read", 3)]
