"""What a stack is made of: chosen once, and what may be added to it later."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from cdc.errors import ConfigInvalid
from cdc.local import install, port
from cdc.local.server import Settings

_SIZES = (0, 1, 3)
_DATABASES = ("mariadb", "postgres")


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


def completed(wanted: Options) -> Options:
    """Those of a new stack; free ports where none are wanted.

    Raises:
        ConfigInvalid: one that does not fit.
    """
    nodes, brokers = wanted.get("mongo_nodes", 1), wanted.get("brokers", 1)
    for option, size in (("--mongo-nodes", nodes), ("--brokers", brokers)):
        if size not in _SIZES:
            raise ConfigInvalid(f"{option} {size}: not a size that can be had", hint="use 1 or 3")
    databases = _databases(wanted)
    first = port.free(nodes + 2 * brokers + len(databases))
    chosen: Options = {
        "mongo_nodes": nodes,
        "brokers": brokers,
        "mongo_version": install.MONGODB,
        "mongo_port": first,
        "kafka_port": first + nodes,
        "mongo_settings": {},
        "kafka_settings": {},
        "database_ports": {name: first + nodes + 2 * brokers + place for place, name in enumerate(databases)},
        "database_settings": {},
    }
    return {**chosen, **_lasting(wanted)}


def confirmed(folder: Path, has: Options, wanted: Options) -> None:
    """Holds that the stack in `folder` is the one that is wanted.

    Raises:
        ConfigInvalid: it is another.
    """
    for name, value in _lasting(wanted).items():
        if value != has.get(name):
            raise ConfigInvalid(
                f"--{name.replace('_', '-')} {value}: the stack in {folder} has {has.get(name)}",
                hint="`cdc local reset` deletes that stack and its data; or name another --dir",
            )


def grown(has: Options, wanted: Options) -> Options:
    """With the databases that are wanted and that it lacks.

    Raises:
        ConfigInvalid: there is no such database.
    """
    ports = has.get("database_ports", {})
    added = {name: port.free(1) for name in _databases(wanted) if name not in ports}
    return {**has, "database_ports": {**ports, **added}} if added else has


def _lasting(wanted: Options) -> Options:
    """What makes a stack, not what is added to one."""
    lasting = wanted.copy()
    lasting.pop("databases", None)
    return lasting


def _databases(wanted: Options) -> list[str]:
    """Their names, each once."""
    names = list(dict.fromkeys(wanted.get("databases", ())))
    for name in names:
        if name not in _DATABASES:
            known = f"use {' or '.join(_DATABASES)}, or both: {','.join(_DATABASES)}"
            raise ConfigInvalid(f"--with {name}: not a server that can be had", hint=known)
    return names
