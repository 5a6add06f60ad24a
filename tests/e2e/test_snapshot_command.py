"""`cdc snapshot`: documents sent again, by the watcher that runs or by the command itself; the full amount again."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.support import topic as topics
from tests.support.child import Child, cdc, running
from tests.support.endpoint import Endpoint
from tests.support.refusal import refusal
from tests.support.waiting import until

pytestmark = pytest.mark.servers

SLOW = ["--max-rate", "500", "--snapshot-round-ms", "100"]
"""So that a load can be met on its way."""


class Pipeline:
    """Of one collection, `info`, with a topic and a folder of its own."""

    def __init__(
        self, mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, folder: Path
    ) -> None:
        self.info = mongo[database].info
        self.env = servers
        self.folder = folder
        self.topic = topic
        self.kafka = servers["CDC_KAFKA__BOOTSTRAP_SERVERS"]
        self.flags = ["--database", database, "--collection", "info", "--topic", topic, "--cursor-dir", str(folder)]

    def fill(self, count: int) -> None:
        self.info.insert_many([{"_id": number, "n": number % 4} for number in range(count)])

    def watch(self, *args: str) -> Any:  # noqa: ANN401 - a context manager of a child
        return running("watch", *self.flags, *args, env=self.env, log=self.folder / "watch.log")

    def asking(self, *args: str) -> Any:  # noqa: ANN401 - likewise
        return running("snapshot", *self.flags, *args, env=self.env, log=self.folder / "snapshot.log")

    def ask(self, *args: str) -> str:
        """What a command that does it says."""
        done = cdc("snapshot", *self.flags, *args, env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def load(self) -> dict[str, Any]:
        """The last load, as the cursor has it; empty while there is none."""
        found = [json.loads(path.read_text())["load"] for path in self.folder.glob("*.json")]
        return (found and found[0]) or {}

    def loaded(self, child: Child) -> None:
        until(lambda: self.load.get("ended") or not child.alive, what="the first load")
        assert child.alive, child.text

    @property
    def outstanding(self) -> list[Path]:
        return list(self.folder.glob("*.requests/*.json"))

    def sent(self) -> list[tuple[str, Any]]:
        return [(record.value["op"], record.value["key"]["_id"]) for record in topics.read(self.kafka, self.topic)]


@pytest.fixture
def pipeline(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> Pipeline:
    return Pipeline(mongo, servers, database, topic, tmp_path)


def reads(*ids: int) -> list[tuple[str, int]]:
    return [("read", number) for number in ids]


def test_a_running_watcher_sends_them_again_and_goes_on(pipeline: Pipeline) -> None:
    pipeline.fill(3)
    with pipeline.watch("--metrics-port", "0") as child:
        pipeline.loaded(child)
        assert pipeline.ask() == "3 documents of info sent\n"
        assert pipeline.ask("--where", '{"n": {"$gte": 1}}') == "2 documents of info sent\n"
        pipeline.info.insert_one({"_id": 3, "n": 3})
        until(lambda: len(pipeline.sent()) == 9, what="the change")
        metrics = Endpoint(child).metrics()
        assert child.stop() == 0
    assert pipeline.sent() == [*reads(0, 1, 2), *reads(0, 1, 2), *reads(1, 2), ("insert", 3)]
    assert metrics["cdc_snapshot_documents"] == 2
    assert metrics["cdc_snapshot_documents_estimated"] == 2
    assert metrics["cdc_snapshot_chunks"] == metrics["cdc_snapshot_chunks_done"] >= 1
    assert metrics["cdc_snapshot_seconds_left"] == 0
    assert pipeline.outstanding == []


def test_without_a_watcher_the_command_does_it_and_passes_on_the_changes(pipeline: Pipeline) -> None:
    pipeline.fill(3)
    assert pipeline.ask() == "3 documents of info sent\n"
    pipeline.info.insert_one({"_id": 3, "n": 3})
    assert pipeline.ask("--where", '{"_id": {"$lt": 2}}') == "2 documents of info sent\n"
    assert cdc("watch", "--once", *pipeline.flags, env=pipeline.env).returncode == 0
    sent = pipeline.sent()
    assert sent[:3] == reads(0, 1, 2)
    assert sorted(sent[3:]) == [("insert", 3), *reads(0, 1)]


def test_a_first_load_takes_the_filter_too(pipeline: Pipeline) -> None:
    pipeline.fill(4)
    assert pipeline.ask("--where", '{"n": 2}') == "1 document of info sent\n"
    assert pipeline.sent() == reads(2)


def test_a_part_of_a_named_pipeline(mongo: MongoClient[dict[str, Any]], pipeline: Pipeline, database: str) -> None:
    for name in ("a", "b"):
        mongo[database][name].insert_one({"_id": name})
    named = ["--database", database, "--topic", pipeline.topic, "--name", "p", "--cursor-dir", str(pipeline.folder)]
    with running("watch", *named, env=pipeline.env, log=pipeline.folder / "log") as child:
        pipeline.loaded(child)
        done = cdc("snapshot", *named, "--collection", "b", env=pipeline.env)
        assert (done.returncode, done.stdout) == (0, "1 document of b sent\n"), done.stderr
        done = cdc("snapshot", *named, env=pipeline.env)
        assert (done.returncode, done.stdout) == (0, f"2 documents of {database} sent\n"), done.stderr
        assert child.stop() == 0
    done = cdc("snapshot", *named, "--collection", "b", env=pipeline.env)
    assert (done.returncode, done.stdout) == (0, "1 document of b sent\n"), done.stderr
    keys = [record.key for record in topics.read(pipeline.kafka, pipeline.topic)]
    assert len(keys) == 6
    assert len(set(keys)) == 2, "the same document has the same key, whoever sends it"


def test_several_requests_are_done_one_after_another(pipeline: Pipeline) -> None:
    pipeline.fill(400)
    with pipeline.watch(*SLOW) as child:
        pipeline.loaded(child)
        filters = ['{"n": 0}', '{"n": 1}', '{"n": {"$gte": 2}}']
        with (
            pipeline.asking("--where", filters[0]) as first,
            pipeline.asking("--where", filters[1]) as second,
            pipeline.asking("--where", filters[2]) as third,
        ):
            assert [child.wait() for child in (first, second, third)] == [0, 0, 0]
        assert child.stop() == 0
    said = (pipeline.folder / "snapshot.log").read_text()
    assert said.count("100 documents of info sent\n") == 2
    assert said.count("200 documents of info sent\n") == 1
    assert sorted(pipeline.sent()) == sorted(reads(*range(400)) * 2), "each once more"


def test_what_the_server_refuses_ends_the_load_and_not_the_watch(pipeline: Pipeline) -> None:
    pipeline.fill(1)
    with pipeline.watch() as child:
        pipeline.loaded(child)
        done = cdc("snapshot", *pipeline.flags, "--where", '{"n": {"$nonsense": 1}}', env=pipeline.env)
        said = refusal(done, 2)
        assert "the load ended after 0 documents: " in said
        assert "$nonsense" in said
        pipeline.info.insert_one({"_id": 1})
        until(lambda: ("insert", 1) in pipeline.sent(), what="the change")
        assert child.stop() == 0


def test_all_that_was_asked_for_is_cancelled(pipeline: Pipeline) -> None:
    pipeline.fill(2000)
    with pipeline.watch() as child:
        pipeline.loaded(child)
        child.stop()
    with pipeline.watch("--max-rate", "50", "--snapshot-round-ms", "100") as child:
        until(lambda: child.text.count('"watching"') == 2, what="the watcher")
        assert refusal(cdc("snapshot", "--cancel", *pipeline.flags), 2).startswith("pipeline ")
        with pipeline.asking() as first, pipeline.asking("--where", "{}") as second:
            until(lambda: len(pipeline.outstanding) == 2, what="two requests")
            until(
                lambda: 0 < pipeline.load["documents"] < 2000 and not pipeline.load["ended"], what="a load on its way"
            )
            listed = cdc("snapshot", "--list", *pipeline.flags).stdout.splitlines()
            assert ["  running  " in listed[0], "  waiting" in listed[1]] == [True, True], listed
            done = cdc("snapshot", "--cancel", *pipeline.flags)
            assert done.returncode == 0, done.stderr
            assert done.stdout.count("  cancelled; the watcher ends it\n") == 2
            assert (first.wait(), second.wait()) == (2, 2)
        assert pipeline.outstanding == []
        assert child.stop() == 0
    assert (pipeline.folder / "snapshot.log").read_text().count("error: the load was cancelled after ") == 2
    assert len(pipeline.sent()) < 4000


def test_a_watcher_that_is_killed_leaves_it_to_the_next_start(pipeline: Pipeline) -> None:
    pipeline.fill(2000)
    with pipeline.watch() as child:
        pipeline.loaded(child)
        child.stop()
    with pipeline.watch(*SLOW) as child:
        until(lambda: child.text.count('"watching"') == 2, what="the watcher")
        with pipeline.asking() as asking:
            until(lambda: len(pipeline.outstanding) == 1, what="a request")
            until(lambda: pipeline.load["id"] != "first" and pipeline.load["documents"] > 0, what="a load on its way")
            child.kill()
            assert asking.wait() == 3
            assert "error: the watcher has ended; the request " in asking.text
            assert "hint: `cdc snapshot --cancel --name " in asking.text
    before = pipeline.load["documents"]
    assert 0 < before < 2000
    with pipeline.watch() as child:
        until(lambda: pipeline.load["ended"] or not child.alive, what="the end of the load")
        assert child.stop() == 0
    assert (pipeline.load["ended"], pipeline.load["documents"]) == ("done", 2000)
    assert pipeline.outstanding == []
    sent = [key for _, key in pipeline.sent()]
    assert set(sent) == set(range(2000))
    assert all(sent.count(key) >= 2 for key in (0, 1000, 1999))
    assert len(sent) < 2 * 2000 + 2000 - before + 1500, "what was saved is not read again"


def test_who_stops_waiting_stops_nothing(pipeline: Pipeline) -> None:
    pipeline.fill(1000)
    with pipeline.watch(*SLOW) as child:
        pipeline.loaded(child)
        with pipeline.asking() as asking:
            until(lambda: len(pipeline.outstanding) == 1, what="a request")
            assert asking.stop(signal.SIGINT) == 128 + signal.SIGINT
            assert "the watcher goes on with it" in asking.text
            assert "cdc snapshot --cancel --name " in asking.text
            assert "Traceback" not in asking.text
        until(lambda: not pipeline.outstanding, what="the end of the load")
        assert child.stop() == 0
    assert sorted(pipeline.sent()) == sorted(reads(*range(1000)) * 2)


def test_a_command_that_is_stopped_is_gone_on_with(pipeline: Pipeline) -> None:
    pipeline.fill(2000)
    assert pipeline.ask() == "2,000 documents of info sent\n"
    with pipeline.asking(*SLOW) as asking:
        until(lambda: pipeline.load["id"] != "first" and pipeline.load["documents"] > 0, what="a load on its way")
        assert asking.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        assert "stopped before the load was done" in asking.text
    before = pipeline.load
    assert pipeline.ask() == "2,000 documents of info sent\n"
    assert pipeline.load["id"] == before["id"]
    assert len(pipeline.sent()) == 4000, "drained and saved, so nothing came twice"


def test_what_could_not_be_done_stays_asked_for_and_is_told(pipeline: Pipeline) -> None:
    pipeline.fill(2)
    assert pipeline.ask() == "2 documents of info sent\n"
    nowhere = {**pipeline.env, "CDC_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    for _ in range(2):
        done = cdc("snapshot", *pipeline.flags, "--startup-timeout", "0.1", env=nowhere)
        assert "Kafka" in refusal(done, 3)
        assert "the request stays; the next start goes on with it" in done.stderr
        assert "`cdc snapshot --cancel --name " in done.stderr
    assert len(pipeline.outstanding) == 1
    assert pipeline.ask() == "2 documents of info sent\n"
    assert pipeline.outstanding == []
    assert pipeline.sent() == reads(0, 1, 0, 1)


def test_the_full_amount_is_loaded_again_whatever_the_cursor_says(pipeline: Pipeline) -> None:
    pipeline.fill(2)
    for flag in ("--full-amount", "--full_amount"):
        assert cdc("watch", "--once", *pipeline.flags, flag, env=pipeline.env).returncode == 0
    cursor = next(pipeline.folder.glob("*.json"))
    cursor.write_text("{torn")
    assert cdc("watch", "--once", *pipeline.flags, "--full-amount", env=pipeline.env).returncode == 0
    assert pipeline.sent() == reads(0, 1) * 3


def test_a_topic_is_needed_where_no_watcher_runs(tmp_path: Path) -> None:
    done = cdc("snapshot", "--collection", "info", "--cursor-dir", str(tmp_path))
    assert "--topic is missing" in refusal(done, 2)
    assert list(tmp_path.glob("*.requests")) == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--list", "--cancel"], "--list and --cancel: one looks, the other acts | drop one of them"),
        (["--where", "[]", "--topic", "t"], "--where: not a JSON object | write a JSON object"),
        (["--cancel"], "--name is missing | name the pipeline"),
        (
            ["--cancel", "--topic", "t"],
            "pipeline 'raw_data_temp-t' has no load that could be cancelled | `cdc snapshot",
        ),
    ],
)
def test_a_wrong_command_is_one_line(tmp_path: Path, args: list[str], says: str) -> None:
    assert says in refusal(cdc("snapshot", *args, "--cursor-dir", str(tmp_path)), 2)
