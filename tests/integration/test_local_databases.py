import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cdc.errors import ConfigInvalid
from cdc.local import port
from cdc.local.database import Database
from cdc.local.process import wait_for
from cdc.local.stack import Stack, reset, status, up
from tests.support.sql import administrator

pytestmark = pytest.mark.servers

Start = Callable[..., Stack]
NAMES = ["mariadb", "postgres"]


def keep(server: Database) -> None:
    with administrator(server.url) as run:
        run("CREATE TABLE kept (name text)")
        run("INSERT INTO kept VALUES ('é😀')")


def sigkill(server: Database) -> None:
    """That process alone, and as a child that nobody waits for."""
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)


def family(server: Database) -> list[psutil.Process]:
    leader = psutil.Process(server.pid)
    return [leader, *leader.children(recursive=True)]


def test_databases_are_added_to_a_stack_survive_a_kill_and_go_with_it(own_stack: Start) -> None:
    stack = own_stack(mongo_nodes=0, brokers=0, databases=["postgres"])
    keep(stack.databases["postgres"])
    grown = up(stack.folder, databases=["mariadb", "postgres"])
    assert grown.databases["postgres"] == stack.databases["postgres"]
    keep(grown.databases["mariadb"])

    assert up(stack.folder) == status(stack.folder) == grown
    for server, kill in zip(grown.databases.values(), (sigkill, Database.kill), strict=True):
        assert {process.username() for process in family(server)} != {"root"}
        with administrator(server.url):
            kill(server)
        assert wait_for(lambda server=server: not server.running, 20)  # type: ignore[misc]
        server.start()
        with administrator(server.url) as run:
            assert run("SELECT name FROM kept").scalars().all() == ["é😀"]

    running = [process for server in grown.databases.values() for process in family(server)]
    with administrator(grown.databases["postgres"].url):
        reset(stack.folder)
    assert not [process for process in running if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert not [server.home for server in grown.databases.values() if server.home.exists()]


def test_settings_reach_the_databases_and_one_that_is_wrong_is_named(tmp_path: Path, own_stack: Start) -> None:
    tuned = {"mariadb": {"innodb-buffer-pool-size": "32M"}, "postgres": {"work_mem": "12MB", "fsync": False}}
    stack = own_stack(mongo_nodes=0, brokers=0, databases=NAMES, database_settings=tuned)
    with administrator(stack.databases["mariadb"].url) as run:
        found = run("SELECT @@innodb_buffer_pool_size, @@character_set_database, @@socket").one()
        assert found == (32 * 1024 * 1024, "utf8mb4", "")
    with administrator(stack.databases["postgres"].url) as run:
        found = run(
            "SELECT current_setting('work_mem'), current_setting('fsync'), current_setting('unix_socket_directories')"
        ).one()
        assert found == ("12MB", "off", "")
    for server in stack.databases.values():
        assert {socket.laddr.ip for socket in psutil.Process(server.pid).net_connections()} == {port.HOST}
    for name in NAMES:
        with pytest.raises(ConfigInvalid, match=f"{name} ended at its start: .*banana"):
            up(tmp_path, mongo_nodes=0, brokers=0, databases=[name], database_settings={name: {"banana": 1}})
        assert status(tmp_path) is None
