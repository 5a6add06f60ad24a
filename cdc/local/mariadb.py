"""One MariaDB server, from Debian's package."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cdc.local import port
from cdc.local.database import DATABASE, Database, flags, program

_GREETING = 10
"""The fifth byte that a server sends, its protocol's version; where it refuses the connection, it is another."""

_CALL_SECONDS = 2


@dataclass
class MariaDB(Database):
    """Its options: https://mariadb.com/docs/server/server-management/starting-and-stopping-mariadb/mariadbd-options."""

    package: ClassVar[str] = "mariadb-server"
    account: ClassVar[str] = "mysql"
    port_option: ClassVar[str] = "--with mariadb"

    @property
    def url(self) -> str:
        return f"mysql://root@{self.address}/{DATABASE}"

    def programs(self) -> None:
        for name in ("mariadbd", "mariadb-install-db"):
            program(name, self.package)

    def make(self, data: Path) -> list[str]:
        first = self.scratch / "first.sql"
        first.write_text(f"CREATE DATABASE {DATABASE};\n")
        first.chmod(0o644)
        return [
            program("mariadb-install-db", self.package),
            *self._options(data),
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            f"--extra-file={first}",
        ]

    def serve(self, data: Path) -> list[str]:
        return [
            program("mariadbd", self.package),
            *self._options(data),
            f"--bind-address={port.HOST}",
            f"--port={self.port}",
            "--socket=",
            *flags(self.settings),
        ]

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection((port.HOST, self.port), _CALL_SECONDS) as connection:
            return connection.recv(5, socket.MSG_WAITALL)[4:] == bytes([_GREETING])
        return False

    def last_words(self, lines: list[str]) -> str:
        errors = [line.partition("[ERROR] ")[2] for line in lines if "[ERROR] " in line]
        return next((error for error in reversed(errors) if error != "Aborting"), lines[-1])

    def _options(self, data: Path) -> list[str]:
        return [
            "--no-defaults",
            f"--datadir={data}",
            f"--tmpdir={self.scratch}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
        ]
