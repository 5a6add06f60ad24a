"""Tables of MariaDB and PostgreSQL into Kafka: every type, late commits, kills, and what is refused."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from bson.timestamp import Timestamp
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, text

from cdc.config import Settings, load
from cdc.config.sql import SqlSettings
from cdc.errors import ConfigInvalid, SourceUnreachable
from cdc.events import Load, Position
from cdc.local.stack import Stack
from cdc.ops import sources
from cdc.source.sql.places import encoded
from cdc.source.sql.window import Window
from cdc.sql.engine import engine
from cdc.sql.errors import SOURCE, translated
from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.refusal import refusal
from tests.support.sql import Run, administrator
from tests.support.waiting import until

pytestmark = pytest.mark.servers

ROWS = 3000
TYPES = Path(__file__).parent / "sql_types"
"""A column of every type in two rows, and the documents that they are."""
ARTICLES = {
    "mariadb": "CREATE TABLE articles (id BIGINT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(100), version INT, "
    "updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), KEY (updated_at))",
    "postgres": "CREATE TABLE articles (id BIGSERIAL PRIMARY KEY, title VARCHAR(100), version INT, "
    "updated_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp())",
}


@dataclass(frozen=True)
class Shop:
    """A database, and what writes to it beside the watcher."""

    kind: str
    url: str
    engine: Engine

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement.replace(":", "\\:")))

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """A transaction of its own, for whoever has to commit it late."""
        with self.engine.connect() as connection:
            yield connection

    def touch(self, which: str) -> None:
        now = ", updated_at = clock_timestamp()" if self.kind == "postgres" else ""
        self.run(f"UPDATE articles SET version = version + 1{now} WHERE {which}")

    def articles(self) -> dict[int, tuple[str, int]]:
        with self.engine.connect() as connection:
            return {
                key: (title, n) for key, title, n in connection.execute(text("SELECT id, title, version FROM articles"))
            }


@pytest.fixture(params=["mariadb", "postgres"])
def shop(request: pytest.FixtureRequest, sql_database: Callable[[str], str]) -> Iterator[Shop]:
    url = sql_database(request.getfixturevalue(request.param))
    made = engine(SqlSettings(url=SecretStr(url)), app="cdc tests")
    yield Shop(request.param, url, made)
    made.dispose()


@pytest.fixture
def env(shop: Shop, kafka: str) -> dict[str, str]:
    return {"CDC_SOURCE__URL": shop.url, "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka}


@pytest.fixture
def args(topic: str, tmp_path: Path) -> list[str]:
    where = ["--table", "articles", "--topic", topic, "--name", f"p-{topic}"]
    return ["watch", *where, "--cursor-dir", str(tmp_path), "--increment-field", "updated_at", "--poll-interval", "0.1"]


def sent(kafka: str, topic: str) -> list[Any]:
    return [record.value["after"]["_id"] for record in topics.committed(kafka, topic)]


def has(kafka: str, topic: str, wanted: Any) -> bool:  # noqa: ANN401 - a key of any type
    return wanted in sent(kafka, topic)


def grown(kafka: str, topic: str, records: int, child: Child) -> bool:
    return topics.ends(kafka, topic) >= records or not child.alive


def test_every_type_comes_as_it_is(shop: Shop, env: dict[str, str], tmp_path: Path) -> None:
    shop.run(*(TYPES / f"{shop.kind}.sql").read_text().removesuffix(";\n").split(";\n"))
    named = ["--table", "types", "--table", "pairs", "--increment-field", "at", "--poll-lag", "0"]
    done = cdc("watch", *named, "--dry-run", "--once", "--cursor-dir", str(tmp_path), env=env)
    assert done.returncode == 0, done.stderr
    records = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [record["topic"] for record in records] == [f"{shop.name}.types"] * 2 + [f"{shop.name}.pairs"] * 2
    assert [record["value"]["after"] for record in records[:2]] == json.loads((TYPES / f"{shop.kind}.json").read_text())
    pairs = [{"b": "y", "a": 2}, {"b": "z", "a": 1}]
    assert [record["key"] for record in records[2:]] == [{"_id": pair} for pair in pairs]
    assert [record["value"]["after"] for record in records[2:]] == [{"_id": pair, **pair, "at": 1} for pair in pairs]
    assert {record["value"]["op"] for record in records} == {"read"}


def test_killed_again_and_again_it_ends_with_the_table(
    shop: Shop, env: dict[str, str], args: list[str], kafka: str, topic: str, tmp_path: Path
) -> None:
    """At least once from MariaDB; exactly once from PostgreSQL, whatever lies within the lag."""
    exactly = shop.kind == "postgres"
    guarantee = ["--guarantee", "exactly-once", "--cursor-topic", f"{topic}-cursors"] if exactly else []
    rows = ", ".join(f"('t{n}', 0)" for n in range(ROWS))
    shop.run(ARTICLES[shop.kind], f"INSERT INTO articles (title, version) VALUES {rows}")
    for goal in (ROWS // 4, ROWS // 2):
        with running(*args, *guarantee, "--max-rate", "1500", env=env, log=tmp_path / "log") as child:
            until(partial(grown, kafka, topic, goal, child), what="a part of the load")
            assert child.alive, child.text
            child.kill()
    with running(*args, *guarantee, env=env, log=tmp_path / "log") as child:
        until(lambda: len(set(sent(kafka, topic))) == ROWS or not child.alive, what="the load")
        for turn in range(5):
            shop.touch(f"id % 50 = {turn}")
        shop.run("INSERT INTO articles (title, version) VALUES ('new', 0)")
        child.kill()
    with running(*args, *guarantee, env=env, log=tmp_path / "log") as child:
        until(lambda: ROWS + 1 in sent(kafka, topic) or not child.alive, what="what came since")
        shop.touch("id < 500")
        child.kill()
    last = cdc(*args, *guarantee, "--once", env=env)
    assert last.returncode == 0, last.stderr
    records = topics.committed(kafka, topic)
    assert {
        doc["_id"]: (doc["title"], doc["version"]) for doc in topics.last_documents(records).values()
    } == shop.articles()
    if exactly:
        states = [(record.key, record.value["after"]["version"]) for record in records]
        assert len(states) == len(set(states))
    assert "not seen are deletes" in (tmp_path / "log").read_text()


def test_runs_one_after_another_send_a_table_once(shop: Shop, env: dict[str, str], args: list[str], kafka: str) -> None:
    """More rows than a cursor keeps digests of, all written at once."""
    numbers = {"mariadb": "seq_1_to_12000", "postgres": "generate_series(1, 12000) AS n (seq)"}[shop.kind]
    shop.run(ARTICLES[shop.kind], f"INSERT INTO articles (title, version) SELECT seq, 0 FROM {numbers}")
    shop.run("UPDATE articles SET updated_at = '2026-01-01'", "UPDATE articles SET version = 1")
    for _ in range(3):
        done = cdc(*args, "--once", env=env)
        assert done.returncode == 0, done.stderr
    assert sorted(sent(kafka, args[4])) == list(range(1, 12_001))


@pytest.mark.parametrize("shop", ["mariadb"], indirect=True)
def test_an_index_may_be_replaced_while_it_runs(
    shop: Shop, env: dict[str, str], args: list[str], kafka: str, topic: str, tmp_path: Path
) -> None:
    shop.run(ARTICLES[shop.kind], "INSERT INTO articles (title, version) VALUES ('one', 0)")
    with running(*args, env=env, log=tmp_path / "log") as child:
        until(partial(has, kafka, topic, 1), what="the load")
        shop.run("ALTER TABLE articles DROP KEY updated_at, ADD KEY better (updated_at, id)")
        shop.run("INSERT INTO articles (title, version) VALUES ('two', 0)")
        until(lambda: has(kafka, topic, 2) or not child.alive, what="a row after that")
        assert "a table was altered while it was read" in child.text
        shop.run("ALTER TABLE articles ALTER KEY better IGNORED")
        shop.run("INSERT INTO articles (title, version) VALUES ('three', 0)")
        until(lambda: has(kafka, topic, 3) or not child.alive, what="a row without an index")
        assert child.stop() == 0, child.text
    assert sent(kafka, topic) == [1, 2, 3]


def test_what_is_committed_late_is_found(
    shop: Shop, env: dict[str, str], args: list[str], kafka: str, topic: str, tmp_path: Path
) -> None:
    """By times, and by numbers, which tell nothing of when."""
    column = {"mariadb": "updated_at", "postgres": "id"}[shop.kind]
    shop.run(ARTICLES[shop.kind], "INSERT INTO articles (title, version) VALUES ('first', 0)")
    by = ["--increment-field", column, "--poll-lag", "60"]
    insert = text("INSERT INTO articles (title, version) VALUES ('late', 0)")
    with shop.open() as before, shop.open() as during, shop.open() as dead:
        before.execute(insert)
        shop.run("INSERT INTO articles (title, version) VALUES ('newer', 0)")
        with running(*args, *by, env=env, log=tmp_path / "log") as child:
            until(partial(has, kafka, topic, 3), what="the load")
            during.execute(insert)
            dead.execute(insert)
            before.commit()
            until(partial(has, kafka, topic, 2), what="what was open when it began")
            shop.run("INSERT INTO articles (title, version) VALUES ('newest', 0)")
            until(partial(has, kafka, topic, 6), what="what was committed first")
            during.commit()
            until(partial(has, kafka, topic, 4), what="what was committed late")
            assert child.stop() == 0, child.text
        dead.commit()
    assert cdc(*args, *by, "--once", env=env).returncode == 0
    assert sorted(sent(kafka, topic)) == [1, 2, 3, 4, 5, 6], "each once, those within the lag too"


def test_what_exists_is_passed_by_and_asked_for_later(
    shop: Shop, env: dict[str, str], args: list[str], kafka: str, topic: str, tmp_path: Path
) -> None:
    shop.run(ARTICLES[shop.kind], "INSERT INTO articles (title, version) VALUES ('old', 0), ('older', 0)")
    with running(*args, "--no-snapshot", env=env, log=tmp_path / "log") as child:
        until(lambda: "not seen are deletes" in child.text or not child.alive, what="the start")
        shop.run("INSERT INTO articles (title, version) VALUES ('new', 0)")
        until(partial(has, kafka, topic, 3), what="an insert")
        shop.touch("id = 1")
        until(partial(has, kafka, topic, 1), what="an update")
        again = cdc("snapshot", *args[1:9], env=env)
        assert again.returncode == 0, again.stderr
        assert child.stop() == 0, child.text
    assert sorted(sent(kafka, topic)) == [1, 1, 2, 3, 3]
    shown = cdc("cursor", "show", *args[1:9], env=env)
    server = {"mariadb": "mysql", "postgres": "postgresql"}[shop.kind]
    assert f"{server} {shop.name}.articles  poll  at " in shown.stdout, shown.stderr


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"table": ["nope"]}, "--table: there is no table 'nope'"),
    ({"table": ["article"]}, "--table: there is no table 'article': did you mean 'articles'?"),
    ({"table": ["latest"]}, "--table: latest is a view"),
    ({"table": ["keyless"], "increment_field": "n"}, "--table: keyless has no primary key"),
    ({"table": ["floats"], "increment_field": "n"}, "--table: the primary key 'k' of floats is double"),
    ({"increment_field": "updated"}, "--increment-field: articles has no column 'updated': did you mean 'updated_at'?"),
    ({"increment_field": "score"}, "--increment-field: 'score' of articles is double"),
    ({"increment_field": "seen"}, "--increment-field: rows of articles have no 'seen', and would be left out"),
    ({"increment_field": None}, "--increment-field is missing"),
    ({"table": []}, "--table is missing"),
]


def _begun(settings: Settings, position: Position) -> None:
    with closing(sources.source(settings, lambda: (), lambda _: None)()) as source:
        next(iter(source.read(position)))


def refused(flags: dict[str, Any], position: Position) -> str:
    """What a start at the position says before its first batch."""
    with pytest.raises(ConfigInvalid) as error:
        _begun(load(flags, environ={}).settings, position)
    return str(error.value)


def test_what_does_not_fit_is_named_before_anything_is_sent(
    shop: Shop, env: dict[str, str], args: list[str], kafka: str, topic: str
) -> None:
    shop.run(
        ARTICLES[shop.kind],
        "ALTER TABLE articles ADD score DOUBLE PRECISION, ADD seen INT",
        "CREATE VIEW latest AS SELECT * FROM articles",
        "CREATE TABLE keyless (n INT NOT NULL)",
        "CREATE TABLE floats (k DOUBLE PRECISION PRIMARY KEY, n INT NOT NULL)",
        "INSERT INTO articles (title, version) VALUES ('one', 0)",
    )
    flags: dict[str, Any] = {"source.url": shop.url, "table": ["articles"], "increment_field": "updated_at"}
    for options, says in REFUSED:
        assert refused(flags | options, Position(load=Load())).startswith(says)
    elsewhere = Position(marks=encoded({"articles": Window("id", 10).saved()}))
    assert refused(flags, elsewhere).startswith("--increment-field: the cursor tells places in articles by 'id'")
    assert refused(flags, Position(time=Timestamp(1, 0))).startswith("the cursor is a time")
    away = env | {"CDC_SOURCE__URL": f"{shop.url.partition('://')[0]}://u:p@127.0.0.1:1/d"}
    assert "127.0.0.1:1 cannot be reached" in refusal(cdc(*args, "--startup-timeout", "0.1", env=away), 3)
    assert topics.partitions(kafka, topic) == []


def _guard(run: Run) -> None:
    """PostgreSQL asks one of its users for a password."""
    access = Path(run("SHOW hba_file").scalar_one())
    access.write_text("host all guarded 127.0.0.1/32 scram-sha-256\n" + access.read_text())
    run("CREATE ROLE guarded LOGIN PASSWORD 'swordfish'")
    run("SELECT pg_reload_conf()")


@pytest.mark.parametrize("kind", ["mariadb", "postgres"])
def test_a_login_that_is_refused_is_told_without_it(
    kind: str, args: list[str], own_stack: Callable[..., Stack]
) -> None:
    server = own_stack(mongo_nodes=0, brokers=0, databases=[kind]).databases[kind]
    if kind == "postgres":
        with administrator(server.url) as run:
            _guard(run)
    wrong = {"CDC_SOURCE__URL": re.sub("//[^@]*@", "//guarded:hunter22@", server.url)}
    denied = refusal(cdc(*args, env=wrong), 2)
    assert "refuses the login" in denied
    assert "hunter22" not in denied


def test_a_postgresql_without_room_for_another_connection_is_asked_again(own_stack: Callable[..., Stack]) -> None:
    server = own_stack(mongo_nodes=0, brokers=0, databases=["postgres"]).databases["postgres"]
    settings = SqlSettings(url=SecretStr(re.sub("//[^@]*@", "//guarded:swordfish@", server.url)))
    with administrator(server.url) as run:
        _guard(run)
        made = engine(settings, app="cdc tests")
        made.connect().close()
        made.dispose()
        run("ALTER ROLE guarded CONNECTION LIMIT 0")
        with pytest.raises(SourceUnreachable, match="cannot be reached"), translated(settings.address, SOURCE):
            made.connect()
