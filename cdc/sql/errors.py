"""What a database's errors mean to the loop, by their codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cdc.config.sql import Address
from cdc.errors import AccessDenied, CdcError, ConfigInvalid, Retryable, SinkUnreachable, SourceUnreachable

# https://mariadb.com/kb/en/mariadb-error-codes/, https://dev.mysql.com/doc/mysql-errors/en/
_MYSQL_GONE = frozenset({1040, 1053, 1077, 1079, 1080, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1317})
_MYSQL_GONE |= frozenset({1290, 1836, 1927, 1969, 2002, 2003, 2006, 2013, 2014, 2026, 2027, 2055, 3024, 4031})
_MYSQL_GONE |= frozenset({1021, 1030, 1047, 1114})
"""No connection, the server ends or is read-only for now, a time limit, no room on its disk, a cluster in parts."""
_MYSQL_LOCKED = frozenset({1205, 1213, 1412, 1637})
_MYSQL_LOGIN = frozenset({1045, 1130, 1131, 1251, 1524, 1698, 1820, 1862, 2054, 2058, 2059, 2061, 3118, 3159, 4151})
_MYSQL_DENIED = frozenset({1044, 1142, 1143, 1227, 1345, 1370})
_MISSING: dict[int | str, str] = {1049: "database", 1146: "table", 1051: "table", 1054: "column", 1176: "index"}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_PG_GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "57014", "25006", "25P03"})
_PG_GONE_CLASSES = ("08", "53", "58")
_PG_LOCKED = frozenset({"40001", "40P01", "55P03"})
_PG_LOGIN = frozenset({"28000", "28P01"})
_PG_DENIED = frozenset({"42501"})
_MISSING |= {"3D000": "database", "42P01": "table", "42703": "column", "3F000": "schema"}


@dataclass(frozen=True, slots=True)
class Side:
    """Whose database it is: the option that names it, and what it is when out of reach."""

    option: str
    unreachable: type[Retryable]


SOURCE, SINK = Side("--source", SourceUnreachable), Side("--sink", SinkUnreachable)


_CONNECTED: set[Address] = set()


def connected(address: Address) -> None:
    """The database has taken the login."""
    _CONNECTED.add(address)


@contextmanager
def translated(address: Address, side: Side) -> Iterator[None]:
    """Raise SQLAlchemy's errors as ours; see `translate`."""
    try:
        yield
    except SQLAlchemyError as error:
        if (ours := translate(error, address, side)) is None:
            raise
        raise ours from error
    except OSError as error:
        raise ConfigInvalid(
            f"the TLS files of {side.option} for {address} do not fit: {error.strerror}", hint="they are PEM files"
        ) from error


def code(error: SQLAlchemyError) -> int | str | None:
    """MySQL's number or PostgreSQL's SQLSTATE; None where the server said none."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    first = next(iter(error.orig.args), None)
    state: str | None = getattr(error.orig, "sqlstate", None)
    return first if isinstance(first, int) else state


def translate(error: SQLAlchemyError, address: Address, side: Side) -> CdcError | None:
    """What the error means to the loop; None for one that a bug explains, or a row that the database refuses."""
    said = code(error)
    if isinstance(error, PoolTimeoutError) or _gone(error, said):
        return _login(error, address, side) or side.unreachable(
            f"{address} cannot be reached{_told(said)}", hint=f"is it running, and is {side.option} right?"
        )
    if said in _MYSQL_LOCKED or said in _PG_LOCKED:
        return side.unreachable(f"{address} ended the transaction for another one{_told(said)}", hint="it is repeated")
    if said in _MYSQL_LOGIN or said in _PG_LOGIN:
        return AccessDenied(
            f"{address} refuses the login{_told(said)}", hint=f"mend user and password in {side.option}"
        )
    if said in _MYSQL_DENIED or said in _PG_DENIED:
        return AccessDenied(
            f"{address} refuses access to {address.database!r}{_told(said)}",
            hint=f"grant its user the rights on the tables of {side.option}",
        )
    return _missing(address, side, said)


def _missing(address: Address, side: Side, said: int | str | None) -> ConfigInvalid | None:
    what = _MISSING.get(said) if said is not None else None
    if what is None:
        return None
    if what == "database":
        has = f"has no database {address.database!r}"
    else:
        has = f"has no {what} of that name in {address.database!r}"
    return ConfigInvalid(f"{side.option}: {address} {has}{_told(said)}", hint=f"name another {what}, or make it")


def _gone(error: SQLAlchemyError, said: int | str | None) -> bool:
    if isinstance(said, str):
        return said in _PG_GONE or said.startswith(_PG_GONE_CLASSES)
    if isinstance(said, int):
        return said in _MYSQL_GONE
    return isinstance(error, OperationalError | InterfaceError)


def _login(error: SQLAlchemyError, address: Address, side: Side) -> AccessDenied | None:
    """A PostgreSQL that asked for the password and went no further: libpq tells no code then.

    One that took the password before has no room for another connection.
    """
    pgconn = getattr(getattr(error, "orig", None), "pgconn", None)
    if address in _CONNECTED or pgconn is None or not (pgconn.used_password or pgconn.needs_password):
        return None
    return AccessDenied(
        f"{address} refuses the login, has no database {address.database!r}, or no room for another connection",
        hint=f"mend user, password and database in {side.option}",
    )


def _told(said: int | str | None) -> str:
    return "" if said is None else f" ({said})"
