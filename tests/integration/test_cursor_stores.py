"""What every cursor store promises, on real servers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient

from cdc.config import load
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.owner import Owner
from cdc.cursor.sql import SqlStore
from cdc.cursor.store import Store
from cdc.errors import CursorCorrupt, Fenced, SinkUnreachable
from cdc.events import Chunk, Load, Position
from cdc.ops import stores
from cdc.sql.schema import CURSORS, ddl
from tests.support.sql import administrator
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TOKEN = {"_data": "826B04535D000000142B022C0100296E5A1004", "_typeBits": b"@"}
POSITIONS = [
    Position.of_token(TOKEN),
    replace(Position.of_token(TOKEN), load=Load("20261124", None, "{}", (Chunk("a", "u", b"\xff\0", b"\xfe", b"~"),))),
    Position(time=Timestamp(1795445597, 20), marks=b"\x05\0\0\0\0"),
]

Made = Callable[..., Store]


@pytest.fixture(params=["file", "mongo", "kafka", "mariadb", "postgres"])
def made(  # one fixture for each kind of store
    request: pytest.FixtureRequest,
    mongo_uri: str,
    kafka: str,
    database: str,
    topic: str,
    tmp_path: Path,
    sql_database: Callable[[str], str],
) -> Iterator[Made]:
    """Makes a store of a pipeline, another one of the same each time."""
    sql = request.param in {"mariadb", "postgres"}
    url = sql_database(request.getfixturevalue(request.param)) if sql else None
    stored: list[Store] = []

    def make(name: str = "p", source: WatchedSource | None = None, folder: Path = tmp_path) -> Store:
        flags = {
            "name": name,
            "mongo.uri": mongo_uri,
            "mongo.database": database,
            "kafka.bootstrap_servers": kafka,
            "cursor_dir": folder,
            "sink.url": url,
        }
        if not sql:
            flags |= {
                "cursor_store": request.param,
                "cursor_collection": f"{database}.cursors",
                "cursor_topic": f"{topic}-cursors",
            }
        stored.append(stores.store(load(flags, config=None).settings, source=source))
        return stored[-1]

    yield make
    for store in stored:
        if isinstance(store, SqlStore):
            store.transaction.close()


def test_what_was_saved_comes_back_whole_and_what_was_forgotten_does_not(made: Made) -> None:
    kept = made()
    with kept.held():
        assert kept.load() is None
        for position in POSITIONS:
            kept.save(position)
            assert made().read() == kept.read()
            assert kept.load() == position
        kept.forget()
        assert kept.load() is None
        assert kept.names() == []
        kept.save(POSITIONS[0])
    with made().held():
        assert made().load() == POSITIONS[0]


def test_each_pipeline_has_its_own(made: Made) -> None:
    for name, position in zip("abc", POSITIONS, strict=True):
        with made(name).held():
            made(name).load()
            made(name).save(position)
    assert made("z").names() == ["a", "b", "c"]
    with made("b").held():
        assert made("b").load() == POSITIONS[1]
        made("b").forget()
    assert made("z").names() == ["a", "c"]


def test_what_is_torn_or_of_another_source_is_refused_and_left_untouched(made: Made) -> None:
    kept = made()
    with kept.held():
        kept.load()
        kept.save(POSITIONS[0])
        with pytest.raises(CursorCorrupt, match="belongs to"):
            made(source=WatchedSource(database="another")).load()
        kept.load()
        whole = kept.text() or b""
        kept.keep(whole[: len(whole) // 2].decode())
        with pytest.raises(CursorCorrupt, match="cut short"):
            kept.load()
        assert kept.text() == whole[: len(whole) // 2]


def test_a_second_holder_is_refused(made: Made) -> None:
    with made().held(), pytest.raises(Fenced, match="already running: pid"), made().held():
        pass


@pytest.mark.parametrize("made", ["mongo", "kafka", "mariadb", "postgres"], indirect=True)
def test_who_was_taken_over_on_another_machine_is_told_by_whom(
    made: Made, mongo: MongoClient[dict[str, Any]], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made()
    first.load()
    first.save(POSITIONS[0])
    other = Owner(id="other", pid=4711, host="elsewhere", since="2026-01-01T00:00:00+00:00")
    monkeypatch.setattr(Owner, "this", lambda: other)
    second = made(folder=tmp_path / "elsewhere")
    mongo[database].cursors.update_many({}, {"$set": {"expires": LONG_AGO}})
    assert second.load() == POSITIONS[0]
    second.save(POSITIONS[2])
    monkeypatch.undo()
    with pytest.raises(Fenced, match="taken over by pid 4711 on elsewhere"):
        first.save(POSITIONS[1])
    assert made().read() == second.read()


def test_a_cursor_in_kafka_is_found_again_after_its_brokers_were_away(
    own_stack: "Callable[..., Stack]", tmp_path: Path
) -> None:
    stack = own_stack(mongo_nodes=0)
    flags = {"name": "p", "kafka.bootstrap_servers": stack.kafka, "cursor_dir": tmp_path, "cursor_store": "kafka"}
    kept = stores.store(load(flags, config=None).settings)
    assert kept.load() is None
    kept.save(POSITIONS[0])
    assert kept.load() == POSITIONS[0]
    stack.brokers[0].stop()
    stack.brokers[0].start()

    def found() -> Position | None:
        with suppress(SinkUnreachable):  # it answers before it leads the topic
            return kept.load()
        return None

    assert until(found, what="the cursor") == POSITIONS[0]


def test_a_table_that_another_pipeline_makes_at_the_same_moment_is_there_for_both(
    postgres: str, sql_database: Callable[[str], str], tmp_path: Path
) -> None:
    url = sql_database(postgres)
    store = stores.store(load({"name": "p", "cursor_dir": tmp_path, "sink.url": url}, config=None).settings)
    assert isinstance(store, SqlStore)
    with administrator(url) as run, ThreadPoolExecutor() as beside, closing(store.transaction):
        run("BEGIN")
        run(ddl(CURSORS, "postgresql"))
        loaded = beside.submit(store.load)
        until(lambda: run("SELECT COUNT(*) FROM pg_locks WHERE NOT granted").scalar_one(), what="one who waits")
        run("COMMIT")
        assert loaded.result(20) is None
        store.save(POSITIONS[0])
        assert run("SELECT name FROM cdc_cursor").scalar_one() == "p"
