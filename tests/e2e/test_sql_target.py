"""`cdc watch --sink`: the tables are what the collection is, whatever is killed, and nothing is there twice."""

import random
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from sqlalchemy.exc import OperationalError, ProgrammingError

from tests.support.at_work import Client, Worker, at_work
from tests.support.child import Child, cdc, running
from tests.support.everything import PLAIN, document, expected, rows
from tests.support.news import item
from tests.support.package import install
from tests.support.refusal import refusal
from tests.support.sql import Run, told
from tests.support.waiting import until

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
DOCUMENTS, KILLS, BAD = 1000, 2, 10


@pytest.fixture
def env(mongo_uri: str, url: str, database: str, tmp_path: Path) -> dict[str, str]:
    """Of a child that knows the data type `everything`."""
    packages = tmp_path / "packages"
    packages.mkdir()
    install(packages, "things", "", everything="tests.support.everything:EVERYTHING")
    return {
        "CDC_MONGO__URI": mongo_uri,
        "CDC_MONGO__DATABASE": database,
        "CDC_SINK__URL": url,
        "CDC_CURSOR_DIR": str(tmp_path / "cursors"),
        "PYTHONPATH": f"{packages}:{ROOT}",
    }


WATCH = ["watch", "--data-type", "everything", "--increment-field", "_id", "--create-tables"]


class Writer:
    """Inserts, updates, replaces and deletes documents of its own."""

    def __init__(self, database: str, number: int) -> None:
        self._database = database
        self._chance = random.Random(number)
        self._keys = [f"w{number}-{key}" for key in range(80)]
        self._version = 0

    def write(self, client: Client) -> None:
        info = client[self._database].info
        self._version += 1
        key = self._chance.choice(self._keys)
        match self._chance.randrange(4):
            case 0:
                info.delete_one({"_id": key})
            case 1:
                changes = {"v": self._version, "word": f"w{self._version}", "meta.tags": ["new", "tags"]}
                info.update_one({"_id": key, "meta": {"$type": "object"}}, {"$set": changes})
            case _:
                info.replace_one({"_id": key}, document(key, self._version, self._chance), upsert=True)


def test_the_tables_are_the_collection_whatever_is_killed_and_no_letter_comes_twice(
    mongo: MongoClient[dict[str, Any]], mongo_uri: str, database: str, env: dict[str, str], run: Run, tmp_path: Path
) -> None:
    url, info, chance = env["CDC_SINK__URL"], mongo[database].get_collection("info", PLAIN), random.Random(7)
    args = [*WATCH, "--dead-letter-table", "letters"]
    info.insert_many([document(ObjectId(), 0, chance) for _ in range(DOCUMENTS)])
    info.insert_many([{"_id": f"bad{n}", "small": "x"} for n in range(BAD)])
    with at_work([Worker(mongo_uri, Writer(database, n).write, pause=0.01) for n in range(4)]):
        for kill in range(KILLS):
            with running(*args, env=env, log=tmp_path / "log") as child:
                commits = Commits(run, child)
                until(commits.moved, seconds=60, what="a commit")
                _cut(run, url)
                until(commits.moved, seconds=60, what="another commit")
                child.kill()
            if kill == KILLS - 2:
                assert cdc(*args, "--once", env=env).returncode == 0
                info.insert_many([{"_id": f"late{n}", "small": "x"} for n in range(BAD)])
    for _ in range(2):
        done = cdc(*args, "--once", env=env)
        assert done.returncode == 0, done.stderr
        wanted = {str(found["_id"]): expected(found) for found in info.find({"small": {"$ne": "x"}})}
        there = rows(url)
        assert [key for key in wanted.keys() | there.keys() if wanted.get(key) != there.get(key)] == []
    letters = Counter(run("SELECT document_key FROM letters").scalars())
    assert letters == Counter(f'{{"_id":"{name}{n}"}}' for name in ("bad", "late") for n in range(BAD))


