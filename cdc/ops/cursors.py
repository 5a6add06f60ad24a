"""What `cdc cursor` does: saved positions shown, forgotten, moved, under the lock of the pipeline's name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bson.timestamp import Timestamp

from cdc.config import Settings
from cdc.config.misfit import MisfitError
from cdc.config.values import past
from cdc.cursor.cursor import Cursor, WatchedSource
from cdc.cursor.file import FileStore, names
from cdc.errors import CdcError, ConfigInvalid
from cdc.events import Position


def watched(settings: Settings) -> WatchedSource:
    """What a cursor of these settings belongs to."""
    return WatchedSource(database=settings.mongo.database, collections=tuple(sorted(settings.collection)))


def store(settings: Settings) -> FileStore:
    return FileStore(settings.cursor_dir, settings.pipeline_name, watched(settings))


def show(settings: Settings) -> Iterator[str]:
    """A line for the pipeline that the settings name, or for each in the folder where they name none.

    Raises: CdcError: after the last line, the first that one of them could not be read for.
    """
    if settings.name or settings.topic:
        yield _line(settings.cursor_dir, settings.pipeline_name, store(settings).read())
        return
    found = names(settings.cursor_dir)
    if not found:
        yield f"no cursors in {settings.cursor_dir}"
    failures: list[CdcError] = []
    for name in found:
        try:
            yield _line(settings.cursor_dir, name, FileStore(settings.cursor_dir, name, watched(settings)).read())
        except CdcError as error:
            failures.append(error)
            yield f"{name}  {error}"
    if failures:
        raise failures[0]


@contextmanager
def reset(settings: Settings) -> Iterator[str | None]:
    """Forget the cursor after the block, which is told what is lost and may raise to leave everything as it is."""
    files = store(settings)
    require_named(settings)
    if not files.path.exists():
        raise ConfigInvalid(f"there is no cursor {files.path}", hint="`cdc cursor show` lists those there are")
    with files.held():
        yield f"{files.path}: the position is lost, and the next start loads everything again."
        files.forget()


@contextmanager
def moved(settings: Settings, time: str) -> Iterator[str | None]:
    """Save a position at `time`, as `--time` takes it, after the block, which is told what is lost."""
    files = store(settings)
    require_named(settings)
    position = _position(time)
    with files.held():
        cursor = files.read()
        yield f"{files.path}: the position {_where(cursor)} is lost." if cursor is not None else None
        source = cursor.source if cursor is not None and not settings.collection else watched(settings)
        FileStore(settings.cursor_dir, settings.pipeline_name, source).save(position)


def _position(time: str) -> Position:
    try:
        return Position(time=Timestamp(int(past(time).timestamp()), 0))
    except MisfitError as error:
        raise ConfigInvalid(
            f"--time: {error}", hint="write a time such as 2026-01-31T12:00:00Z, or Unix seconds"
        ) from None


def require_named(settings: Settings) -> None:
    if not settings.name and not settings.topic:
        raise ConfigInvalid(
            "--name is missing", hint="name the pipeline, or give the --collection and --topic of its watch"
        )


def _line(directory: Path, name: str, cursor: Cursor | None) -> str:
    if cursor is None:
        return f"{name}  no cursor in {directory}"
    saved = cursor.saved_at.isoformat(sep=" ", timespec="seconds")
    return f"{name}  {cursor.source}  {cursor.phase}  {_where(cursor)}  saved {saved}"


def _where(cursor: Cursor) -> str:
    if cursor.time is None or cursor.clock is None:
        return "at a position without a time"
    return f"at {cursor.clock.isoformat(sep=' ')} ({cursor.time.t}.{cursor.time.i})"
