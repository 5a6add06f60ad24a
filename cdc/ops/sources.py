"""The source that the settings choose."""

import os
from collections.abc import Callable, Sequence

from cdc.config import Settings
from cdc.errors import ConfigInvalid
from cdc.events import Request
from cdc.pipeline import Source
from cdc.source.change_stream import Images, Scope
from cdc.source.oplog import Oplog
from cdc.source.polling import Polls
from cdc.source.snapshot import Loads
from cdc.source.watch import MongoSource

Requests = Callable[[], Sequence[Request]]


def source(settings: Settings, requests: Requests, notify: Callable[[str], None]) -> Callable[[], Source]:
    """What makes one for each attempt; `notify` takes what users should know of it."""
    if settings.source.given:
        return _tables(settings, requests, notify)
    scope = Scope(settings.mongo.database, settings.collection, settings.match)
    images = Images(settings.full_document, settings.before, settings.lookup)
    return lambda: MongoSource(
        settings.mongo,
        scope,
        images,
        name=settings.pipeline_name,
        loads=_loads(settings),
        polls=_polls(settings),
        requests=requests,
        notify=notify,
    )


def oplog(settings: Settings) -> Oplog | None:
    """That which a position can be lost from, where there is one."""
    return None if settings.source.given else Oplog(settings.mongo, name=settings.pipeline_name)


def _tables(settings: Settings, requests: Requests, notify: Callable[[str], None]) -> Callable[[], Source]:
    polls = _polls(settings)
    if polls is None:
        raise ConfigInvalid(
            "--increment-field is missing, by which tables are read", hint="name a column that grows with every write"
        )
    if not settings.table:
        raise ConfigInvalid("--table is missing", hint="name a table of --source to watch")

    from cdc.source.sql import SqlSource  # noqa: PLC0415 - heavy, and for few

    return lambda: SqlSource(
        settings.source,
        settings.table,
        polls,
        name=settings.pipeline_name,
        max_rate=settings.max_rate,
        requests=requests,
        notify=notify,
    )


def _loads(settings: Settings) -> Loads:
    return Loads(
        settings.increment_field or "_id",
        settings.parallel or os.cpu_count() or 1,
        settings.max_rate,
        settings.read_preference,
        settings.snapshot_round_ms / 1000,
    )


def _polls(settings: Settings) -> Polls | None:
    """How what has no change streams is asked, where it can be."""
    if settings.increment_field is None:
        return None
    return Polls(settings.increment_field, settings.where_text, settings.poll_interval, settings.poll_lag)