def test_the_last_one_to_start_has_the_tables(
    mongo: MongoClient[dict[str, Any]], database: str, env: dict[str, str], tmp_path: Path
) -> None:
    mongo[database].info.insert_one({"_id": "a"})
    elsewhere = env | {"CDC_CURSOR_DIR": str(tmp_path / "elsewhere")}
    with running(*WATCH, env=env, log=tmp_path / "first") as first:
        until(lambda: '"loaded"' in first.text or not first.alive, what="the load")
        with running(*WATCH, env=elsewhere, log=tmp_path / "second") as second:
            until(lambda: '"begins"' in second.text, what="the second")
            mongo[database].info.insert_many([{"_id": f"b{n}"} for n in range(10)])
            assert first.wait() == 6, first.text
            until(lambda: len(rows(env["CDC_SINK__URL"])) == 11, what="its rows")
            assert second.stop() == 0, second.text
            assert f"was taken over by pid {second.process.pid} on" in first.text


@pytest.mark.parametrize("url", ["mariadb"], indirect=True)
def test_what_no_row_can_hold_ends_the_run_until_there_is_a_table_for_it(
    mongo: MongoClient[dict[str, Any]], database: str, env: dict[str, str], run: Run
) -> None:
    info, url = mongo[database].info, env["CDC_SINK__URL"]
    info.insert_one({"_id": "a", "v": 1})
    assert cdc(*WATCH, "--once", env=env).returncode == 0
    info.update_one({"_id": "a"}, {"$set": {"word": "x" * 201}})
    info.insert_one({"_id": "b", "v": 1})
    said = refusal(cdc(*WATCH, "--once", env=env), 5)
    assert 'of {"_id":"a"}: word: has 201 characters, the column takes 200 | set --dead-letter-table' in said
    assert f"{database}.info: update at 20" in said
    assert rows(url).keys() == {"a"}
    assert cdc(*WATCH, "--once", "--dead-letter-table", "letters", env=env).returncode == 0
    assert rows(url).keys() == {"a", "b"}
    assert told(run, "SELECT op, reason FROM letters") == [("update", "word: has 201 characters, the column takes 200")]


def test_tables_are_made_by_hand_from_what_the_schema_prints(
    mongo: MongoClient[dict[str, Any]], database: str, env: dict[str, str], url: str, run: Run
) -> None:
    mongo[database].info.insert_many([item(_id="a", tags=["x", "y"]), item(_id="b", attachments=[], kind=...)])
    watch = ["watch", "--data-type", "information", "--once"]
    said = refusal(cdc(*watch, env=env), 2)
    assert "table information is missing; table information_tag is missing; table information_attachment" in said
    dialect = "mysql" if url.startswith(("mysql", "mariadb")) else "postgresql"
    assert f"`cdc schema --ddl {dialect}` prints tables that fit" in said
    for statement in cdc("schema", "--ddl", dialect, "--data-type", "information").stdout.split(";\n"):
        if statement.strip():
            run(statement)
    done = cdc(*watch, env=env)
    assert done.returncode == 0, done.stderr
    assert told(run, "SELECT id, kind, title FROM information ORDER BY id") == [
        ("a", "news", "Central bank holds its rate"),
        ("b", None, "Central bank holds its rate"),
    ]
    tags = told(run, "SELECT information_id, position, tag FROM information_tag ORDER BY 1, 2")
    assert tags == [("a", 0, "x"), ("a", 1, "y"), ("b", 0, "rates"), ("b", 1, "macro")]
    assert told(run, "SELECT information_id, size FROM information_attachment") == [("a", 48_213)]


class Commits:
    """Whether a child has saved another position since it was asked last."""

    def __init__(self, run: Run, child: Child) -> None:
        self._run, self._child = run, child
        self._seen = self._saved()

    def moved(self) -> bool:
        assert self._child.alive, self._child.text
        before, self._seen = self._seen, self._saved()
        return self._seen not in {None, before}

    def _saved(self) -> str | None:
        try:
            return self._run("SELECT value FROM cdc_cursor").scalar_one_or_none()
        except ProgrammingError:  # the table is not there yet
            return None


def _cut(run: Run, url: str) -> None:
    """End every connection of others to the database."""
    if not url.startswith(("mysql", "mariadb")):
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        run(f"SELECT pg_terminate_backend(pid) {others}")
        return
    others = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    for session in run(others).scalars().all():
        with suppress(OperationalError):  # it has ended by itself
            run(f"KILL {session}")
