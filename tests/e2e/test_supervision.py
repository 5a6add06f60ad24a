"""A watch under a supervisor: what systemd hears, and what happens to a loop that stands still."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from tests.support import topic as topics
from tests.support.child import COMMAND, cdc, environment, running
from tests.support.endpoint import Endpoint
from tests.support.package import install
from tests.support.refusal import refusal
from tests.support.suspending import suspended
from tests.support.systemd import systemd
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

NOWHERE = "127.0.0.1:1"
SECRET = "q7hunter22Zk"  # noqa: S105 - what the log must not tell
STANDS = "the loop stands still"

STUCK = """
import os
import threading
from pathlib import Path

from pydantic import field_validator

from cdc.models import DataType, Document


class Note(Document):
    text: str
    at: int

    @field_validator("at")
    @classmethod
    def never_returns(cls, at: int) -> int:
        if at == 13 and (reached := os.environ.get("REACHED")):
            Path(reached).touch()
            threading.Event().wait()
        return at


NOTE = DataType(model=Note, collection="notes", topic="notes", increment_field="at")
"""


@pytest.fixture
def args(database: str, topic: str, tmp_path: Path) -> list[str]:
    folder = str(tmp_path / "cursors")
    return ["watch", "--database", database, "--collection", "info", "--topic", topic, "--cursor-dir", folder]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_of_readiness_life_and_end(
    servers: dict[str, str], args: list[str], tmp_path: Path, *, abstract: bool
) -> None:
    with systemd(abstract=abstract) as listening:
        env = servers | {"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "1000000"}
        with running(*args, env=env, log=tmp_path / "log") as child:
            until(lambda: listening.heard.count("WATCHDOG=1") >= 3 or not child.alive, what="three beats")
            assert child.alive, child.text
            until(lambda: any(line.startswith("STATUS=lag ") for line in listening.heard), what="a status")
            assert child.stop() == 0
        heard = listening.heard
    assert heard.count("READY=1") == 1
    assert heard[-1] == "STOPPING=1"
    assert heard.count("STOPPING=1") == 1


def test_systemd_hears_that_a_standby_is_ready_and_lives(
    servers: dict[str, str], args: list[str], tmp_path: Path
) -> None:
    with systemd() as listening, running(*args, env=servers, log=tmp_path / "first") as first:
        until(lambda: "watching" in first.text or not first.alive, what="the first")
        env = servers | {"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "400000"}
        with running(*args, "--standby", env=env, log=tmp_path / "second") as second:
            until(lambda: listening.heard.count("WATCHDOG=1") >= 3 or not second.alive, what="three beats")
            status, *beats = listening.heard[1:]
            assert listening.heard[0] == "READY=1"
            assert status.startswith(f"STATUS=standing by: pid {first.process.pid} on ")
            assert set(beats) == {"WATCHDOG=1"}
            assert first.stop() == 0
            until(lambda: "watching" in second.text or not second.alive, what="the second")
            assert second.stop() == 0, second.text
        assert listening.heard[-1] == "STOPPING=1"


def test_a_watch_that_has_not_reached_kafka_is_not_ready(servers: dict[str, str], args: list[str]) -> None:
    with systemd() as listening:
        env = servers | {"NOTIFY_SOCKET": listening.address, "CDC_KAFKA__BOOTSTRAP_SERVERS": NOWHERE}
        refusal(cdc(*args, "--startup-timeout", "0.5", "--stall-timeout", "1", env=env), 3)
        assert "READY=1" not in listening.heard
        assert "STOPPING=1" in listening.heard


def test_a_loop_that_stands_still_ends_with_its_functions_and_loses_nothing(
    mongo: MongoClient[dict[str, Any]],
    servers: dict[str, str],
    kafka: str,
    database: str,
    topic: str,
    args: list[str],
    tmp_path: Path,
) -> None:
    install(tmp_path, "acme_notes", STUCK, note="acme_notes:NOTE")
    notes = mongo[database].notes
    notes.insert_many([{"_id": n, "text": "t", "at": n} for n in range(3)])
    reached = tmp_path / "reached"
    args[args.index("info")] = "notes"
    args += ["--data-type", "note"]
    env = servers | {"PYTHONPATH": str(tmp_path)}
    with systemd() as listening:
        supervised = {"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "400000", "REACHED": str(reached)}
        with running(*args, "--stall-timeout", "3", env=env | supervised, log=tmp_path / "log") as child:
            until(lambda: topics.ends(kafka, topic) == 3 or not child.alive, what="what was there")
            notes.insert_many([{"_id": 3, "text": "t", "at": 4}, {"_id": SECRET, "text": SECRET, "at": 13}])
            until(lambda: reached.exists() or not child.alive, what="a validator that never returns")
            alive = listening.heard.count("WATCHDOG=1")
            assert child.wait() == 3
            log = child.text
        assert listening.heard.count("WATCHDOG=1") <= alive + 2, "3 s are 15 beats"
    (line,) = [json.loads(line) for line in log.splitlines() if STANDS in line]
    assert (line["level"], line["seconds"]) == ("error", 3)
    assert "acme_notes.Note.never_returns:" in line["stack"]
    assert "cdc.pipeline.Attempt._pass_on:" in line["stack"]
    assert SECRET not in log

    done = cdc(*args, "--once", env=env)
    assert done.returncode == 0, done.stderr
    assert topics.differences(topics.read(kafka, topic), notes.find()) == []


def test_a_process_that_was_stopped_itself_goes_on(
    mongo: MongoClient[dict[str, Any]],
    servers: dict[str, str],
    kafka: str,
    database: str,
    topic: str,
    args: list[str],
    tmp_path: Path,
) -> None:
    info = mongo[database].info
    info.insert_one({"_id": 0})
    with running(*args, "--stall-timeout", "1", env=servers, log=tmp_path / "log") as child:
        until(lambda: topics.ends(kafka, topic) == 1 or not child.alive, what="what was there")
        for _ in range(3):
            with suspended(child.process):
                passes(2)
            passes(0.5)
            assert child.alive, child.text
        info.insert_one({"_id": 1})
        until(lambda: topics.ends(kafka, topic) == 2 or not child.alive, what="a change")
        assert child.alive, child.text
        assert child.stop() == 0, child.text


def test_waits_between_attempts_are_no_standstill(servers: dict[str, str], args: list[str]) -> None:
    env = {**servers, "CDC_MONGO__URI": f"mongodb://{NOWHERE}", "CDC_MONGO__SERVER_SELECTION_TIMEOUT_MS": "500"}
    done = cdc(*args, "--stall-timeout", "1", "--startup-timeout", "9", env=env)
    assert f"MongoDB at {NOWHERE} cannot be reached" in refusal(done, 3)
    waits = [json.loads(line)["seconds"] for line in done.stderr.splitlines() if "trying again" in line]
    assert max(waits) > 1.5
    assert STANDS not in done.stderr


def test_a_stop_waits_for_kafka_as_long_as_it_is_told(
    own_stack: "Callable[..., Stack]",
    mongo: MongoClient[dict[str, Any]],
    mongo_uri: str,
    database: str,
    topic: str,
    args: list[str],
    tmp_path: Path,
) -> None:
    stack = own_stack(mongo_nodes=0)
    env = {"CDC_MONGO__URI": mongo_uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": stack.kafka}

    def stopped(name: str, seconds: float) -> float:
        """How long a stop takes while Kafka does not answer, a while after a record was sent there."""
        options = ["--metrics-port", "0", "--stall-timeout", "1", "--shutdown-timeout", str(seconds)]
        with running(*args, *options, env=env, log=tmp_path / name) as child:
            endpoint = Endpoint(child)
            until(lambda: endpoint.ready()["code"] == 200, what="being ready")
            with suspended(stack.brokers[0]):
                mongo[database].info.insert_one({"_id": name})
                until(lambda: endpoint.metrics()["cdc_in_flight_records"] >= 1, what="a record in flight")
                passes(3)
                assert child.alive, child.text
                began = time.monotonic()
                assert child.stop() == 3, child.text
                took = time.monotonic() - began
            assert "records unacknowledged" in child.text
            assert STANDS not in child.text
        return took

    assert stopped("patient", 5) >= 5
    assert stopped("hasty", 0.5) < 7, "which it is when nothing is said"
    assert cdc(*args, "--once", env=env).returncode == 0
    assert {record.value["key"]["_id"] for record in topics.read(stack.kafka, topic)} == {"patient", "hasty"}


def test_a_stop_does_not_wait_for_a_mongodb_that_does_not_answer(
    own_stack: "Callable[..., Stack]", kafka: str, args: list[str], tmp_path: Path
) -> None:
    stack = own_stack(brokers=0)
    env = {"CDC_MONGO__URI": stack.mongo_uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka}
    with running(*args, "--metrics-port", "0", env=env, log=tmp_path / "log") as child:
        endpoint = Endpoint(child)
        until(lambda: endpoint.ready()["code"] == 200, what="being ready")
        with suspended(stack.mongo[0]):
            assert child.stop(seconds=20) == 0, child.text


def test_a_dry_run_waits_for_its_reader(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, tmp_path: Path
) -> None:
    mongo[database].info.insert_many([{"_id": n, "text": "x" * 1000} for n in range(1000)])
    command = [*COMMAND, "watch", "--dry-run", "--once", "--database", database, "--stall-timeout", "1"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(command, env=environment(servers), stdout=subprocess.PIPE, stderr=log) as child,
    ):
        assert child.stdout is not None
        first = child.stdout.readline()
        passes(4)
        rest = child.stdout.read().splitlines()
        assert child.wait(30) == 0, (tmp_path / "log").read_text()
    assert len([first, *rest]) == 1000


def passes(seconds: float) -> None:
    """So much time, where time is what is tried."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end, what="the time")
