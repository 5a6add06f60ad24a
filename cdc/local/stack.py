"""The servers together: found by their state file, started, looked at, stopped, deleted."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self, TypedDict, Unpack

import platformdirs

from cdc.errors import ConfigInvalid
from cdc.local import broker, install, mongod, port
from cdc.local.broker import Broker
from cdc.local.database import Database
from cdc.local.install import Tell
from cdc.local.lock import locked
from cdc.local.mariadb import MariaDB
from cdc.local.mongod import Mongod
from cdc.local.postgres import Postgres
from cdc.local.process import Process
from cdc.local.server import Server, Settings

_STATE, _STATE_VERSION = "stack.json", 1
_LOCK = ".lock"
_SIZES = (0, 1, 3)
_DATABASES: Mapping[str, type[Database]] = {"mariadb": MariaDB, "postgres": Postgres}


class Options(TypedDict, total=False):
    """What makes a stack; its data belongs to them.

    Further nodes take the ports after the first one's, Kafka's controllers those after the brokers'. No nodes: that
    server is not started. Settings are the servers' own, by the names in their configuration files.
    `databases` are started beside them, `mariadb` or `postgres`; one that a stack lacks is added to it.
    """

    mongo_nodes: int
    brokers: int
    mongo_version: str
    mongo_port: int
    kafka_port: int
    mongo_settings: Settings
    kafka_settings: Settings
    databases: Sequence[str]
    database_ports: Mapping[str, int]
    database_settings: Mapping[str, Settings]


@dataclass
class Stack:
    """Its servers can be stopped, killed and started one by one; the state file follows."""

    folder: Path
    options: Options
    mongo: list[Mongod] = field(init=False)
    brokers: list[Broker] = field(init=False)
    databases: dict[str, Database] = field(init=False)

    def __post_init__(self) -> None:
        chosen = self.options
        version, settings = chosen["mongo_version"], chosen["mongo_settings"]
        self.mongo = [
            Mongod(f"mongod-{place + 1}", self.folder, chosen["mongo_port"] + place, settings, version=version)
            for place in range(chosen["mongo_nodes"])
        ]
        kafka_port, brokers = chosen["kafka_port"], chosen["brokers"]
        controllers = [kafka_port + brokers + place for place in range(brokers)]
        self.brokers = [
            Broker(
                f"kafka-{place + 1}",
                self.folder,
                kafka_port + place,
                chosen["kafka_settings"],
                number=place + 1,
                controllers=controllers,
            )
            for place in range(brokers)
        ]
        tuned = chosen.get("database_settings", {})
        self.databases = {
            name: _DATABASES[name](name, self.folder, number, tuned.get(name, {}))
            for name, number in chosen.get("database_ports", {}).items()
        }
        for server in self.servers:
            server.changed = self.save

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The stack whose data is in `folder`, running or not."""
        state = folder / _STATE
        if not state.exists():
            return None
        try:
            saved = json.loads(state.read_bytes())
            stack = cls(folder, {_STATE_VERSION: saved["options"]}[saved["version"]])
            stack.adopt({name: Process(**process) for name, process in saved["processes"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigInvalid(
                f"{state} is not the state of a stack of this version", hint="delete its folder, or name another --dir"
            ) from error
        return stack

    def adopt(self, processes: Mapping[str, Process]) -> None:
        """Takes over running servers, by their names."""
        for server in self.servers:
            server.process = processes.get(server.name)

    def save(self) -> None:
        processes = {name: asdict(process) for name, process in self.processes.items()}
        state = {"version": _STATE_VERSION, "options": self.options, "processes": processes}
        aside = self.folder / f"{_STATE}.new"
        aside.write_text(json.dumps(state, indent=2))
        aside.replace(self.folder / _STATE)

    @property
    def servers(self) -> list[Server]:
        return [*self.mongo, *self.brokers, *self.databases.values()]

    @property
    def processes(self) -> Mapping[str, Process]:
        return {server.name: server.process for server in self.servers if server.process}

    @property
    def running(self) -> bool:
        """Whether all of it runs."""
        return all(server.running for server in self.servers)

    @property
    def mongo_uri(self) -> str:
        hosts = ",".join(server.address for server in self.mongo)
        return f"mongodb://{hosts}/?replicaSet={mongod.REPLICA_SET}"

    @property
    def kafka(self) -> str:
        """The bootstrap servers."""
        return ",".join(server.address for server in self.brokers)

    def environment(self) -> Mapping[str, str]:
        """The variables by which every `cdc` command finds these servers, and those of the databases' addresses."""
        urls = {f"{name.upper()}_URL": database.url for name, database in self.databases.items()}
        return {"CDC_MONGO__URI": self.mongo_uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": self.kafka, **urls}

    def start(self, tell: Tell = install.silent) -> None:
        """Starts what does not run, all at once, and waits until the whole serves."""
        if self.mongo:
            install.mongod(self.options["mongo_version"], tell)
        if self.brokers:
            install.kafka(tell)
        for database in self.databases.values():
            database.programs()
        for server in self.servers:
            if not server.running:
                tell(f"starting {server.name} on {server.address}")
            server.launch()
        for server in self.servers:
            server.wait()
        if self.mongo:
            mongod.unite(self.mongo)
        if self.brokers:
            broker.meet(self.brokers)

    def stop(self) -> None:
        """Ends every server in good order."""
        for server in self.servers:
            server.terminate()
        for server in self.servers:
            server.stop()

    def delete(self) -> None:
        """Deletes the data and the state, and nothing else that may be in the folder; the logs stay."""
        _delete(self.servers)
        (self.folder / _STATE).unlink(missing_ok=True)


def default_folder() -> Path:
    return platformdirs.user_data_path("cdc") / "local"


def up(folder: Path, tell: Tell = install.silent, **wanted: Unpack[Options]) -> Stack:
    """Starts the stack of `folder`, or what is missing of it; a new one gets free ports where none are wanted.

    Raises:
        ConfigInvalid: an option that does not fit, a port that is taken, a server that refuses to start.
        Retryable: a download failed, or a server does not answer in time.
    """
    folder = folder.resolve()
    with locked(folder / _LOCK):
        found = Stack.load(folder)
        stack = _grown(_confirmed(found, wanted), wanted) if found else Stack(folder, _completed(wanted))
        started = [server for server in stack.servers if not server.running]
        try:
            stack.start(tell)
        except BaseException:
            for server in started:
                server.kill()
            if found:
                _delete([server for name, server in stack.databases.items() if name not in found.databases])
                found.save()
            else:
                stack.delete()
            raise
    return stack


def status(folder: Path) -> Stack | None:
    """The stack of `folder` as it is now; None where there is none."""
    return Stack.load(folder.resolve())


def down(folder: Path) -> Stack | None:
    """Stops the stack of `folder` and keeps its data; None where there is none."""
    with _stopped(folder) as stack:
        return stack


def reset(folder: Path) -> Stack | None:
    """Stops the stack of `folder` and deletes its data and logs; None where there is none."""
    with _stopped(folder) as stack:
        if stack:
            stack.delete()
            for server in stack.servers:
                server.log.unlink(missing_ok=True)
        return stack


@contextmanager
def _stopped(folder: Path) -> Iterator[Stack | None]:
    """The stack of `folder`, at rest, under its lock; None where there is none."""
    folder = folder.resolve()
    if _untouched(folder):
        yield None
        return
    with locked(folder / _LOCK):
        stack = Stack.load(folder)
        if stack:
            stack.stop()
        yield stack


def _untouched(folder: Path) -> bool:
    """Whether no stack was ever begun in it."""
    return not any((folder / name).exists() for name in (_LOCK, _STATE))


def _completed(wanted: Options) -> Options:
    nodes, brokers = wanted.get("mongo_nodes", 1), wanted.get("brokers", 1)
    for option, size in (("--mongo-nodes", nodes), ("--brokers", brokers)):
        if size not in _SIZES:
            raise ConfigInvalid(f"{option} {size}: not a size that can be had", hint="use 1 or 3")
    names = _databases(wanted)
    first = port.free(nodes + 2 * brokers + len(names))
    chosen: Options = {
        "mongo_nodes": nodes,
        "brokers": brokers,
        "mongo_version": install.MONGODB,
        "mongo_port": first,
        "kafka_port": first + nodes,
        "mongo_settings": {},
        "kafka_settings": {},
        "database_ports": {name: first + nodes + 2 * brokers + place for place, name in enumerate(names)},
        "database_settings": {},
    }
    return {**chosen, **_settled(wanted)}


def _confirmed(stack: Stack, wanted: Options) -> Stack:
    for name, value in _settled(wanted).items():
        has = stack.options.get(name)
        if value != has:
            raise ConfigInvalid(
                f"--{name.replace('_', '-')} {value}: the stack in {stack.folder} has {has}",
                hint="`cdc local reset` deletes that stack and its data; or name another --dir",
            )
    return stack


def _grown(stack: Stack, wanted: Options) -> Stack:
    """With the databases that are wanted and that it lacks."""
    lacking = [name for name in _databases(wanted) if name not in stack.databases]
    if not lacking:
        return stack
    ports = {name: server.port for name, server in stack.databases.items()}
    ports |= {name: port.free(1) for name in lacking}
    grown = Stack(stack.folder, {**stack.options, "database_ports": ports})
    grown.adopt(stack.processes)
    return grown


def _databases(wanted: Options) -> list[str]:
    """Their names, each once."""
    names = list(dict.fromkeys(wanted.get("databases", ())))
    for name in names:
        if name not in _DATABASES:
            raise ConfigInvalid(
                f"--with {name}: not a server that can be had",
                hint=f"use {' or '.join(_DATABASES)}, or both: {','.join(_DATABASES)}",
            )
    return names


def _settled(wanted: Options) -> Options:
    """What a stack is by, not what is added to it."""
    return {name: value for name, value in wanted.items() if name != "databases"}  # type: ignore[return-value]


def _delete(servers: Sequence[Server]) -> None:
    for server in servers:
        shutil.rmtree(server.home, ignore_errors=True)
