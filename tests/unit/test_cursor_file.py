import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from bson.timestamp import Timestamp

from cdc.beside import beside
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.file import FileStore
from cdc.cursor.standby import Standby
from cdc.errors import ConfigInvalid, CursorCorrupt, Fenced, StoreUnreachable
from cdc.events import Chunk, Load, Position

INFO = WatchedSource(database="raw_data_temp", collections=("info",))
TOKEN = {"_data": "826B04535D000000142B022C0100296E5A1004", "_typeBits": b"@"}


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path, "info-temp5", INFO)


@pytest.mark.parametrize(
    "position",
    [
        Position.of_token(TOKEN),
        replace(Position.of_token(TOKEN), load=Load()),
        replace(
            Position.of_token(TOKEN), load=Load("20261124", None, "{}", (Chunk("a", "u", b"\xff\0", b"\xfe", b"~"),))
        ),
        replace(Position.of_token(TOKEN), load=Load("20261124", ("a",), None, (), 3, 7, 8, 2, "done")),
        Position(time=Timestamp(1795445597, 20), marks=b"\x05\0\0\0\0"),
        Position({"_data": "some other form"}),
    ],
)
def test_a_saved_position_comes_back_whole(store: FileStore, position: Position) -> None:
    store.save(position)
    assert store.load() == position


def test_a_cursor_of_before_loads_could_be_gone_on_with_begins_its_load_anew(store: FileStore) -> None:
    store.save(Position(time=Timestamp(1795445597, 20), load=Load()))
    older = json.loads(store.path.read_text())
    del older["load"], older["marks"]
    store.path.write_text(json.dumps(older))
    assert store.load() == Position(time=Timestamp(1795445597, 20), load=Load())


def test_nothing_saved_is_none(store: FileStore) -> None:
    assert store.load() is None


def test_the_file_can_be_read_by_a_person(store: FileStore) -> None:
    store.save(Position.of_token(TOKEN))
    saved = json.loads(store.path.read_text())
    assert saved["version"] == 1
    assert saved["clock"] == "2026-11-23T14:53:17Z"
    assert saved["source"] == {"server": "mongodb", "database": "raw_data_temp", "collections": ["info"]}


def test_a_file_cut_short_at_any_byte_is_refused_and_left_untouched(store: FileStore) -> None:
    store.save(Position.of_token(TOKEN))
    whole = store.path.read_bytes()
    for length in range(len(whole.rstrip())):
        store.path.write_bytes(whole[:length])
        with pytest.raises(CursorCorrupt, match="cut short"):
            store.load()
        assert store.path.read_bytes() == whole[:length]


def test_another_version_is_refused_by_name(store: FileStore) -> None:
    store.save(Position.of_token(TOKEN))
    saved = json.loads(store.path.read_text()) | {"version": 2}
    store.path.write_text(json.dumps(saved))
    with pytest.raises(CursorCorrupt, match="of version 2, and this cdc reads version 1"):
        store.load()


def test_a_field_that_does_not_fit_is_named(store: FileStore) -> None:
    store.save(Position.of_token(TOKEN))
    saved = json.loads(store.path.read_text()) | {"phase": "sleep"}
    store.path.write_text(json.dumps(saved))
    with pytest.raises(CursorCorrupt, match="phase"):
        store.load()


def test_the_cursor_of_another_collection_is_refused(store: FileStore, tmp_path: Path) -> None:
    store.save(Position.of_token(TOKEN))
    other = FileStore(tmp_path, "info-temp5", WatchedSource(database="raw_data_temp", collections=("news",)))
    with pytest.raises(CursorCorrupt, match=r"belongs to raw_data_temp\.info, not to raw_data_temp\.news"):
        other.load()


def test_an_interrupted_save_leaves_the_saved_position(store: FileStore) -> None:
    store.save(Position.of_token(TOKEN))
    aside = store.path.with_suffix(".json.new")
    aside.write_text("{half")
    assert store.load() == Position.of_token(TOKEN)
    store.save(Position(time=Timestamp(7, 0)))
    assert store.load() == Position(time=Timestamp(7, 0))
    assert not aside.exists()


def test_a_disk_that_refuses_is_named(store: FileStore) -> None:
    store.path.with_suffix(".json.new").mkdir()
    with pytest.raises(StoreUnreachable, match="cannot be saved"):
        store.save(Position())


def test_a_cursor_that_cannot_be_forgotten_is_named(store: FileStore) -> None:
    store.path.mkdir()
    with pytest.raises(StoreUnreachable, match=f"cursor {store.path} cannot be forgotten: "):
        store.forget()


def test_a_lock_that_cannot_be_written_is_the_users_to_mend(store: FileStore, tmp_path: Path) -> None:
    (tmp_path / "info-temp5.lock").symlink_to("/dev/full")
    with pytest.raises(ConfigInvalid, match=f"--cursor-dir: {tmp_path} takes no lock: "), store.held():
        pass


def test_a_failure_while_it_is_held_is_not_the_locks(store: FileStore) -> None:
    failure = OSError("of something else")
    with pytest.raises(OSError, match="of something else") as caught, store.held():
        raise failure
    assert caught.value is failure


def test_a_folder_that_cannot_be_made_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FileStore(tmp_path / "file" / "cursors", "a", INFO)
    with pytest.raises(ConfigInvalid, match="--cursor-dir"), store.held():
        pass


def test_a_second_holder_is_refused_and_told_who_holds(store: FileStore, tmp_path: Path) -> None:
    again = FileStore(tmp_path, "info-temp5", INFO)
    with store.held():
        with pytest.raises(Fenced, match=f"pid {os.getpid()} on "), again.held():
            pass
        with FileStore(tmp_path, "other", INFO).held():
            pass
    with again.held():
        pass


def test_the_lock_dies_with_its_process(store: FileStore, tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from cdc.cursor.cursor import WatchedSource\n"
        "from cdc.cursor.file import FileStore\n"
        "held = FileStore(pathlib.Path(sys.argv[1]), 'info-temp5', WatchedSource(database='d')).held()\n"
        "held.__enter__()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert ended.returncode == -9
    with store.held():
        pass


def test_names_lists_the_saved_pipelines(tmp_path: Path) -> None:
    for name in ("b.c-t", "a"):
        FileStore(tmp_path, name, INFO).save(Position())
    assert FileStore(tmp_path, "any", INFO).names() == ["a", "b.c-t"]


def test_who_stands_by_has_its_turn_when_the_holder_ends(store: FileStore, tmp_path: Path) -> None:
    turn, over = threading.Event(), threading.Event()

    def stand_by(ends: threading.Event) -> None:
        with FileStore(tmp_path, "info-temp5", INFO).held(standby=Standby(over)):
            turn.set()
            ends.wait()

    with ExitStack() as stack:
        with store.held():
            stack.enter_context(beside(stand_by, name="standby"))
            assert not turn.wait(0.5)
        assert turn.wait(10)
        assert (store.holder or "").startswith(f"pid {os.getpid()} on ")
    assert store.holder is None


def test_who_is_to_end_stands_by_no_longer(store: FileStore, tmp_path: Path) -> None:
    over = threading.Event()
    over.set()
    with store.held(), FileStore(tmp_path, "info-temp5", INFO).held(standby=Standby(over)):
        pass
    with store.held():
        pass


def test_what_is_written_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    path = tmp_path / "cursor.json"
    code = (
        "import sys; from pathlib import Path; from cdc.cursor.disk import replace; replace(Path(sys.argv[1]), '\\xe4')"
    )
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, path], env=os.environ | ascii_only, check=True)
    assert path.read_bytes() == "ä".encode()
