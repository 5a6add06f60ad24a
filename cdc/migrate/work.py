"""What `cdc migrate` does with a task: copy, rehearse or verify, on the pipeline of `cdc watch`."""

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import structlog
from sqlalchemy import Connection, column, inspect, select, table

from cdc import app
from cdc.config import Settings
from cdc.config.sql import SqlSettings, refuse_idle
from cdc.cursor.memory import MemoryStore
from cdc.encode import documents
from cdc.errors import Different
from cdc.migrate.mapped import MappedSink
from cdc.migrate.rehearsal import Rehearsal
from cdc.migrate.tally import Counted, Tally
from cdc.migrate.task import Task
from cdc.migrate.verification import Verification
from cdc.ops import logs, stores, targets
from cdc.pipeline import CursorStore, Parts
from cdc.progress import Progress
from cdc.sink.sql.rows import Rows
from cdc.sink.sql.writer import Told
from cdc.sql.engine import engine
from cdc.sql.errors import SINK, translated

log = structlog.get_logger("cdc")


def copy(task: Task, settings: Settings, *, follow: bool) -> Iterator[str]:
    """Write what there is, and with `follow` all changes until a signal; then what was done, in lines."""
    refuse_idle("checkpoint_interval", settings.checkpoint_interval)
    settings = _whole(task, settings).model_copy(update={"once": not follow})
    store, tally = stores.store(settings), Tally(task.tables)

    sink = targets.rows(settings, store, task.table, task.data_type.refusal, tally)

    def made(progress: Progress) -> Parts:
        return replace(_parts(settings, store, progress, tally), sink=sink, whole=True)

    with app.signals() as stop, store.held():
        if settings.full_amount:
            store.forget()
        app.drive(settings, made, stop)
    tally.back()
    yield from tally.lines("written")
    if not follow:
        _end_at(stop, settings)


def rehearse(task: Task, settings: Settings) -> Iterator[str]:
    """What would be written, in lines."""
    rehearsal = Rehearsal(task.table, tally := Tally(task.tables))
    _read(task, settings, rehearsal, tally)
    return rehearsal.lines()


def verify(task: Task, settings: Settings) -> Iterator[str]:
    """What was compared, and each difference, in lines; `Different` at their end where there is one."""
    tally, rows = Tally(task.tables), _rows(task, settings)
    with closing(Verification(task.table, rows, tally)) as verification:
        _read(task, settings, verification, tally)
        log.info("reading the tables", pipeline=settings.pipeline_name)
        address = settings.sink.address
        with translated(address, SINK), engine(settings.sink, app=settings.pipeline_name).connect() as connection:
            verification.find(connection, _letters(settings, connection))
        yield from verification.lines()
        if verification.different:
            raise Different(
                f"{address}, database {address.database!r}, differs from {_source(task, settings)}",
                hint="run the task again, with --full-amount where all was done already; delete rows that are extra, "
                "and mend the documents of those that are stale",
            )


def _read(task: Task, settings: Settings, told: Told, tally: Tally) -> None:
    """Hand all rows to who takes them, as of the end; a signal ends the process."""
    settings = _whole(task, settings).model_copy(update={"dry_run": True, "once": True})
    rows = _rows(task, settings)

    def made(progress: Progress) -> Parts:
        return replace(_parts(settings, MemoryStore(), progress, tally), sink=lambda: MappedSink(rows, told))

    with app.signals() as stop:
        app.drive(settings, made, stop)
    _end_at(stop, settings)


def _parts(settings: Settings, store: CursorStore, progress: Progress, tally: Tally) -> Parts:
    """Those of a `cdc watch` that sends nothing, but for what it makes of documents and where it has got to."""
    progress.beside = lambda: {"refused": tally.refused}
    reading = settings.model_copy(update={"dry_run": True, "sink": SqlSettings()})
    found = app.parts(reading, Counted(store, tally), progress.notify)
    return replace(found, encode=documents.encode)


def _end_at(stop: app.Stop, settings: Settings) -> None:
    """A signal that came before the work was done ends the process."""
    if stop.number:
        log.warning("stopped before all was done", pipeline=settings.pipeline_name)
        sys.exit(128 + stop.number)


def _rows(task: Task, settings: Settings) -> Rows:
    return Rows(task.table, dialect=settings.sink.address.dialect, refusal=task.data_type.refusal)


def _whole(task: Task, settings: Settings) -> Settings:
    """The settings with which a task's collection is read, all of it."""
    logs.configure(settings.log_format, debug=settings.debug)
    reads = {"collection": (task.data_type.collection,), "snapshot": True, "from_": None, "where": None, "match": None}
    return settings.model_copy(update=reads)


def _letters(settings: Settings, connection: Connection) -> Iterator[tuple[str, str]]:
    """Key and reason of each dead letter of the pipeline, the oldest first."""
    name = settings.dead_letter_table
    if name is None or not inspect(connection).has_table(name):
        return
    kept = table(name, *map(column, ("document_key", "reason", "pipeline", "at")))
    query = select(kept.c.document_key, kept.c.reason).where(kept.c.pipeline == settings.pipeline_name)
    with_key = query.where(kept.c.document_key.is_not(None)).order_by(kept.c.at)
    yield from map(tuple, connection.execution_options(yield_per=1000).execute(with_key))


def _source(task: Task, settings: Settings) -> str:
    return f"{settings.mongo.database}.{task.data_type.collection}"
