"""What `cdc snapshot` does: documents asked for again, waited for, listed, cancelled."""

import shlex
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from bson import json_util

from cdc.config import Settings
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.requests import new_id, pipelines
from cdc.cursor.store import Store
from cdc.errors import CdcError, ConfigInvalid, Fenced, Retryable
from cdc.events import CANCELLED, DONE, Load, Position, Request
from cdc.ops import cursors, live, loading, stores
from cdc.progress import Progress

POLL_SECONDS = 0.2


class Ended(NamedTuple):
    how: str
    documents: int


@dataclass(frozen=True)
class Wanted:
    """A load of `collections`, all that are watched where none is named, in the pipeline that `settings` describe.

    One that is not `known` has no cursor: it begins with a first load, which reads everything anyway.
    """

    settings: Settings
    kept: Store
    collections: tuple[str, ...]
    known: bool

    @property
    def words(self) -> str:
        return " and ".join(self.collections) or self.settings.database

    def ask(self) -> Request:
        """Write the request."""
        request = Request(new_id(), self.collections, self.settings.where_text)
        self.kept.requests.add(request)
        return request

    def ask_once(self) -> Request:
        """The same, or the request of a command that wanted the same and was ended before it was done."""
        asked = Request("", self.collections, self.settings.where_text)
        for request in self.kept.requests.outstanding():
            if replace(request, id="") == asked:
                return request
        return self.ask()


def wanted(settings: Settings) -> Wanted:
    """What the settings ask for, and of whom; a pipeline that is known watches what its cursor says.

    Raises:
        ConfigInvalid: the pipeline does not watch what is asked for, or nothing is to be written.
    """
    if settings.dry_run:
        raise ConfigInvalid("dry_run: a load that is asked for is written", hint="set dry_run to false")
    kept = stores.store(settings)
    cursor = kept.read()
    if cursor is None:
        return Wanted(settings, kept, settings.names, known=False)
    source, name = cursor.source, settings.pipeline_name
    if settings.database != source.database:
        raise ConfigInvalid(
            f"--database: the pipeline {name!r} watches {source}, not {settings.database}",
            hint=f"--database {source.database}, or the --name of another pipeline",
        )
    if source.collections and (strays := sorted(set(settings.names) - set(source.collections))):
        raise ConfigInvalid(
            f"--collection: the pipeline {name!r} watches {source}, not {strays[0]!r}",
            hint="name a collection that it watches, or the --name of another pipeline",
        )
    names = "table" if settings.source.given else "collection"
    its_own = settings.model_copy(update={names: source.collections})
    return Wanted(its_own, stores.store(its_own), settings.names or source.collections, known=True)


class UntilLoaded:
    """Implements `pipeline.CursorStore`; ends the run once nothing has yet to be loaded."""

    def __init__(self, kept: Store, stop: threading.Event) -> None:
        self._kept = kept
        self._stop = stop

    def load(self) -> Position | None:
        return self._kept.load()

    def save(self, position: Position) -> None:
        self._kept.save(position)
        if not position.loading and not self._kept.requests.outstanding():
            self._stop.set()


def ended(wanted: Wanted, request: Request | None) -> Ended | None:
    """How the load ended that was asked for, or without a request the first one; None where it has not."""
    if request is not None:
        asked = wanted.kept.requests.ended(request.id)
        return None if asked is None or asked.ended is None else Ended(asked.ended, asked.documents)
    cursor = wanted.kept.read()
    load = cursor.load if cursor is not None else None
    return None if load is None or load.ended is None else Ended(load.ended, load.documents)


def told(wanted: Wanted, end: Ended) -> str:
    """The same for who asked, in one line. Raises `ConfigInvalid`: it was not done."""
    documents = loading.counted(end.documents)
    if end.how == DONE:
        return f"{documents} of {wanted.words} sent"
    if end.how == CANCELLED:
        raise ConfigInvalid(f"the load was cancelled after {documents}", hint="ask again to begin anew")
    raise ConfigInvalid(f"the load ended after {documents}: {end.how}", hint="mend that, and ask again")


