import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cdc.errors import ConfigInvalid
from cdc.local.broker import Broker
from cdc.local.mongod import Mongod
from cdc.local.options import Options
from cdc.local.process import Process, wait_for
from cdc.local.stack import Stack, down, reset, status, up

OPTIONS: Options = {
    "mongo_nodes": 3,
    "brokers": 3,
    "mongo_version": "6.0.27",
    "mongo_port": 20000,
    "kafka_port": 20010,
    "mongo_settings": {"replication.oplogSizeMB": 16},
    "kafka_settings": {"message.max.bytes": 1000},
    "database_ports": {"mariadb": 20020, "postgres": 20021},
    "database_settings": {"mariadb": {"wait-timeout": 9}},
}


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as child:
        yield psutil.Process(child.pid)
        child.kill()


def test_a_stack_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    stack = Stack(tmp_path, OPTIONS)
    stack.mongo[2].process = Process(12345, 1700000000.25)
    stack.save()
    assert status(tmp_path) == stack


def test_addresses_follow_from_the_first_ports(tmp_path: Path) -> None:
    stack = Stack(tmp_path, OPTIONS)
    assert stack.mongo_uri == "mongodb://127.0.0.1:20000,127.0.0.1:20001,127.0.0.1:20002/?replicaSet=rs0"
    assert stack.kafka == "127.0.0.1:20010,127.0.0.1:20011,127.0.0.1:20012"
    assert stack.environment() == {
        "CDC_MONGO__URI": stack.mongo_uri,
        "CDC_KAFKA__BOOTSTRAP_SERVERS": stack.kafka,
        "MARIADB_URL": "mysql://root@127.0.0.1:20020/cdc",
        "POSTGRES_URL": "postgresql://postgres@127.0.0.1:20021/cdc",
    }
    assert [node.controllers for node in stack.brokers] == [[20013, 20014, 20015]] * 3


def test_a_missing_extra_is_named() -> None:
    code = "import sys; sys.modules['jgo'] = None; import cdc.local"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("ConfigInvalid: the embedded servers need jgo\n")


def test_no_stack_is_no_error_and_nothing_is_made(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new"):
        assert status(folder) is None
        assert down(folder) is None
        assert reset(folder) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["/proc/nothing", "/dev/null"])
def test_a_folder_that_cannot_be_made_is_named(folder: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"the folder {folder} cannot be written: "):
        up(Path(folder), mongo_nodes=0, brokers=0)


@pytest.mark.parametrize("state", ["", "{", "[]", '{"version": 2}', '{"version": 1, "options": {}, "processes": {}}'])
def test_a_state_that_is_none_is_refused_and_kept(tmp_path: Path, state: str) -> None:
    file = tmp_path / "stack.json"
    file.write_text(state)
    with pytest.raises(ConfigInvalid, match=r"stack\.json is not the state"):
        up(tmp_path)
    assert file.read_text() == state


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"brokers": 1}, "--brokers 1: the stack in .* has 3"),
        ({"mongo_version": "6.0.5"}, "--mongo-version 6.0.5: the stack in .* has 6.0.27"),
    ],
)
def test_a_stack_is_not_turned_into_another(tmp_path: Path, wanted: dict[str, Any], message: str) -> None:
    Stack(tmp_path, OPTIONS).save()
    with pytest.raises(ConfigInvalid, match=message):
        up(tmp_path, **wanted)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"mongo_nodes": 2}, "--mongo-nodes 2"),
        ({"brokers": 5}, "--brokers 5"),
        ({"mongo_version": "9.9"}, "--mongo-version 9.9"),
        ({"databases": ["mariadb", "mysql"]}, "--with mysql"),
        ({"databases": [""]}, "--with : not a server"),
    ],
)
def test_what_cannot_be_had_is_refused_by_its_option(tmp_path: Path, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigInvalid, match=message):
        up(tmp_path, **wanted)
    assert status(tmp_path) is None


def test_a_stack_of_an_earlier_version_has_no_databases_and_can_be_given_one(tmp_path: Path) -> None:
    earlier = OPTIONS.copy()
    del earlier["database_ports"], earlier["database_settings"]
    Stack(tmp_path, earlier).save()
    found = status(tmp_path)
    assert found
    assert found.databases == {}
    with pytest.raises(ConfigInvalid, match="--with oracle"):
        up(tmp_path, databases=["oracle"])


@pytest.mark.parametrize(("name", "package"), [("mariadb", "mariadb-server"), ("postgres", "postgresql")])
def test_a_database_that_is_not_installed_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ConfigInvalid, match="is not installed") as refused:
        up(tmp_path, mongo_nodes=0, brokers=0, databases=[name])
    assert refused.value.hint == f"apt-get install {package}"
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]


