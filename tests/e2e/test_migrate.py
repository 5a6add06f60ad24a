"""`cdc migrate`, killed, under writers, damaged and refused; the tables are compared by a mapping of the tests' own."""

import json
import random
import re
import signal
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, ObjectId
from pymongo import MongoClient
from pymongo.collection import Collection

from tests.support import nfsc
from tests.support.at_work import Client, Worker, at_work
from tests.support.child import cdc, running
from tests.support.items import identity, insert, items
from tests.support.news import MOMENT
from tests.support.package import install
from tests.support.refusal import refusal
from tests.support.sql import administrator
from tests.support.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
Info = Collection[dict[str, Any]]


@pytest.fixture
def info(mongo: MongoClient[dict[str, Any]], database: str) -> Info:
    return mongo[database].info


@pytest.fixture
def arguments(database: str) -> Callable[..., list[str]]:
    def made(url: str, *more: str) -> list[str]:
        return ["migrate", "--task", "nfsc_task", "--database", database, "--sink", url, *more]

    return made


@pytest.fixture
def env(servers: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Positions are saved often, so that a kill comes between two of them."""
    own = {"CDC_CURSOR_DIR": str(tmp_path / "cursors"), "CDC_CHECKPOINT_INTERVAL": "0.2"}
    return {"CDC_MONGO__URI": servers["CDC_MONGO__URI"], **own}


def ran(args: list[str], env: dict[str, str], code: int = 0) -> list[str]:
    """What the command printed on standard output."""
    done = cdc(*args, env=env, seconds=200)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


def make_tables(url: str) -> None:
    """Those that `cdc schema --ddl` prints."""
    dialect = "mysql" if url.startswith("mysql") else "postgresql"
    statements = "\n".join(ran(["schema", "--ddl", dialect, "--data-type", "information"], {}))
    with administrator(url) as run:
        for statement in filter(str.strip, statements.split(";")):
            run(statement)


@pytest.mark.parametrize(("server", "documents", "kills"), [("mariadb", 50_000, 10), ("postgres", 5_000, 2)])
def test_killed_again_and_again_it_leaves_every_document_there_once(
    info: Info,
    arguments: Callable[..., list[str]],
    env: dict[str, str],
    server: str,
    documents: int,
    kills: int,
    sql_database: Callable[[str], str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    insert(info, items(documents))
    url, rate = sql_database(request.getfixturevalue(server)), documents // kills // 2
    make_tables(url)
    with administrator(url) as run:

        def there() -> int:
            return int(run("SELECT count(*) FROM information").scalar_one())

        for _ in range(kills):
            goal = there() + random.randrange(1, rate // 2)
            with running(*arguments(url, "--max-rate", str(rate)), env=env, log=tmp_path / "log") as child:
                until(lambda: there() >= goal or not child.alive, seconds=60, what="rows")  # noqa: B023
                assert child.alive, child.text
                child.kill()
    ran(arguments(url), env)
    assert nfsc.differences(info, url) == []
    assert ran(arguments(url), env)[0] == "0 documents read"
    verified = ran(arguments(url, "--verify"), env)
    assert verified[0] == f"{documents:,} documents read"
    assert verified[1].split() == ["information", f"{documents:,}", "rows", "found"]
    assert len(verified) == 4


@pytest.mark.parametrize(("released", "code"), [(True, 130), (False, 3)])
def test_what_it_says_that_it_wrote_before_a_signal_is_there(
    info: Info,
    arguments: Callable[..., list[str]],
    env: dict[str, str],
    postgres: str,
    sql_database: Callable[[str], str],
    tmp_path: Path,
    *,
    released: bool,
    code: int,
) -> None:
    insert(info, items(8000))
    url = sql_database(postgres)
    make_tables(url)
    env = {**env, "CDC_SINK__BATCH_SIZE": "100", "CDC_SHUTDOWN_TIMEOUT": "20" if released else "1"}
    with administrator(url) as run, running(*arguments(url), env=env, log=tmp_path / "log") as child:
        run("BEGIN")
        run("LOCK TABLE information_attachment IN SHARE MODE")  # more is read meanwhile than the sink takes
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        until(lambda: run(waits).scalar_one() or not child.alive, seconds=60, what="a batch that waits")
        child.process.send_signal(signal.SIGINT)
        if released:
            run("COMMIT")
        assert child.wait() == code, child.text
        run("ROLLBACK")
        there = int(run("SELECT count(*) FROM information").scalar_one())
        told = [line.split() for line in child.text.splitlines() if line.startswith("  information ")]
        assert told == ([["information", f"{there:,}", "rows", "written"]] if released else [])
        assert (there > 0) is released
    ran(arguments(url), env)
    assert nfsc.differences(info, url) == []


class Writer:
    """Writes documents of its own, all of which fit, and takes them away."""

    def __init__(self, database: str, number: int, documents: int) -> None:
        self._database = database
        self._own = range(number * documents, (number + 1) * documents)
        self._random = random.Random(number)
        self._count = number * 1_000_000

    def write(self, client: Client) -> None:
        info: Info = client[self._database].info
        self._count += 1
        which = self._one()
        match self._random.randrange(6):
            case 0:
                info.delete_one(which)
            case 1:
                with client.start_session() as session, session.start_transaction():
                    info.delete_one(which, session=session)
                    info.replace_one(self._one(), self._whole(), upsert=True, session=session)
            case 2:
                info.replace_one(which, self._whole(), upsert=True)
            case 3:
                info.update_one(which, {"$set": {"title": f"update {self._count}"}, "$unset": {"summary": 1}})
            case 4:
                info.update_one(which, {"$addToSet": {"tags": f"tag {self._count}"}})
            case _:
                info.update_one(which, {"$pop": {"attachments": 1}})

    def _one(self) -> dict[str, Any]:
        return {"_id": identity(self._random.choice(self._own))}

    def _whole(self) -> dict[str, Any]:
        (found,) = items(1, seed=self._count)
        return {name: value for name, value in found.items() if name != "_id"}


@pytest.mark.parametrize("server", ["mariadb", "postgres"])
def test_followed_under_four_writers_the_tables_are_equal_in_the_end(
    info: Info,
    mongo_uri: str,
    arguments: Callable[..., list[str]],
    env: dict[str, str],
    server: str,
    sql_database: Callable[[str], str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    insert(info, items(2000))
    url = sql_database(request.getfixturevalue(server))
    args, log = arguments(url, "--follow", "--create-tables"), tmp_path / "log"
    each = [Writer(info.database.name, number, 600) for number in range(4)]
    writers = [Worker(mongo_uri, writer.write, pause=0.004) for writer in each]

    def written() -> int:
        return sum(writer.operations for writer in writers)

    with ExitStack() as stack:
        with at_work(writers):
            with running(*args, env=env, log=log) as killed:
                until(lambda: ("loaded" in killed.text and written() > 500) or not killed.alive, what="changes")
                assert killed.alive, killed.text
                killed.kill()
            child = stack.enter_context(running(*args, env=env, log=log))
            until(lambda: written() > 1500 or not child.alive, what="more changes")
        until(lambda: not nfsc.differences(info, url) or not child.alive, what="equal tables")
        assert child.stop() == 0, child.text
        assert re.search(r"^[\d,]+ documents read, [\d,]+ deletes$", child.text, re.MULTILINE)
    assert nfsc.differences(info, url) == []
    ran(arguments(url, "--verify"), env)


def test_what_is_damaged_is_named_and_a_full_amount_mends_it(
    info: Info,
    arguments: Callable[..., list[str]],
    env: dict[str, str],
    postgres: str,
    sql_database: Callable[[str], str],
) -> None:
    insert(info, items(1000))
    url = sql_database(postgres)
    rehearsed = ran(arguments(url, "--dry-run"), env)
    with administrator(url) as run:
        assert run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").scalar_one() == 0
        copied = ran(arguments(url, "--create-tables"), env)
        assert [line.replace("to write", "written") for line in rehearsed[-4:]] == copied
        first = json.loads(rehearsed[0])
        assert first["table"] == "information"
        key, title = first["row"]["id"], first["row"]["title"]
        assert run(f"SELECT title FROM information WHERE id = '{key}'").scalar_one() == title
        run("UPDATE information SET title = 'x', sentiment = 7 WHERE id = '000000000000000000000001'")
        run("DELETE FROM information WHERE id = '000000000000000000000002'")
        tagged = info.find({"tags": {"$size": 2}, "_id": {"$type": "objectId"}}).sort("_id").limit(2)
        more, none = (str(document["_id"]) for document in tagged)
        run(f"INSERT INTO information_tag VALUES ('{more}', 2, 'x')")
        run(f"DELETE FROM information_tag WHERE information_id = '{none}'")
        run("INSERT INTO information_attachment VALUES ('gone', 0, 'x', 'y')")
        told = cdc(*arguments(url, "--verify"), env=env)
        assert [line for line in told.stdout.splitlines() if not line.startswith(" ")] == [
            "1,000 documents read",
            'information "000000000000000000000001" different: title, sentiment',
            'information "000000000000000000000002" missing',
            f'information_tag "{more}" different: 3 rows, not 2',
            f'information_tag "{none}" missing',
            'information_attachment "gone" extra',
        ]
        assert f"differs from {info.full_name}" in refusal(told, 7)
        run("DELETE FROM information_attachment WHERE information_id = 'gone'")
    assert ran(arguments(url, "--full-amount"), env) == copied
    ran(arguments(url, "--verify"), env)
    assert nfsc.differences(info, url) == []


def test_what_is_refused_is_put_aside_with_its_reason_and_a_lost_connection_loses_nothing(
    info: Info,
    arguments: Callable[..., list[str]],
    env: dict[str, str],
    mariadb: str,
    sql_database: Callable[[str], str],
    tmp_path: Path,
) -> None:
    insert(info, items(4000))
    (sound,) = items(1)
    early = dict.fromkeys(("publish_time", "update_time"), datetime(500, 1, 1, tzinfo=UTC))
    refused: dict[str, tuple[dict[str, Any], str]] = {
        "0123456789abcdef01234567": ({}, "_id: is a text that looks like an ObjectId, and would be taken for it"),
        "early": (early | {"crawl_time": None}, "publish_time: is beyond the years 1000 to 9999"),
        "feeling": ({"sentiment": 2.0}, "not Information: sentiment: should be less than or equal to 1"),
        "long": ({"title": "x" * 1001}, "title: has 1001 characters, the column takes 1000"),
        "twice": (
            {"title": "once"},
            "another row has the same value in a unique index, or a column is not to be null (1048)",
        ),
    }
    info.insert_one({**sound, "_id": "once", "title": "once"})
    info.insert_many({**sound, "_id": key, **changes} for key, (changes, _) in refused.items())
    url = sql_database(mariadb)
    make_tables(url)
    with administrator(url) as run:
        run("ALTER TABLE information MODIFY source VARCHAR(100) CHARACTER SET utf8mb3, DROP COLUMN kind")
        misfit = refusal(cdc(*arguments(url), env=env), 2)
        for said in ("information.source is", "information.kind is missing", "`cdc schema --ddl mysql` prints tables"):
            assert said in misfit
        run("ALTER TABLE information MODIFY source VARCHAR(200) NOT NULL, ADD kind VARCHAR(20)")
        run("ALTER TABLE information ADD UNIQUE once (title(100))")
        with running(*arguments(url, "--max-rate", "1500"), env=env, log=tmp_path / "log") as child:
            until(lambda: run("SELECT count(*) FROM information").scalar_one() or not child.alive, what="rows")
            others = "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
            for connection in run(others).scalars().all():
                run(f"KILL {connection}")
            assert child.wait() == 0, child.text
        assert "trying again" in child.text
        letters = "SELECT document_key, reason FROM cdc_dead_letter ORDER BY document_key"
        assert [tuple(row) for row in run(letters)] == [
            (f'{{"_id":"{key}"}}', reason) for key, (_, reason) in sorted(refused.items())
        ]
    told = child.text.splitlines()
    assert told[told.index("5 documents refused") :][1:] == [f"  1  {reason}" for _, reason in refused.values()]
    assert nfsc.differences(info, url) == sorted(refused)
    info.update_one({"_id": "once"}, {"$set": {"title": "x" * 1001}})
    verified = cdc(*arguments(url, "--verify"), env=env)
    assert [line for line in verified.stdout.splitlines() if line.startswith("information ")] == [
        f'information "once" stale: {refused["long"][1]}',
        f'information "twice" missing: a dead letter says: {refused["twice"][1]}',
    ]
    assert "mend the documents of those that are stale" in refusal(verified, 7)


def test_a_package_beside_cdc_brings_its_own(
    mongo: MongoClient[dict[str, Any]],
    database: str,
    env: dict[str, str],
    postgres: str,
    sql_database: Callable[[str], str],
    tmp_path: Path,
) -> None:
    (code,) = re.findall(r'```python\n"""acme_orders.py"""\n(.*?)```', README, re.DOTALL)
    install(tmp_path, "acme_orders", code, migrations={"orders": "acme_orders:Orders"})
    lines = [{"sku": "é", "count": 2}, {"sku": "b", "count": 1}]
    order = {"_id": ObjectId(), "total": Decimal128("12.50"), "lines": lines, "update_time": MOMENT}
    mongo[database].orders.insert_many([order, {**order, "_id": ObjectId(), "total": 7}])
    url = sql_database(postgres)
    args = ["migrate", "--task", "orders", "--database", database, "--sink", url]
    env = {**env, "PYTHONPATH": str(tmp_path)}
    assert ran([*args, "--create-tables"], env) == [
        "2 documents read",
        "  orders       1  row written",
        "  orders_line  2  rows written",
        "1 document refused",
        "  1  not Order: total: should be an instance of Decimal",
    ]
    ran([*args, "--verify"], env)
    with administrator(url) as run:
        joined = (
            "SELECT id, total, position, sku, count FROM orders JOIN orders_line ON orders_id = id ORDER BY position"
        )
        assert [tuple(row) for row in run(joined)] == [
            (str(order["_id"]), Decimal("12.5"), place, line["sku"], line["count"]) for place, line in enumerate(lines)
        ]
