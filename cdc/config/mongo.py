"""Where the changes come from: MongoDB's address, credentials and limits."""

import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FilePath, PositiveInt, SecretStr, model_validator
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

from cdc.config.misfit import MisfitError, quoted

DEFAULT_DATABASE = "raw_data_temp"
MASK = "********"

_MOST_AWAIT_MS = 5000  # a reader that waits longer cannot stop in time
_OWN_DATABASES = ("admin", "config", "local")
_SRV = "mongodb+srv://"
_URI_HINT = (
    "write mongodb://USER:PASSWORD@HOST:PORT/?replicaSet=NAME, with special characters in USER and PASSWORD "
    "percent-encoded"
)
_MASKED_OPTIONS = r"(?i)([?&](?:tlsCertificateKeyFilePassword|authMechanismProperties)=)[^&]*"
_PARTS = ("user", "password", "auth_source", "host", "port")
_OPTIONS = {
    "replica_set": "replicaSet",
    "max_pool_size": "maxPoolSize",
    "min_pool_size": "minPoolSize",
    "connect_timeout_ms": "connectTimeoutMS",
    "server_selection_timeout_ms": "serverSelectionTimeoutMS",
    "socket_timeout_ms": "socketTimeoutMS",
    "tls": "tls",
    "tls_ca_file": "tlsCAFile",
    "tls_certificate_key_file": "tlsCertificateKeyFile",
    "tls_certificate_key_file_password": "tlsCertificateKeyFilePassword",
}


def _parse(uri: str) -> dict[str, Any]:
    """The URI's parts, without asking DNS: an SRV name is parsed as the host it is."""
    srv = uri.startswith(_SRV)
    if srv:
        place, _, options = uri.removeprefix(_SRV).partition("?")
        options = "&".join(option for option in options.split("&") if not option.lower().startswith("srv"))
        uri = f"mongodb://{place}?{options}"
    parsed = parse_uri(uri, default_port=None if srv else 27017)
    if srv and (len(parsed["nodelist"]) != 1 or parsed["nodelist"][0][1] is not None):
        raise InvalidURI("an SRV name is one host without a port")
    return parsed


def _uri(secret: SecretStr) -> SecretStr:
    uri = secret.get_secret_value()
    if not uri.startswith(("mongodb://", _SRV)):
        raise MisfitError("does not start with mongodb:// or mongodb+srv://", hint=_URI_HINT)
    try:
        _parse(uri)
    except InvalidURI:
        raise MisfitError("is not a well-formed MongoDB URI", hint=_URI_HINT) from None
    except ConfigurationError:
        raise MisfitError(
            "has an option that MongoDB does not know, or hosts that do not fit it", hint=_URI_HINT
        ) from None
    except (PyMongoError, ValueError, TypeError, OSError):
        raise MisfitError(
            "has a port, a file or an option's value that MongoDB does not take", hint=_URI_HINT
        ) from None
    return secret


