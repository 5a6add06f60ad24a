"""What a user gets for a wrong option, a server that does not fit, and a position that cannot be gone on from."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient

from cdc.cursor.cursor import WatchedSource
from cdc.cursor.file import FileStore
from cdc.events import Position
from cdc.local.mongod import standalone
from tests.support.child import cdc, running
from tests.support.refusal import refusal
from tests.support.secured import secured
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

NOWHERE = "127.0.0.1:1"
PASSWORD = "q7hunter22Zk"  # noqa: S105 - of a server that lives as long as its test
CONTENT = "content-of-a-document"


@pytest.mark.parametrize(
    ("args", "environment", "says"),
    [
        ([], {}, "--topic is missing | write --topic NAME, or --dry-run"),
        (["--topic", "a b"], {}, "--topic: 'a b' is not a Kafka topic name | write letters, digits"),
        (["--dry-run", "--colection", "x"], {}, "No such option: --colection (Possible options: --collection, "),
        (["--dry-run", "--metrics-port", "x"], {}, "'--metrics-port': Input should be a valid integer"),
        (["--dry-run"], {"CDC_TOPICS": "t"}, "unknown setting 'CDC_TOPICS' in the environment: did you mean"),
        (["--dry-run", "--match", '{"operationType": "inserted"}'], {}, "--match: unknown operationType 'inserted': d"),
        (["--dry-run", "--match", "{"], {}, "--match: not JSON from character 2 on"),
        (["--dry-run", "--mongo-uri", "localhost"], {}, "--mongo-uri: does not start with mongodb:// or mongodb+srv"),
        (["--dry-run", "--from", "yesterday"], {}, "--from: 'yesterday' is not a time | write `now`, a time such as"),
        (["--dry-run", "extra"], {}, "unexpected extra argument"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named_with_what_to_write(args: list[str], environment: dict[str, str], says: str) -> None:
    assert says in refusal(cdc("watch", *args, env=environment), 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("topic: [", "cdc.yaml is not YAML at line 1"),
        ("kafka: {bootstrap_server: h:1}", "'kafka.bootstrap_server' in {path}: did you mean 'kafka.boot"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "cdc.yaml"
    path.write_text(text)
    assert says.format(path=path) in refusal(cdc("watch", "--config", str(path)), 2)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("match", "says"),
    [
        ('{"$about": 1}', "unknown top level operator: $about"),
        ('{"fullDocument.name": {"$regex": "("}}', "Regular expression is invalid"),
        ('{"$text": {"$search": "a"}}', "$match with $text is only allowed as the first pipeline stage"),
        ('{"$expr": {"$add": [1, "a"]}}', "$add only supports numeric or date types, not string"),
    ],
)
def test_a_filter_that_the_server_refuses(servers: dict[str, str], database: str, match: str, says: str) -> None:
    said = refusal(cdc("watch", "--dry-run", "--database", database, "--match", match, env=servers), 2)
    assert "--match: the server refuses it: " in said
    assert says in said


@pytest.mark.servers
def test_a_filter_that_fails_on_a_document_does_not_repeat_it(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str
) -> None:
    began = str(mongo.admin.command("ping")["operationTime"].time)
    mongo[database].info.insert_one({"_id": 1, "text": CONTENT})
    match = '{"$expr": {"$eq": [{"$toInt": "$fullDocument.text"}, 1]}}'
    done = cdc("watch", "--dry-run", "--once", "--from", began, "--database", database, "--match", match, env=servers)
    assert "--match: the server refuses it: ConversionFailure" in refusal(done, 2)
    assert CONTENT not in done.stderr


def test_a_name_that_dns_does_not_know_is_tried_again() -> None:
    done = cdc("watch", "--dry-run", "--startup-timeout", "5", "--mongo-uri", "mongodb+srv://nowhere.invalid/")
    assert "MongoDB at nowhere.invalid cannot be resolved" in refusal(done, 3)
    assert '"event": "trying again"' in done.stderr


@pytest.mark.servers
def test_mongodb_out_of_reach_at_the_start_is_tried_again_and_named(tmp_path: Path, servers: dict[str, str]) -> None:
    env = {**servers, "CDC_MONGO__URI": f"mongodb://{NOWHERE}", "CDC_MONGO__SERVER_SELECTION_TIMEOUT_MS": "1000"}
    cursors = tmp_path / "cursors"
    done = cdc("watch", "--dry-run", "--startup-timeout", "5", "--cursor-dir", str(cursors), env=env)
    assert f"MongoDB at {NOWHERE} cannot be reached (AutoReconnect, Errno 111) | is it running, and is" in refusal(
        done, 3
    )
    assert '"event": "trying again"' in done.stderr


@pytest.mark.servers
def test_kafka_out_of_reach_at_the_start_is_named(tmp_path: Path, servers: dict[str, str], database: str) -> None:
    args = ["--database", database, "--topic", "t", "--kafka", NOWHERE, "--cursor-dir", str(tmp_path)]
    done = cdc("watch", *args, "--startup-timeout", "0.5", env=servers)
    assert f"Kafka at {NOWHERE} cannot be reached (_TRANSPORT) | is it running, and are --kafka and" in refusal(done, 3)
    (cursor,) = tmp_path.glob("*.json")
    assert json.loads(cursor.read_bytes())["phase"] == "load"


@pytest.mark.servers
def test_a_standalone_server_comes_with_how_to_make_it_a_replica_set(tmp_path: Path) -> None:
    server = standalone(tmp_path)
    try:
        done = cdc("watch", "--dry-run", "--mongo-uri", f"mongodb://{server.address}")
    finally:
        server.stop()
    said = refusal(done, 2)
    assert f"MongoDB at {server.address} is a standalone server, which has no change streams" in said
    assert "start mongod with --replSet rs0, then run rs.initiate()" in said


@pytest.mark.servers
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("seen", "--collection: 'seen' is a view, which has no changes of its own | --collection info"),
        ("measured", "--collection: 'measured' is a time-series collection, which has no change streams | copy it: "),
    ],
)
def test_a_collection_without_changes_comes_with_what_to_watch(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, name: str, says: str
) -> None:
    mongo[database].create_collection("seen", viewOn="info", pipeline=[])
    mongo[database].create_collection("measured", timeseries={"timeField": "at"})
    done = cdc("watch", "--dry-run", "--database", database, "--collection", name, env=servers)
    assert says in refusal(done, 2)


@pytest.mark.servers
def test_a_user_without_rights_is_told_what_to_grant(own_stack: "Callable[..., Stack]", tmp_path: Path) -> None:
    server = secured(own_stack, tmp_path, PASSWORD)
    place = server.mongo_uri.removeprefix("mongodb://")
    args = ["watch", "--dry-run", "--once", "--debug", "--database", "shop", "--collection", "info", "--mongo-uri"]
    with MongoClient[dict[str, Any]](f"mongodb://root:{PASSWORD}@{place}") as root:
        root.admin.command({"createUser": "reader", "pwd": PASSWORD, "roles": []})
        root["shop"].info.insert_one({"_id": 1, "text": CONTENT})

        wrong = cdc(*args, f"mongodb://reader:{PASSWORD}x@{place}")
        assert "refuses the login (AuthenticationFailed)" in refusal(wrong, 2)
        assert "mend user, password and auth_source" in wrong.stderr
        denied = cdc(*args, f"mongodb://reader:{PASSWORD}@{place}")
        said = refusal(denied, 2)
        assert f"MongoDB at {server.mongo[0].address} refuses access to 'shop' (Unauthorized)" in said
        assert 'db.getSiblingDB("admin").grantRolesToUser("USER", [{role: "read", db: "shop"}])' in said

        root.admin.command({"grantRolesToUser": "reader", "roles": [{"role": "read", "db": "shop"}]})
        granted = cdc(*args, f"mongodb://reader:{PASSWORD}@{place}")
    assert granted.returncode == 0, granted.stderr
    assert CONTENT in granted.stdout
    for done in (wrong, denied, granted):
        assert PASSWORD not in done.stderr
        assert CONTENT not in done.stderr


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text[: len(text) // 2], "cursor {path} is cut short or is not JSON; it was left untouched"),
        (lambda text: text.replace(b'"version": 1', b'"version": 2'), "is of version 2, and this cdc reads version 1"),
        (lambda text: text.replace(b"info", b"shop"), "cursor {path} belongs to data.shop, not to data.info"),
    ],
)
def test_a_cursor_that_does_not_fit_is_left_as_it_is(
    tmp_path: Path, spoil: Callable[[bytes], bytes], says: str
) -> None:
    store = FileStore(tmp_path, "p", WatchedSource(database="data", collections=("info",)))
    store.save(Position(time=Timestamp(1_700_000_000, 1)))
    store.path.write_bytes(spoiled := spoil(store.path.read_bytes()))
    args = ["--name", "p", "--cursor-dir", str(tmp_path), "--database", "data", "--collection", "info"]

    said = refusal(cdc("watch", "--topic", "t", *args), 4)
    assert says.format(path=store.path) in said
    assert store.path.read_bytes() == spoiled

    suggested = re.findall("`cdc (cursor reset .*)`", said)
    assert cdc(*shlex.split(*suggested), "--yes").returncode == 0
    assert not store.path.exists()


@pytest.mark.servers
def test_a_second_watcher_of_a_name_learns_who_has_it(servers: dict[str, str], database: str, tmp_path: Path) -> None:
    args = ["watch", "--database", database, "--topic", "t", "--name", "p", "--cursor-dir", str(tmp_path)]
    with running(*args, env=servers, log=tmp_path / "log") as child:
        until(lambda: '"watching"' in child.text, what="a watcher")
        said = refusal(cdc(*args, env=servers), 6)
        assert f"pipeline 'p' is already running: pid {child.process.pid} on " in said
        assert "stop that one first, give this pipeline a --name of its own, or wait for its end with --standby" in said
        assert child.alive
