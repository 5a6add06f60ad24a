import os
import signal
from collections.abc import Callable

import psutil
import pytest

from cdc.errors import ConfigInvalid
from cdc.local import port
from cdc.local.database import Database
from cdc.local.process import over, wait_for
from cdc.local.stack import Stack, reset, status, up
from tests.support.sql import administrator

pytestmark = pytest.mark.servers

Start = Callable[..., Stack]


def keep(server: Database) -> None:
    with administrator(server.url) as run:
        run("CREATE TABLE kept (name text)")
        run("INSERT INTO kept VALUES ('é😀')")


def sigkill(server: Database) -> None:
    """That process alone, and as a child that nobody waits for."""
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if not over(process)]


def family(server: Database) -> list[psutil.Process]:
    leader = psutil.Process(server.pid)
    return [leader, *leader.children(recursive=True)]


def test_databases_are_added_to_a_stack_survive_a_kill_and_go_with_it(own_stack: Start) -> None:
    tuned = {"mariadb": {"innodb-buffer-pool-size": "32M"}}
    stack = own_stack(mongo_nodes=0, brokers=0, databases=["postgres"], database_settings=tuned)
    keep(stack.databases["postgres"])
    grown = up(stack.folder, databases=["mariadb", "postgres"])
    assert grown.databases["postgres"] == stack.databases["postgres"]
    keep(grown.databases["mariadb"])

    assert up(stack.folder) == status(stack.folder) == grown
    for server, kill in zip(grown.databases.values(), (sigkill, Database.kill), strict=True):
        killed = family(server)
        assert killed[0].username() != "root"
        with administrator(server.url):
            kill(server)
        assert wait_for(lambda killed=killed: not alive(killed), 20)  # type: ignore[misc]
        assert not server.running
        server.start()
        with administrator(server.url) as run:
            assert run("SELECT name FROM kept").scalars().all() == ["é😀"]

    with administrator(grown.databases["mariadb"].url) as run:
        found = run("SELECT @@innodb_buffer_pool_size, @@character_set_database, @@socket").one()
        assert found == (32 * 1024 * 1024, "utf8mb4", "")
    running = [process for server in grown.databases.values() for process in family(server)]
    with administrator(grown.databases["postgres"].url):
        reset(stack.folder)
    assert not alive(running)
    assert not [server.home for server in grown.databases.values() if server.home.exists()]


def test_a_database_that_does_not_start_leaves_its_stack_as_it_was(own_stack: Start) -> None:
    tuned = {"mariadb": {"banana": 1}, "postgres": {"work_mem": "12MB", "fsync": False}}
    stack = own_stack(mongo_nodes=0, brokers=0, databases=["postgres"], database_settings=tuned)
    server = stack.databases["postgres"]
    with pytest.raises(ConfigInvalid, match=r"mariadb ended at its start: .*banana"):
        up(stack.folder, databases=["mariadb"])
    assert status(stack.folder) == stack
    assert not list(server.home.parent.glob(server.home.name.replace("postgres", "mariadb")))
    assert {socket.laddr.ip for socket in psutil.Process(server.pid).net_connections()} == {port.HOST}
    with administrator(server.url) as run:
        asked = [f"current_setting('{name}')" for name in ("work_mem", "fsync", "unix_socket_directories")]
        assert run(f"SELECT {', '.join(asked)}").one() == ("12MB", "off", "")
