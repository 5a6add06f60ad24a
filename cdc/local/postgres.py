"""One PostgreSQL server, from Debian's package."""

import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cdc.local import port
from cdc.local.database import DATABASE, Database, flags, program

_VERSIONS = Path("/usr/lib/postgresql")
"""Where Debian keeps each version's programs; on the path it has wrappers, and the server not at all."""

_REASON = re.compile(r"(?:FATAL|PANIC|ERROR|error):\s+(.+)")


@dataclass
class Postgres(Database):
    """Its options: https://www.postgresql.org/docs/current/runtime-config.html."""

    package: ClassVar[str] = "postgresql"
    account: ClassVar[str] = "postgres"
    port_option: ClassVar[str] = "--with postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    """At SIGTERM it waits for its clients to leave."""

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self.address}/{DATABASE}"

    def programs(self) -> None:
        _program("postgres")

    def make(self, data: Path) -> list[str]:
        made = "--username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync"
        script = f'"$0" --pgdata="$2" {made} && echo "CREATE DATABASE {DATABASE}" | "$1" --single -D "$2" postgres'
        return ["/bin/sh", "-c", script, _program("initdb"), _program("postgres"), str(data)]

    def serve(self, data: Path) -> list[str]:
        settings = {
            "listen_addresses": port.HOST,
            "port": self.port,
            "unix_socket_directories": "",
            **self.settings,
        }
        return [_program("postgres"), "-D", str(data), *flags(settings)]

    def answers(self) -> bool:
        asked = [_program("pg_isready"), f"--host={port.HOST}", f"--port={self.port}", "--quiet"]
        return subprocess.run(asked, check=False).returncode == 0

    def last_words(self, lines: list[str]) -> str:
        reasons = [found[1] for line in lines if (found := _REASON.search(line))]
        return reasons[-1] if reasons else lines[-1]


def _program(name: str) -> str:
    newest = sorted(_VERSIONS.glob("[0-9]*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    server = Path(program("postgres", Postgres.package, before=newest))
    return str(server.resolve().with_name(name))
