"""The MongoDB client: how it is made, what kind of server it met, and what its errors mean."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ECONNRESET, EPIPE
from typing import Any

from dns.exception import DNSException
from pymongo import MongoClient
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.monitoring import CommandListener

from cdc.config import MongoSettings
from cdc.errors import AccessDenied, CdcError, ConfigInvalid, HistoryLost, SourceUnreachable, TooLarge
from cdc.source.cursors import well_formed

LOGIN = frozenset({11, 18})
"""UserNotFound, AuthenticationFailed."""
DENIED = frozenset({13, 8000})
"""Unauthorized, AtlasError."""
FORGOTTEN = 286
HISTORY = frozenset({260, 280, FORGOTTEN, 40647, 40649, 50796, 50811, 50816, 50872})
"""InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost: a token of another stream, or too old a one; and
what a server says of a token that is none, by where in it that shows."""
UNPARSED = frozenset({9, 15})
"""FailedToParse, Overflow: said of such a token too, and of filters."""
RESUMABLE = frozenset({6, 7, 43, 63, 89, 91, 133, 134, 150, 175, 189, 202, 211, 234, 237, 262, 290, 317, 358, 384})
RESUMABLE |= frozenset({9001, 10107, 11600, 11601, 11602, 13388, 13435, 13436, 50, 136})
"""Network, elections, shutdown, cursors gone, stale routing. A cursor that the oplog overtook (136) is gone too, and
the next one tells what is lost:
https://github.com/mongodb/specifications/blob/master/source/change-streams/change-streams.md#resumable-error"""
NOT_REPLICATED = 40573
IMAGE_MISSING = 47
ON_VIEW = 166
INVALID_NAMESPACE = 73
EVENT_TOO_LARGE, FIELD_TOO_LARGE = 10334, 7182500
"""Of the whole event, and of one field of an event that is to be split."""

FILTERED = {"--match": "change event", "--where": "document"}

RUNNING = ("Executor error", "PlanExecutor error")
"""How the server's words begin when a filter failed on a document: they may quote it."""

FAILURE = re.compile(
    r"error=(\w+)\([^\[>]*"
    r"(?:\[(Errno -?\d+|SSL: \w+)\](?: (?:certificate verify failed: )?([^>]*?)\.? \(_ssl)?)?"
)
"""How the client tells of a server that it could not ask: class, number, and the words of TLS."""

CLOSED = frozenset({None, f"Errno {ECONNRESET}", f"Errno {EPIPE}"})
CLOSED_HINT = "does it want TLS (mongo.tls), or a certificate of ours (mongo.tls_certificate_key_file)?"
TLS_HINT = "mend mongo.tls_ca_file, mongo.tls_certificate_key_file or the host in --mongo-uri, or its certificate"
CREDENTIALS = "user, password and auth_source, or for X.509 mongo.tls_certificate_key_file"

WIRE_5_0, WIRE_6_0 = 13, 17
"""The wire versions of MongoDB 5.0, the first to read at a time that is past, and 6.0, with `showExpandedEvents`."""


def connect(
    settings: MongoSettings, *, app: str, listeners: Sequence[CommandListener] = ()
) -> MongoClient[dict[str, Any]]:
    """A pooled client; before its first use only DNS is asked, for an SRV name.

    Raises:
        ConfigInvalid: options or TLS files that do not fit.
        SourceUnreachable: an SRV name that DNS does not resolve.
    """
    uri, options = settings.connection()
    where = f"MongoDB at {hosts(settings)}"
    try:
        with translated(settings):
            return MongoClient(uri, appname=app[:128], event_listeners=list(listeners), **options)
    except OSError as error:
        raise ConfigInvalid(
            f"the TLS files for {where} do not fit: {error.strerror}",
            hint="mongo.tls_ca_file and mongo.tls_certificate_key_file take PEM files",
        ) from error
    except ValueError as error:
        raise ConfigInvalid(
            f"the options for {where} do not fit: {error}", hint="mend the mongo settings, or --mongo-uri"
        ) from error


@dataclass(frozen=True, slots=True)
class Server:
    """What `hello` says of the server: `replicated` ones have change streams.

    A member `streams` replies unasked, a router only in newer versions; the connection is taken for as long, so that
    lookups need another one.
    """

    replicated: bool
    streams: bool
    expanded_events: bool
    snapshot_reads: bool

    @classmethod
    def of(cls, client: MongoClient[dict[str, Any]], settings: MongoSettings) -> "Server":
        with translated(settings), well_formed():
            hello = client.admin.command("hello")
        version = hello.get("maxWireVersion", 0)
        return cls(
            replicated="setName" in hello or hello.get("msg") == "isdbgrid",
            streams="setName" in hello and client.options.pool_options.max_pool_size != 1,
            expanded_events=version >= WIRE_6_0,
            snapshot_reads=version >= WIRE_5_0,
        )


