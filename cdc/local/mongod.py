"""One `mongod`, and the replica set that several make."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from cdc.errors import Retryable, SourceUnreachable
from cdc.local import install, port
from cdc.local.process import wait_for
from cdc.local.server import Server, Settings

REPLICA_SET = "rs0"

_DEFAULTS: Settings = {
    "net.bindIp": port.HOST,
    "net.unixDomainSocket.enabled": False,
    "storage.wiredTiger.engineConfig.cacheSizeGB": 0.25,
    "setParameter.diagnosticDataCollectionEnabled": False,
    "setParameter.shutdownTimeoutMillisForSignaledShutdown": 100,
}
_REPLICATION: Settings = {"replication.replSetName": REPLICA_SET, "replication.oplogSizeMB": 512}
_TIMING = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
_ELECTION_SECONDS = 60
_CALL_MS = 2000


@dataclass
class Mongod(Server):
    """`settings` are its configuration file's, by their dotted names, as `replication.oplogSizeMB` or `setParameter.…`.

    https://www.mongodb.com/docs/manual/reference/configuration-options/
    """

    version: str = install.MONGODB
    replicated: bool = True

    port_option: ClassVar[str] = "--mongo-port"
    unreachable: ClassVar[type[Retryable]] = SourceUnreachable

    @property
    def uri(self) -> str:
        """To this server alone, whatever its replica set."""
        return f"mongodb://{self.address}/?directConnection=true"

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        program = install.mongod(self.version)
        data = self.home / "data"
        data.mkdir(exist_ok=True)
        config = self.home / "mongod.json"
        options = {**_DEFAULTS, **(_REPLICATION if self.replicated else {}), **self.settings}
        config.write_text(
            json.dumps(_nested({**options, "net.port": self.port, "storage.dbPath": str(data)}), indent=2)
        )
        return [str(program.path), "--config", str(config)], program.environment

    def answers(self) -> bool:
        """A member serves once it is primary or secondary, and waits for its replica set before that is founded."""
        hello = self.hello()
        return any(hello.get(state, False) for state in ("isWritablePrimary", "secondary", "isreplicaset"))

    def hello(self) -> Mapping[str, Any]:
        """What it says of itself; empty where it does not answer."""
        with suppress(ConnectionFailure):
            return self.run({"hello": 1})
        return {}

    def run(self, command: dict[str, Any]) -> Mapping[str, Any]:
        """Has it run an `admin` command."""
        with MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=_CALL_MS) as client:
            return client.admin.command(command)

    def last_words(self, lines: list[str]) -> str:
        plain = [line for line in lines if not line.startswith(("{", "try '"))]
        return plain[-1] if plain else _last_error(lines)


def standalone(
    folder: Path, *, version: str = install.MONGODB, settings: Settings | None = None, mongo_port: int | None = None
) -> Mongod:
    """A running `mongod` without a replica set, its data in `folder`; the caller stops it."""
    server = Mongod("standalone", folder, mongo_port or port.free(1), settings or {}, version=version, replicated=False)
    try:
        server.start()
    except BaseException:
        server.kill()
        raise
    return server


def unite(members: Sequence[Mongod]) -> None:
    """Founds the replica set unless it stands, and waits until it has a primary and every member follows."""
    if not wait_for(lambda: _founded(members) and _united(members), _ELECTION_SECONDS):
        raise SourceUnreachable(
            f"the replica set {REPLICA_SET} has no primary after {_ELECTION_SECONDS} s",
            hint=f"its members' logs are in {members[0].folder}",
        )


def _founded(members: Sequence[Mongod]) -> bool:
    """Whether it stands; else it is founded, unless the member that is told does not answer."""
    if not members[0].hello().get("isreplicaset"):
        return True
    hosts = [{"_id": number, "host": member.address} for number, member in enumerate(members)]
    with suppress(ConnectionFailure):
        members[0].run({"replSetInitiate": {"_id": REPLICA_SET, "members": hosts, "settings": _TIMING}})
    return False


def _united(members: Sequence[Mongod]) -> bool:
    states = [member.hello() for member in members]
    primaries = [state for state in states if state.get("isWritablePrimary")]
    return len(primaries) == 1 and all(state.get("secondary") for state in states if state not in primaries)


def _nested(options: Settings) -> dict[str, Any]:
    """`setParameter` is the one option whose dotted names mongod does not take."""
    prefix = "setParameter."
    parameters = {name.removeprefix(prefix): value for name, value in options.items() if name.startswith(prefix)}
    return {
        **{name: value for name, value in options.items() if not name.startswith(prefix)},
        "setParameter": parameters,
    }


def _last_error(lines: list[str]) -> str:
    """The message of the last error in mongod's log, which is JSON by line: severity `s`, `msg`, `attr`."""
    for line in reversed(lines):
        with suppress(ValueError):
            entry = json.loads(line)
            if entry["s"] in ("E", "F"):
                return f"{entry['msg']}: {json.dumps(entry.get('attr', {}))}"
    return lines[-1]
