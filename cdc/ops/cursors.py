"""What `cdc cursor` does: saved positions shown, forgotten, moved, copied, under the lock of the pipeline's name."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bson.timestamp import Timestamp
from pydantic import ValidationError

from cdc.config import Settings
from cdc.config.misfit import MisfitError
from cdc.config.values import past
from cdc.cursor import disk
from cdc.cursor.cursor import Cursor
from cdc.cursor.store import Store
from cdc.errors import CdcError, ConfigInvalid
from cdc.events import Position
from cdc.ops import stores
from cdc.ops.stores import store, watched


def show(settings: Settings) -> Iterator[str]:
    """A line for the pipeline that the settings name, or for each in the folder where they name none.

    Raises: CdcError: after the last line, the first that one of them could not be read for.
    """
    if settings.named:
        yield _line(store(settings), stores.place(settings))
        return
    found = store(settings).names()
    if not found:
        yield f"no cursors in {stores.place(settings)}"
    failures: list[CdcError] = []
    for name in found:
        try:
            yield _line(store(settings, name), stores.place(settings))
        except CdcError as error:
            failures.append(error)
            yield f"{name}  {error}"
    if failures:
        raise failures[0]


@contextmanager
def reset(settings: Settings) -> Iterator[str | None]:
    """Forget the cursor after the block, which is told what is lost and may raise to leave everything as it is."""
    kept = store(settings)
    require_named(settings)
    if kept.text() is None:
        raise _missing(kept)
    with kept.held():
        yield f"{kept.where}: the position is lost, and the next start loads everything again."
        kept.forget()


@contextmanager
def moved(settings: Settings, time: str) -> Iterator[str | None]:
    """Save a position at `time`, as `--time` takes it, after the block, which is told what is lost."""
    require_named(settings)
    position = _position(time)

    def at(lost: Cursor | None) -> Cursor:
        source = lost.source if lost is not None and not settings.names else watched(settings)
        if source.server != "mongodb":
            raise ConfigInvalid(
                f"--time: {settings.pipeline_name!r} reads tables, in which a time tells no place",
                hint="`cdc cursor reset` has them loaded again",
            )
        return Cursor.of(settings.pipeline_name, source, position)

    with _replaced(settings, at) as loss:
        yield loss


def exported(settings: Settings) -> str:
    """The cursor as text, for `imported`."""
    require_named(settings)
    kept = store(settings)
    cursor = kept.read()
    if cursor is None:
        raise _missing(kept)
    return cursor.written


@contextmanager
def imported(settings: Settings, file: Path | None) -> Iterator[str | None]:
    """Keep what `exported` gave, from standard input without a file, after the block, which is told what is lost."""
    require_named(settings)
    try:
        text = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise ConfigInvalid(f"FILE: {file} cannot be read: {error.strerror}", hint="name another file") from error
    try:
        cursor = Cursor.model_validate_json(text)
    except ValidationError as error:
        raise ConfigInvalid(
            f"what is to be imported {disk.damage(text, error)}", hint="give what `cdc cursor export` printed"
        ) from error
    with _replaced(settings, lambda _: cursor.model_copy(update={"name": settings.pipeline_name})) as loss:
        yield loss


@contextmanager
def _replaced(settings: Settings, by: Callable[[Cursor | None], Cursor]) -> Iterator[str | None]:
    """Keep another cursor in place of the one there is after the block, which is told what is lost."""
    kept = store(settings)
    with kept.held():
        lost = kept.read()
        yield f"{kept.where}: the position {_where(lost)} is lost." if lost is not None else None
        kept.keep(by(lost).written)


def _position(time: str) -> Position:
    try:
        return Position(time=Timestamp(int(past(time).timestamp()), 0))
    except MisfitError as error:
        raise ConfigInvalid(
            f"--time: {error}", hint="write a time such as 2026-01-31T12:00:00Z, or Unix seconds"
        ) from None


def _missing(kept: Store) -> ConfigInvalid:
    return ConfigInvalid(f"there is no cursor {kept.where}", hint="`cdc cursor show` lists those there are")


def require_named(settings: Settings) -> None:
    if not settings.named:
        raise ConfigInvalid(
            "--name is missing",
            hint="name the pipeline, or give what its watch has of --collection, --table, --topic, --sink, --data-type",
        )


def _line(kept: Store, place: str) -> str:
    cursor, name = kept.read(), kept.name
    if cursor is None:
        return f"{name}  no cursor in {place}"
    saved = cursor.saved_at.isoformat(sep=" ", timespec="seconds")
    return f"{name}  {cursor.source}  {cursor.phase}  {_where(cursor)}  saved {saved}"


def _where(cursor: Cursor) -> str:
    if cursor.time is None or cursor.clock is None:
        return "at a position without a time"
    return f"at {cursor.clock.isoformat(sep=' ')} ({cursor.time.t}.{cursor.time.i})"