def _host(host: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*", host):
        raise MisfitError(
            f"{quoted(host)} is not a host name",
            hint="write one host; its port goes to mongo.port, several hosts go to mongo.uri",
        )
    return host


def is_database_name(name: str) -> bool:
    return bool(re.fullmatch(r'[^/\\. "$\0]{1,63}', name))


def _database(name: str) -> str:
    if not is_database_name(name):
        raise MisfitError(
            f"{quoted(name)} is not a database name", hint='write 1 to 63 characters without / \\ . " $ or space'
        )
    return name


def _database_of(values: dict[str, Any]) -> str:
    """The database in the URI's path, else the default."""
    uri = values.get("uri")
    return (_parse(uri.get_secret_value())["database"] if uri else None) or DEFAULT_DATABASE


def masked(uri: str) -> str:
    """A well-formed URI without its password and without the options that hold secrets."""
    place, mark, options = uri.partition("?")
    scheme, _, rest = place.partition("://")
    credentials, at, hosts = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    options = re.sub(_MASKED_OPTIONS, rf"\g<1>{MASK}", mark + options)
    return f"{scheme}://{user}{f':{MASK}' if colon else ''}{at}{hosts}{options}"


MongoUri = Annotated[SecretStr, AfterValidator(_uri)]


class MongoSettings(BaseModel):
    """MongoDB, either by `uri` or by its parts; an option given here wins over the same option in the URI."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    uri: MongoUri | None = Field(
        None, description="MongoDB's connection string; instead of user, password, auth_source, host and port."
    )
    user: str | None = Field(None, description="User to log in as.")
    password: SecretStr | None = Field(None, description="The user's password.")
    auth_source: str = Field("admin", description="Database that knows the user.")
    host: Annotated[str, AfterValidator(_host)] = Field("127.0.0.1", description="Host of one member.")
    port: int = Field(27017, ge=1, le=65535, description="Port of that member.")
    database: Annotated[str, AfterValidator(_database)] = Field(
        default_factory=_database_of,
        description=f"Database to watch; by default the one in the URI's path, else {DEFAULT_DATABASE}.",
    )
    replica_set: str | None = Field(None, min_length=1, description="Name the replica set must have.")
    max_pool_size: PositiveInt | None = Field(None, description="Most connections to one server.")
    min_pool_size: int | None = Field(None, ge=0, description="Connections to keep open to one server.")
    connect_timeout_ms: PositiveInt | None = Field(None, description="Longest wait for a connection, in milliseconds.")
    server_selection_timeout_ms: PositiveInt = Field(
        5000, description="Longest wait for a server that can answer, in milliseconds, before the attempt is repeated."
    )
    socket_timeout_ms: PositiveInt | None = Field(None, description="Longest wait for a reply, in milliseconds.")
    tls: bool | None = Field(None, description="Encrypt the connection.")
    tls_ca_file: FilePath | None = Field(None, description="PEM file of the authorities to trust.")
    tls_certificate_key_file: FilePath | None = Field(None, description="PEM file of our certificate and its key.")
    tls_certificate_key_file_password: SecretStr | None = Field(None, description="Password of that key.")
    batch_size: PositiveInt = Field(1000, description="Most events or documents in one reply.")
    max_await_time_ms: PositiveInt = Field(
        500,
        le=_MOST_AWAIT_MS,
        description="How long the server waits for a first event before it replies empty, in milliseconds.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.uri:
            for part in _PARTS:
                if part in self.model_fields_set:
                    raise MisfitError(
                        "only one of them can say where MongoDB is",
                        hint=f"put the {part.replace('_', ' ')} in the URI, or drop the URI",
                        settings=("mongo.uri", f"mongo.{part}"),
                    )
        if (self.user is None) != (self.password is None):
            raise MisfitError(
                "one needs the other", hint="give both, or neither", settings=("mongo.user", "mongo.password")
            )
        for part in ("tls_ca_file", "tls_certificate_key_file"):
            if self.tls is False and getattr(self, part):
                raise MisfitError(
                    "exclude each other", hint="drop one of them", settings=("mongo.tls", f"mongo.{part}")
                )
        self._check_database()
        self._check_limits()
        return self

    def _check_database(self) -> None:
        if self.database in _OWN_DATABASES:
            stated = "mongo.database" if "database" in self.model_fields_set else "mongo.uri"
            raise MisfitError(
                f"{self.database!r} is MongoDB's own, without change streams",
                hint="name the database to watch with --database",
                settings=(stated,),
            )

    def _check_limits(self) -> None:
        if self.min_pool_size and self.max_pool_size and self.min_pool_size > self.max_pool_size:
            raise MisfitError(
                "the least is more than the most",
                hint="write a least that is no more than the most",
                settings=("mongo.min_pool_size", "mongo.max_pool_size"),
            )
        timeout_ms, stated = self._socket_timeout()
        if timeout_ms and timeout_ms <= self.max_await_time_ms:
            raise MisfitError(
                "no reply can come in time",
                hint="write a socket timeout longer than mongo.max_await_time_ms, which an empty reply takes",
                settings=(stated, "mongo.max_await_time_ms"),
            )

    def _socket_timeout(self) -> tuple[float | None, str]:
        """In milliseconds, and the setting that says so."""
        if self.uri and self.socket_timeout_ms is None:
            seconds = _parse(self.uri.get_secret_value())["options"].get("socketTimeoutMS")
            return seconds and seconds * 1000, "mongo.uri"
        return self.socket_timeout_ms, "mongo.socket_timeout_ms"

    def connection(self) -> tuple[str, dict[str, Any]]:
        """The URI and the keyword arguments of `pymongo.MongoClient`; both hold secrets."""
        if self.uri:
            uri = self.uri.get_secret_value()
            stated = {name.lower() for name in _parse(uri)["options"]}
            chosen = {
                name: option
                for name, option in _OPTIONS.items()
                if name in self.model_fields_set or option.lower() not in stated
            }
            return uri, self._options(chosen)
        credentials = {}
        if self.user is not None and self.password is not None:
            credentials = {
                "username": self.user,
                "password": self.password.get_secret_value(),
                "authSource": self.auth_source,
            }
        return f"mongodb://{self.addresses()[0]}/", credentials | self._options(_OPTIONS)

    def _options(self, chosen: dict[str, str]) -> dict[str, Any]:
        options = {}
        for name, option in chosen.items():
            match getattr(self, name):
                case None:
                    continue
                case SecretStr() as secret:
                    options[option] = secret.get_secret_value()
                case Path() as path:
                    options[option] = str(path)
                case value:
                    options[option] = value
        return options

    def addresses(self) -> list[str]:
        """`host:port` of each server named, an SRV name as it is: what an error may show."""
        nodes = _parse(self.uri.get_secret_value())["nodelist"] if self.uri else [(self.host, self.port)]
        return [_address(host, port) for host, port in nodes]


def _address(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host
