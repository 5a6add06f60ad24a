"""What `cdc snapshot` refuses, lists and cancels, without a server."""

import re
from pathlib import Path
from typing import Any

import pytest
from bson.timestamp import Timestamp

from cdc.config import Settings, load
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.file import FileStore
from cdc.errors import CdcError, ConfigInvalid, CursorCorrupt
from cdc.events import CANCELLED, DONE, Chunk, Load, Position, Request
from cdc.ops import snapshots

HERE = Position({"_data": "82"}, Timestamp(7, 0))


def settings(folder: Path, **flags: Any) -> Settings:  # noqa: ANN401 - whatever a command takes
    given = {"cursor_dir": folder, "mongo.database": "shop", "name": "p", **flags}
    return load(given, environ={}).settings


def saved(folder: Path, load_: Load | None = None, *collections: str, name: str = "p") -> FileStore:
    store = FileStore(folder, name, WatchedSource(database="shop", collections=collections))
    store.save(Position(HERE.token, HERE.time, load_))
    return store


def position(store: FileStore) -> Position:
    found = store.load()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("watched", "asked", "collections"),
    [
        ((), (), ()),
        ((), ("b",), ("b",)),
        (("a", "b"), (), ("a", "b")),
        (("a", "b"), ("b",), ("b",)),
    ],
)
def test_a_part_of_what_is_watched_leaves_the_pipeline_what_it_is(
    tmp_path: Path, watched: tuple[str, ...], asked: tuple[str, ...], collections: tuple[str, ...]
) -> None:
    saved(tmp_path, None, *watched)
    wanted = snapshots.wanted(settings(tmp_path, collection=asked))
    assert wanted.settings.collection == watched
    assert wanted.kept.load() == HERE
    assert wanted.collections == collections


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"collection": ["c"]}, "--collection: the pipeline 'p' watches shop.a+b, not 'c'"),
        ({"mongo.database": "other"}, "--database: the pipeline 'p' watches shop.a+b, not other"),
        ({"dry_run": True}, "dry_run: "),
    ],
)
def test_what_the_pipeline_does_not_do_is_refused(tmp_path: Path, flags: dict[str, Any], says: str) -> None:
    saved(tmp_path, None, "a", "b")
    with pytest.raises(ConfigInvalid, match=re.escape(says)):
        snapshots.wanted(settings(tmp_path, **flags))


def test_a_pipeline_without_a_cursor_is_not_known(tmp_path: Path) -> None:
    assert not snapshots.wanted(settings(tmp_path, collection=["a"])).known


def test_the_types_of_a_filter_are_kept(tmp_path: Path) -> None:
    saved(tmp_path)
    where = '{"_id": {"$gt": {"$oid": "665f1f77bcf86cd799439011"}}, "n": {"$in": [1, 2.0, {"$numberLong": "3"}]}}'
    request = snapshots.wanted(settings(tmp_path, where=where)).ask()
    assert request.where == (
        '{"_id": {"$gt": {"$oid": "665f1f77bcf86cd799439011"}}, '
        '"n": {"$in": [{"$numberInt": "1"}, {"$numberDouble": "2.0"}, {"$numberLong": "3"}]}}'
    )


def test_who_asks_again_after_being_ended_gets_the_same_request(tmp_path: Path) -> None:
    saved(tmp_path)
    wanted = snapshots.wanted(settings(tmp_path, collection=["a"]))
    first = wanted.ask_once()
    assert wanted.ask_once() == first
    wanted.kept.requests.cancel(first.id)
    assert wanted.ask_once() != first
    other = snapshots.wanted(settings(tmp_path, collection=["a"], where="{}"))
    assert len({request.id for request in (first, other.ask_once(), other.ask())}) == 3


def test_every_load_that_is_known_has_its_line(tmp_path: Path) -> None:
    assert list(snapshots.listed(settings(tmp_path, name=None))) == [f"no loads in {tmp_path}"]
    running = Load("id-1", documents=1500, estimated=4000, chunks=(Chunk("a"),) * 3, chunks_done=2)
    store = saved(tmp_path, running, "a", "b")
    for request in (Request("id-1", ("a",), '{"n": {"$numberInt": "5"}}'), Request("id-2", ("a", "b"))):
        store.requests.add(request)
    store.requests.add(Request("id-3", ("b",), cancelled=True))
    saved(tmp_path, Load(documents=7, ended=DONE), name="q")
    saved(tmp_path, name="r")
    p = [
        'p  id-1  a where {"n": 5}  running  1,500 of about 4,000 documents, 2/5 chunks',
        "p  id-2  a+b  waiting",
        "p  id-3  b  cancelled",
    ]
    assert list(snapshots.listed(settings(tmp_path, name=None))) == [*p, "q  first  everything  done  7 documents"]
    assert list(snapshots.listed(settings(tmp_path))) == p
    store.save(Position(HERE.token, HERE.time, Load("id-1", documents=2, ended="no such field")))
    assert next(snapshots.listed(settings(tmp_path))) == (
        'p  id-1  a where {"n": 5}  failed: no such field  2 documents'
    )