@contextmanager
def translated(settings: MongoSettings, *, filtered_by: str | None = None) -> Iterator[None]:
    """Raise PyMongo's errors as ours; see `translate`."""
    try:
        yield
    except PyMongoError as error:
        if (ours := translate(error, settings, filtered_by=filtered_by)) is None:
            raise
        raise ours from error


def translate(error: PyMongoError, settings: MongoSettings, *, filtered_by: str | None = None) -> CdcError | None:
    """What the error means to the loop, or None for one that only a bug can explain.

    `filtered_by` is the option with the user's filter, where the command had one: what is refused then is the filter.
    """
    where = f"MongoDB at {hosts(settings)}"
    if isinstance(error, OperationFailure):
        return _refusal(error, where, settings.database, filtered_by)
    if isinstance(error, ConfigurationError):
        return _misfit(error, where)
    if isinstance(error, ServerSelectionTimeoutError):
        return _unreachable(error, where)
    if isinstance(error, ConnectionFailure):
        return SourceUnreachable(f"{where} closed the connection", hint="it is tried again")
    if isinstance(error, DocumentTooLarge):
        return TooLarge(f"{where}: the command is larger than the server takes", hint="shorten --match")
    return None


def _misfit(error: ConfigurationError, where: str) -> CdcError:
    if isinstance(error.__cause__, DNSException):
        return SourceUnreachable(
            f"{where} cannot be resolved ({type(error.__cause__).__name__})",
            hint="does DNS answer, and is --mongo-uri right?",
        )
    return ConfigInvalid(
        f"the options for {where} do not fit: {error}",
        hint="mend the mongo settings, or --mongo-uri; an encrypted key needs its password",
    )


def _refusal(error: OperationFailure, where: str, database: str, filtered_by: str | None) -> CdcError | None:
    code, details = error.code or 0, error.details or {}
    name = details.get("codeName", code)
    ours: CdcError | None = None
    if code in LOGIN or code in DENIED:
        ours = _denied(code, name, where, database)
    elif code in HISTORY:
        knows = "no longer has" if code == FORGOTTEN else "has no stream with"
        ours = HistoryLost(f"{where} {knows} the saved position ({name})", hint="see --on-history-lost")
    elif code == NOT_REPLICATED:
        ours = ConfigInvalid(f"{where} has no change streams: not a replica set", hint="run rs.initiate() on it")
    elif code in (EVENT_TOO_LARGE, FIELD_TOO_LARGE):
        ours = TooLarge(
            f"{where}: the next event is larger than 16 MiB and cannot be read",
            hint="leave the images out: --full-document off --before off; or go on behind it: `cdc cursor set --time`",
        )
    elif code in RESUMABLE or error.has_error_label("ResumableChangeStreamError"):
        ours = SourceUnreachable(f"{where} ended the stream ({name})", hint="it is opened again")
    elif code == IMAGE_MISSING:
        ours = ConfigInvalid(
            f"--full-document or --before: {where} did not store the image of a change of {database!r}",
            hint="db.runCommand({collMod: COLLECTION, changeStreamPreAndPostImages: {enabled: true}}) stores those "
            "to come; when-available goes on without those that are missing",
        )
    elif code == ON_VIEW:
        ours = ConfigInvalid("--collection: a view has no changes of its own", hint="watch what it is made from")
    elif code == INVALID_NAMESPACE:
        ours = ConfigInvalid(
            f"--database, --collection: {where} has no change streams on a name in {database!r} ({name})",
            hint="name a database and collections of your own",
        )
    elif filtered_by:
        said = details.get("errmsg", name)
        ours = ConfigInvalid(
            f"{filtered_by}: the server refuses it: {name if said.startswith(RUNNING) else said}",
            hint=f"write a filter as for $match, on the fields of a {FILTERED[filtered_by]}",
        )
    return ours


def _denied(code: int, name: object, where: str, database: str) -> AccessDenied:
    if code in LOGIN:
        return AccessDenied(f"{where} refuses the login ({name})", hint=f"mend {CREDENTIALS}")
    grant = f'db.getSiblingDB("admin").grantRolesToUser("USER", [{{role: "read", db: "{database}"}}])'
    return AccessDenied(f"{where} refuses access to {database!r} ({name})", hint=f"{grant}, or mend {CREDENTIALS}")


def _unreachable(error: ServerSelectionTimeoutError, where: str) -> SourceUnreachable:
    """With class and number of the first server's failure, and what TLS says; the client tells them in words alone."""
    found = FAILURE.search(str(error))
    kind, number, words = found.groups() if found else (None, None, None)
    hint = "is it running, and is --mongo-uri right?"
    if number and number.startswith("SSL"):
        hint = TLS_HINT
    elif kind == "AutoReconnect" and number in CLOSED:
        hint = CLOSED_HINT
    said = f" ({', '.join(filter(None, (kind, number, words)))})" if kind else ""
    return SourceUnreachable(f"{where} cannot be reached{said}", hint=hint)


def hosts(settings: MongoSettings) -> str:
    """Where it is, as errors name it."""
    return ", ".join(settings.addresses())
