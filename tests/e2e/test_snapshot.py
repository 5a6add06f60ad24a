"""The first load, and loads of a running watch, while others write: exact, whoever is killed."""

import json
import os
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.fire import fire
from tests.support.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

SCALE = int(os.environ.get("CDC_TEST_SCALE", "1"))
"""1 for every day; 10 is 200,000 documents and 10 kills."""

DOCUMENTS = 20_000 * SCALE
KILLS = max(3, SCALE)
RATE = DOCUMENTS // (3 * KILLS)


@pytest.fixture
def args(database: str, topic: str, tmp_path: Path) -> list[str]:
    where = ["--collection", "info", "--database", database, "--topic", topic]
    return [*where, "--name", "p", "--cursor-dir", str(tmp_path)]


def saved(folder: Path) -> dict[str, Any]:
    """The cursor."""
    found: dict[str, Any] = json.loads((folder / "p.json").read_text())
    return found


def read_so_far(folder: Path) -> int:
    return int(saved(folder)["load"]["documents"]) if (folder / "p.json").exists() else 0


def loaded(folder: Path, child: Child) -> bool:
    assert child.alive, child.text
    return bool(saved(folder)["load"]["ended"] == "done")


def reached(folder: Path, documents: int, child: Child) -> bool:
    assert child.alive, child.text
    return read_so_far(folder) >= documents


def check(mongo: MongoClient[dict[str, Any]], database: str, kafka: str, topic: str) -> list[topics.Consumed]:
    records = topics.read(kafka, topic)
    assert topics.differences(records, mongo[database].info.find()) == []
    assert topics.out_of_order(records) == []
    assert topics.stale_reads(records) == []
    return records


def test_a_first_load_under_fire_and_killed_again_and_again(
    mongo: MongoClient[dict[str, Any]], mongo_uri: str, servers: dict[str, str], database: str, topic: str,
    args: list[str], tmp_path: Path,
) -> None:  # fmt: skip
    load = ["--max-rate", str(RATE), "--snapshot-round-ms", "100", "--parallel", "3"]
    with fire(mongo_uri, database, documents=DOCUMENTS) as writers:
        for kill in range(KILLS):
            goal = read_so_far(tmp_path) + random.randrange(1, DOCUMENTS // KILLS // 2)
            with running("watch", *args, *load, env=servers, log=tmp_path / f"log-{kill}") as child:
                until(partial(reached, tmp_path, goal, child), seconds=60, what=f"{goal} documents")
                assert saved(tmp_path)["phase"] == "load", "the kill comes amid the load"
                child.kill()
        with running("watch", *args, *load, env=servers, log=tmp_path / "log") as child:
            until(partial(loaded, tmp_path, child), seconds=120, what="the end of the load")
            assert all(writer.operations > 100 and writer.failure is None for writer in writers)
            assert child.stop() == 0, child.text
    last = cdc("watch", *args, "--once", env=servers)
    assert last.returncode == 0, last.stderr
    records = check(mongo, database, servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], topic)
    reads = sum(record.value["op"] == "read" for record in records)
    assert reads < DOCUMENTS * 1.5, "what was read is not read again, but for what was in flight"


def test_a_load_of_a_running_watch_under_fire(
    mongo: MongoClient[dict[str, Any]], mongo_uri: str, servers: dict[str, str], database: str, topic: str,
    args: list[str], tmp_path: Path,
) -> None:  # fmt: skip
    with (
        fire(mongo_uri, database, documents=DOCUMENTS),
        running("watch", *args, "--from", "now", env=servers, log=tmp_path / "log") as child,
    ):
        until(lambda: (tmp_path / "p.json").exists() or not child.alive, what="a cursor")
        again = cdc("snapshot", *args, env=servers, seconds=120)
        assert again.returncode == 0, again.stderr
        assert child.alive
        assert child.stop() == 0, child.text
    assert cdc("watch", *args, "--once", env=servers).returncode == 0
    check(mongo, database, servers["CDC_KAFKA__BOOTSTRAP_SERVERS"], topic)
