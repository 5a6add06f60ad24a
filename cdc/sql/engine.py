"""Pooled connections to a SQL database; a session's time is UTC, and its text ISO 8601."""

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

from cdc.config.sql import Dialect, SqlSettings
from cdc.sql.errors import connected

_DRIVERS: dict[Dialect, str] = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg"}
_SESSION = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601"
_MYSQL_SESSION = "SET time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES'"
"""A stricter MySQL compares nothing with 0000-00-00, which may be the place of a row."""
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


def engine(settings: SqlSettings, *, app: str) -> Engine:
    """Before its first use nothing is asked. Its errors quote no values; `cdc.sql.errors` says what they mean."""
    address, (user, password) = settings.address, settings.credentials
    url = URL.create(
        _DRIVERS[address.dialect], user, password, address.host, address.port, address.database, _query(settings)
    )
    made = create_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=_mysql(settings, app) if address.dialect == "mysql" else _postgresql(settings, app),
    )
    event.listen(made, "connect", lambda *_: connected(address))
    return made


def _query(settings: SqlSettings) -> dict[str, str]:
    if settings.address.dialect == "mysql":
        return {**settings.options, "charset": "utf8mb4"}
    return {name: value for name, value in settings.options.items() if name != "options"}


def _mysql(settings: SqlSettings, app: str) -> dict[str, Any]:
    return {
        "connect_timeout": settings.connect_timeout,
        "read_timeout": settings.read_timeout,
        "write_timeout": settings.read_timeout,
        "program_name": app,
        "init_command": _MYSQL_SESSION,
    }


def _postgresql(settings: SqlSettings, app: str) -> dict[str, Any]:
    timeout = f"-c statement_timeout={settings.read_timeout * 1000}"
    return {
        "connect_timeout": settings.connect_timeout,
        "application_name": app[:63],
        "options": f"{timeout} {settings.options.get('options', '')} {_SESSION}",
        **_KEEPALIVE,
    }