def waited_for(wanted: Wanted, request: Request) -> Ended:
    """How it ended, once it has; shows how far the pipeline's watcher is until then.

    Raises:
        Retryable: the watcher ended before.
        ConfigInvalid: the request is no longer there.
    """
    kept, progress = wanted.kept, Progress(wanted.settings.pipeline_name)
    progress.trouble = "the watcher has yet to begin with it"
    with live.line(progress):
        while True:
            running, cursor = kept.holder, kept.read()
            if end := ended(wanted, request):
                return end
            if request.id not in {other.id for other in kept.requests.outstanding()} and not ended(wanted, request):
                raise ConfigInvalid(
                    f"the request {request.id} is gone, and its load never ended",
                    hint="it was dropped with the cursor: the next start, or --full-amount, loads everything",
                )
            if running is None:
                raise Retryable(
                    f"the watcher has ended; the request {request.id} stays, and the next start goes on with it",
                    hint=taken_back(wanted.settings),
                )
            if cursor is not None and cursor.load is not None and cursor.load.id == request.id:
                progress.trouble = None
                progress.reached(cursor.position)
            time.sleep(POLL_SECONDS)


def taken_back(settings: Settings) -> str:
    """How to cancel what was asked of the pipeline."""
    folder = shlex.quote(str(settings.cursor_dir))
    return f"`cdc snapshot --cancel --name {settings.pipeline_name} --cursor-dir {folder}` takes it back"


def listed(settings: Settings) -> Iterator[str]:
    """A line for each load that is known, of the pipeline that the settings name or of all in the folder.

    Raises: CdcError: after the last line, the first that one of them could not be read for.
    """
    chosen = (
        [settings.pipeline_name]
        if settings.named
        else sorted({*stores.store(settings).names(), *pipelines(settings.cursor_dir)})
    )
    failures: list[CdcError] = []
    count = 0
    for name in chosen:
        try:
            for line in _lines(stores.store(settings, name)):
                count += 1
                yield f"{name}  {line}"
        except CdcError as error:
            failures.append(error)
            yield f"{name}  {error}"
    if failures:
        raise failures[0]
    if not count:
        yield f"no loads in {stores.place(settings)}"


def cancel(settings: Settings) -> Iterator[str]:
    """Cancel what is asked of the pipeline: through its watcher where one runs, else here."""
    cursors.require_named(settings)
    kept = stores.store(settings)
    requests = kept.requests
    found = requests.outstanding()
    if not found:
        raise ConfigInvalid(
            f"pipeline {settings.pipeline_name!r} has no load that could be cancelled",
            hint="`cdc snapshot --list` lists its loads; a first load is not a request, and stays",
        )
    try:
        with kept.held():
            _end(settings, found)
        told = "cancelled"
    except Fenced:
        for request in found:
            requests.cancel(request.id)
        told = "cancelled; the watcher ends it"
    for request in found:
        yield f"{request.id}  {told}"


def _end(settings: Settings, requests: list[Request]) -> None:
    """Settle each, the one under way by the position that it stands at. The lock is held, so nobody else does."""
    cursor = stores.store(settings).read()
    source = None if cursor is None else cursor.source
    kept = stores.store(settings, source=source)
    for request in requests:
        load = cursor.load if cursor is not None else None
        if cursor is None or load is None or load.id != request.id:
            kept.requests.settle(Load(request.id, ended=CANCELLED))
        elif load.ended is not None:
            kept.requests.settle(load)
        else:
            kept.save(replace(cursor.position, load=load.end(CANCELLED)))


def _lines(kept: Store) -> Iterator[str]:
    cursor = kept.read()
    last = cursor.position.load if cursor is not None else None
    waiting = kept.requests.outstanding()
    if cursor is not None and last is not None:
        asked = next((request for request in waiting if request.id == last.id), None)
        if asked is None and (settled := kept.requests.ended(last.id)):
            asked = settled.request
        yield f"{last.id}  {_what(asked, cursor.source)}  {loading.state(last)}"
    for request in waiting:
        if last is None or request.id != last.id:
            source = cursor.source if cursor is not None else None
            yield f"{request.id}  {_what(request, source)}  {'cancelled' if request.cancelled else 'waiting'}"


def _what(request: Request | None, source: WatchedSource | None) -> str:
    collections = request.collections if request is not None else source.collections if source is not None else ()
    where = f" where {_relaxed(request.where)}" if request is not None and request.where else ""
    return f"{'+'.join(collections) or 'everything'}{where}"


def _relaxed(where: str) -> str:
    """A filter as a person writes it."""
    return json_util.dumps(json_util.loads(where), json_options=json_util.RELAXED_JSON_OPTIONS)
