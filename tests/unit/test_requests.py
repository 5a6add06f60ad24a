"""Requests on disk: kept until the cursor that tells their end is, and never taken for what they are not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cdc.cursor import disk, requests
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.file import FileStore
from cdc.cursor.requests import Requests, new_id, pipelines
from cdc.errors import CursorCorrupt, StoreUnreachable
from cdc.events import CANCELLED, DONE, FIRST_LOAD, Load, Position, Request

A, B = Request("20261124T131500000000-aaaa", ("info",)), Request("20261124T131500000001-0000", (), '{"n":{"$gt":5}}')


@pytest.fixture
def asked(tmp_path: Path) -> Requests:
    return Requests(tmp_path, "p")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path, "p", WatchedSource(database="shop"))


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_asked_for_comes_back_whole_and_oldest_first(asked: Requests) -> None:
    assert asked.outstanding() == []
    for request in (B, A):
        asked.add(request)
    assert asked.outstanding() == [A, B]


def test_a_later_id_sorts_behind_and_none_comes_twice() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert [name[:21] for name in ids] == sorted(name[:21] for name in ids)


def test_a_cancelled_request_is_outstanding_until_it_is_settled(asked: Requests) -> None:
    asked.add(A)
    asked.cancel(A.id)
    assert asked.outstanding() == [replace(A, cancelled=True)]
    asked.settle(Load(A.id, ended=CANCELLED))
    assert asked.outstanding() == []
    asked.cancel(A.id)
    assert asked.outstanding() == [], "what has ended cannot be cancelled"


@pytest.mark.parametrize("load", [None, Load(A.id), Load(B.id, ended=DONE), Load(FIRST_LOAD, ended=DONE)])
def test_only_the_end_of_its_own_load_settles_a_request(asked: Requests, load: Load | None) -> None:
    asked.add(A)
    asked.settle(load)
    assert asked.outstanding() == [A]
    assert asked.ended(A.id) is None


def test_a_settled_request_tells_how_it_ended(asked: Requests) -> None:
    asked.add(A)
    asked.settle(Load(A.id, documents=7, ended="the filter is refused"))
    ended = asked.ended(A.id)
    assert ended is not None
    assert (ended.request, ended.ended, ended.documents) == (A, "the filter is refused", 7)


def test_old_ends_are_dropped(asked: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "KEPT", 2)
    for number in range(5):
        asked.add(replace(A, id=f"id-{number}"))
        asked.settle(Load(f"id-{number}", ended=DONE))
    assert kept(asked.folder) == ["id-3.ended", "id-4.ended"]


def test_it_vanishes_only_after_the_cursor_that_says_it_ended(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.requests.add(A)
    ended = Position(load=Load(A.id, ended=DONE))
    store.save(Position(load=Load(A.id)))
    monkeypatch.setattr(disk, "replace", full)
    with pytest.raises(StoreUnreachable, match="cannot be saved"):
        store.save(ended)
    monkeypatch.undo()
    assert store.load() == Position(load=Load(A.id))
    assert store.requests.outstanding() == [A]
    store.save(ended)
    assert store.requests.outstanding() == []


def full(path: Path, text: str = "") -> None:
    raise OSError(28, f"No space left for {len(text)} characters", str(path))


def test_a_crash_between_cursor_and_request_is_mended_by_the_next_save(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.requests.add(A)
    ended = Position(load=Load(A.id, documents=3, ended=DONE))
    monkeypatch.setattr(disk, "remove", full)
    with pytest.raises(StoreUnreachable, match="the requests in"):
        store.save(ended)
    monkeypatch.undo()
    assert store.load() == ended
    assert store.requests.outstanding() == [A], "the source knows it by the position's load"
    store.save(replace(ended, token={"_data": "82"}))
    assert store.requests.outstanding() == []


def test_a_write_that_was_cut_off_is_no_request(asked: Requests) -> None:
    asked.add(A)
    (asked.folder / f"{B.id}.json.new").write_text("{half")
    assert asked.outstanding() == [A]


def test_a_file_cut_short_at_any_byte_is_refused_and_left_untouched(asked: Requests) -> None:
    asked.add(B)
    path = asked.folder / f"{B.id}.json"
    whole = path.read_bytes()
    for length in range(len(whole.rstrip())):
        path.write_bytes(whole[:length])
        with pytest.raises(CursorCorrupt, match=f"request {path} is cut short"):
            asked.outstanding()
        assert path.read_bytes() == whole[:length]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 2}, "is of version 2, and this cdc reads version 1"),
        ({"request": {"id": A.id, "collections": "info"}}, "is damaged: request.collections: "),
        ({"extra": 1}, "is damaged: extra: "),
        ({"request": {"id": B.id, "collections": []}}, f"holds the request {B.id}"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(asked: Requests, change: dict[str, object], says: str) -> None:
    asked.add(A)
    path = asked.folder / f"{A.id}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CursorCorrupt, match=f"request {path} {says}") as caught:
        asked.outstanding()
    assert "delete it" in caught.value.hint


def test_a_folder_that_cannot_be_written_is_named(asked: Requests) -> None:
    asked.folder.write_text("")
    with pytest.raises(StoreUnreachable, match=f"the requests in {asked.folder} cannot be written: "):
        asked.add(A)
    with pytest.raises(StoreUnreachable, match=f"the requests in {asked.folder} cannot be read: "):
        asked.outstanding()


def test_who_forgets_the_cursor_forgets_what_was_asked_for(store: FileStore) -> None:
    store.save(Position())
    store.requests.add(A)
    store.forget()
    assert (store.load(), store.requests.outstanding()) == (None, [])


def test_the_pipelines_that_were_asked(tmp_path: Path) -> None:
    for name in ("b.c-t", "a"):
        Requests(tmp_path, name).add(A)
    assert pipelines(tmp_path) == ["a", "b.c-t"]


def test_who_holds_the_name_can_be_asked_without_getting_in_the_way(store: FileStore) -> None:
    assert store.holder is None
    with store.held():
        assert store.holder is not None
        assert store.holder.startswith("pid ")
    assert store.holder is None
    with store.held():
        pass