def test_a_torn_file_hides_none_of_the_other_pipelines(tmp_path: Path) -> None:
    for name in ("p", "q"):
        saved(tmp_path, Load(ended=DONE), name=name)
    torn = tmp_path / "p.requests" / "id.json"
    torn.parent.mkdir()
    torn.write_text("{")
    found = snapshots.listed(settings(tmp_path, name=None))
    assert [next(found).split()[0] for _ in range(2)] == ["p", "q"]
    with pytest.raises(CursorCorrupt, match=f"request {torn} is cut short"):
        next(found)


@pytest.mark.parametrize("load_", [None, Load(), Load(ended=DONE)])
def test_a_first_load_cannot_be_cancelled(tmp_path: Path, load_: Load | None) -> None:
    store = saved(tmp_path, load_)
    with pytest.raises(ConfigInvalid, match="pipeline 'p' has no load that could be cancelled") as caught:
        list(snapshots.cancel(settings(tmp_path)))
    assert "a first load is not a request" in caught.value.hint
    assert position(store).load == load_


def test_without_a_watcher_all_that_is_asked_for_ends_at_once(tmp_path: Path) -> None:
    store = saved(tmp_path, Load("id-1", chunks=(Chunk("a"),), documents=5), "a")
    for name in ("id-1", "id-2"):
        store.requests.add(Request(name, ("a",)))
    assert list(snapshots.cancel(settings(tmp_path))) == ["id-1  cancelled", "id-2  cancelled"]
    assert store.requests.outstanding() == []
    assert position(store) == Position(
        HERE.token, HERE.time, Load("id-1", collections=(), documents=5, ended=CANCELLED)
    )
    first, second = store.requests.ended("id-1"), store.requests.ended("id-2")
    assert first is not None
    assert second is not None
    assert (first.ended, first.documents, second.ended, second.documents) == (CANCELLED, 5, CANCELLED, 0)


def test_what_was_done_before_a_crash_is_not_cancelled_after_it(tmp_path: Path) -> None:
    store = saved(tmp_path, Load("id-1", documents=5, ended=DONE))
    store.requests.add(Request("id-1", ()))
    list(snapshots.cancel(settings(tmp_path)))
    ended = store.requests.ended("id-1")
    assert ended is not None
    assert ended.ended == DONE


def test_a_watcher_is_told_to_cancel(tmp_path: Path) -> None:
    store = saved(tmp_path)
    store.requests.add(Request("id-1", ()))
    with store.held():
        assert list(snapshots.cancel(settings(tmp_path))) == ["id-1  cancelled; the watcher ends it"]
    assert store.requests.outstanding() == [Request("id-1", (), cancelled=True)]


def test_a_pipeline_to_cancel_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="--name is missing"):
        list(snapshots.cancel(settings(tmp_path, name=None)))


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (snapshots.Ended(CANCELLED, 1200), "the load was cancelled after 1,200 documents"),
        (snapshots.Ended("no such operator", 0), "the load ended after 0 documents: no such operator"),
    ],
)
def test_a_load_that_was_not_done_is_a_failure(tmp_path: Path, end: snapshots.Ended, says: str) -> None:
    wanted = snapshots.wanted(settings(tmp_path, collection=["a", "b"]))
    with pytest.raises(CdcError, match=says):
        snapshots.told(wanted, end)
    assert snapshots.told(wanted, snapshots.Ended(DONE, 1200)) == "1,200 documents of a and b sent"
    assert snapshots.told(wanted, snapshots.Ended(DONE, 1)) == "1 document of a and b sent"


def test_who_waits_for_what_nobody_has_any_more_is_told(tmp_path: Path) -> None:
    store = saved(tmp_path)
    wanted = snapshots.wanted(settings(tmp_path))
    request = wanted.ask()
    with pytest.raises(CdcError, match=f"the watcher has ended; the request {request.id} stays") as caught:
        snapshots.waited_for(wanted, request)
    assert caught.value.exit_code == 3
    assert f"`cdc snapshot --cancel --name p --cursor-dir {tmp_path}` takes it back" in caught.value.hint
    store.requests.clear()
    with pytest.raises(ConfigInvalid, match="is gone, and its load never ended"):
        snapshots.waited_for(wanted, request)
