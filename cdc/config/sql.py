"""SQL databases, read from or written to: address, credentials and limits."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, SecretStr

from cdc.config.misfit import MisfitError
from cdc.errors import ConfigInvalid

Dialect = Literal["mysql", "postgresql"]

_DIALECTS: dict[str, Dialect] = {
    "mysql": "mysql", "mariadb": "mysql", "postgresql": "postgresql", "postgres": "postgresql",
}  # fmt: skip
_SERVERS = {"mysql": "MySQL", "mariadb": "MariaDB", "postgresql": "PostgreSQL", "postgres": "PostgreSQL"}
_PORTS: dict[Dialect, int] = {"mysql": 3306, "postgresql": 5432}
_OPTIONS: dict[Dialect, tuple[str, ...]] = {
    "mysql": ("ssl_ca", "ssl_cert", "ssl_key", "unix_socket"),
    "postgresql": ("sslmode", "sslrootcert", "sslcert", "sslkey", "options"),
}
_FILES = {"ssl_ca", "ssl_cert", "ssl_key", "sslrootcert", "sslcert", "sslkey"}
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
IDLE_SECONDS = 20
"""How long an open transaction of a target may say nothing before the server ends it.

A process that stands still loses its transaction, so that it holds up no other.
"""
_LONGEST_SECONDS = IDLE_SECONDS // 2

_HINT = (
    "write mysql://USER:PASSWORD@HOST:PORT/DATABASE or postgresql://…, with special characters in USER and PASSWORD "
    "percent-encoded"
)


class Address(NamedTuple):
    """Where a database is; `server` is what errors call it. Without a password it may be shown."""

    server: str
    dialect: Dialect
    host: str
    port: int
    database: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.server} at {host}:{self.port}"


def _url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    scheme = url.partition("://")[0]
    if scheme not in _DIALECTS:
        raise MisfitError("does not start with mysql://, mariadb:// or postgresql://", hint=_HINT)
    try:
        parts = urlsplit(url)
        named, port = bool(parts.hostname), parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise MisfitError("is not a well-formed URL", hint=_HINT) from None
    if not named or port == 0 or parts.fragment:
        raise MisfitError("is not a well-formed URL", hint=_HINT)
    if not re.fullmatch(r"/[^/]+", parts.path):
        raise MisfitError("names no database", hint=_HINT)
    known = _OPTIONS[_DIALECTS[scheme]]
    if set(options) - set(known):
        raise MisfitError("has an unknown option", hint=f"the options are {', '.join(known)}")
    _check(options)
    return secret


def _check(options: dict[str, str]) -> None:
    if (mode := options.get("sslmode", _MODES[0])) not in _MODES:
        raise MisfitError(f"has the sslmode {mode!r}", hint=f"they are {', '.join(_MODES)}")
    for name in _FILES & options.keys():
        if options[name] != "system" and not Path(options[name]).is_file():
            raise MisfitError(f"names a file in {name} that is not there", hint="write the path of a PEM file")


SqlUrl = Annotated[SecretStr, AfterValidator(_url)]


def refuse_idle(option: str, interval: float, *, second: int = 1) -> None:
    """Raises: ConfigInvalid: transactions of a target that end in such intervals may be ended before by the server."""
    most = _LONGEST_SECONDS * second
    if interval > most:
        raise ConfigInvalid(
            f"{option}: {interval:g} is too long: the server of --sink ends what is idle for {IDLE_SECONDS} s",
            hint=f"write at most {most}",
        )


class SqlSettings(BaseModel):
    """A SQL database; there is none without `url`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SqlUrl | None = Field(None, description="The database: mysql://, mariadb:// or postgresql://.")
    pool_size: PositiveInt = Field(4, description="Most connections to it.")
    connect_timeout: PositiveInt = Field(5, description="Longest wait for a connection, in seconds.")
    read_timeout: PositiveInt = Field(300, description="Longest wait for a reply, in seconds.")
    batch_size: PositiveInt = Field(1000, description="Most rows in one statement.")

    @property
    def given(self) -> bool:
        return self.url is not None

    @property
    def address(self) -> Address:
        """Raises ValueError where there is no `url`."""
        parts = self._parts
        dialect = _DIALECTS[parts.scheme]
        port = parts.port or _PORTS[dialect]
        return Address(_SERVERS[parts.scheme], dialect, parts.hostname or "", port, unquote(parts.path[1:]))

    @property
    def credentials(self) -> tuple[str | None, str | None]:
        """User and password."""
        user, password = self._parts.username, self._parts.password
        return None if user is None else unquote(user), None if password is None else unquote(password)

    @property
    def options(self) -> dict[str, Any]:
        """Those of the URL, by the driver's names."""
        return dict(parse_qsl(self._parts.query))

    @property
    def _parts(self) -> SplitResult:
        if self.url is None:
            raise ValueError("there is no SQL database")
        return urlsplit(self.url.get_secret_value())