def test_only_root_s_databases_run_as_another_user_and_lie_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **_: name)
    server = Stack(tmp_path, OPTIONS).databases["mariadb"]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (server.home / "data").mkdir(parents=True)
    assert server.home == tmp_path / "mariadb"
    assert "--clear-groups" not in server.command()[0]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert server.home.parent == Path("/var/lib/cdc-local")


def test_a_recycled_process_id_is_neither_mistaken_nor_killed(sleeper: psutil.Process) -> None:
    stranger = Process(sleeper.pid, sleeper.create_time() - 60)
    assert not stranger.running
    stranger.stop(0)
    stranger.kill()
    assert sleeper.is_running()
    assert Process(sleeper.pid, sleeper.create_time()).running


def test_a_process_that_will_not_end_is_made_to(tmp_path: Path) -> None:
    log = tmp_path / "log"
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    process = Process.spawn([sys.executable, "-c", deaf], environment={}, log=log)
    try:
        assert wait_for(lambda: log.exists() and bool(log.read_bytes()), 20)
        process.stop(0.1)
        assert not process.running
    finally:
        process.kill()


def test_a_process_is_killed_with_its_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parent = "import os, signal; os.fork() or print(os.getpid(), flush=True); signal.pause()"
    process = Process.spawn([sys.executable, "-c", parent], environment={}, log=log)
    assert wait_for(lambda: log.exists() and log.read_text().endswith("\n"), 20)
    child = psutil.Process(int(log.read_text()))
    process.kill()
    assert not process.running
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_leads_a_session_of_its_own_and_keeps_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    code = "import os; print(os.environ['WORD'], os.getsid(0) == os.getpid())"
    process = Process.spawn([sys.executable, "-c", code], environment={"WORD": "after"}, log=log)
    assert wait_for(lambda: not process.running, 20)
    assert process.exit_code() == 0
    assert log.read_text() == "before\nafter True\n"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["Unrecognized option: net.prt", "try 'mongod --help' for more information"], "Unrecognized option: net.prt"),
        (
            ["mongod: libcurl.so.4: cannot open shared object file"],
            "mongod: libcurl.so.4: cannot open shared object file",
        ),
        (
            [
                '{"s":"I","msg":"Starting"}',
                '{"s":"E","msg":"Failed to set up listener","attr":{"error":"in use"}}',
                '{"s":"I","msg":"Now exiting"}',
            ],
            'Failed to set up listener: {"error": "in use"}',
        ),
        (['{"s":"I","msg":"Now exiting"}'], '{"s":"I","msg":"Now exiting"}'),
    ],
)
def test_why_a_mongod_ended(tmp_path: Path, lines: list[str], reason: str) -> None:
    assert Mongod("mongod-1", tmp_path, 20000, {}).last_words(lines) == reason


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            [
                "2026-01-01 00:00:00,000 ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)",
                "org.apache.kafka.common.KafkaException: no socket",
                "\tat kafka.Kafka.main(Kafka.scala)",
                "Caused by: java.net.BindException: Address already in use",
                "\t... 1 more",
            ],
            "Address already in use",
        ),
        (['Exception in thread "main" java.lang.OutOfMemoryError: Java heap space'], "Java heap space"),
        (["Unrecognized VM option"], "Unrecognized VM option"),
    ],
)
def test_why_a_broker_ended(tmp_path: Path, lines: list[str], reason: str) -> None:
    assert Broker("kafka-1", tmp_path, 20000, {}).last_words(lines) == reason


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        (
            "mariadb",
            [
                "2026-01-01  0:00:00 0 [Note] Plugin 'FEEDBACK' is disabled.",
                "2026-01-01  0:00:00 0 [ERROR] /usr/sbin/mariadbd: unknown variable 'banana=1'",
                "2026-01-01  0:00:00 0 [ERROR] Aborting",
            ],
            "/usr/sbin/mariadbd: unknown variable 'banana=1'",
        ),
        (
            "mariadb",
            ["mariadbd: error while loading shared libraries"],
            "mariadbd: error while loading shared libraries",
        ),
        (
            "postgres",
            [
                "2026-01-01 00:00:00.000 UTC [9] LOG:  starting PostgreSQL 15",
                '2026-01-01 00:00:00.000 UTC [9] FATAL:  unrecognized configuration parameter "banana"',
                "2026-01-01 00:00:00.000 UTC [9] LOG:  database system is shut down",
            ],
            'unrecognized configuration parameter "banana"',
        ),
        ("postgres", ["initdb: error: cannot be run as root", "initdb: hint: be another"], "cannot be run as root"),
        ("postgres", ["Killed"], "Killed"),
    ],
)
def test_why_a_database_ended(tmp_path: Path, name: str, lines: list[str], reason: str) -> None:
    assert Stack(tmp_path, OPTIONS).databases[name].last_words(lines) == reason
