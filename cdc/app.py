"""The composition root: settings in, a running pipeline out, and the signals that end it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import FrameType

import structlog
from bson.timestamp import Timestamp

from cdc import memory, metrics
from cdc.attempts import run
from cdc.config import Settings
from cdc.cursor.memory import MemoryStore
from cdc.cursor.standby import Standby
from cdc.cursor.store import Store
from cdc.encode import ENCODER
from cdc.errors import Fenced
from cdc.events import Load, Position
from cdc.leaps import Leap
from cdc.ops import headroom, http, live, logs, snapshots, sources, stall, stores, systemd, targets
from cdc.pipeline import Bounds, CursorStore, Parts
from cdc.progress import Progress
from cdc.version import __version__

log = structlog.get_logger("cdc")


class Stop(threading.Event):
    """Set by who has nothing more to do, or by a signal, whose `number` it then has."""

    number = 0


def watch(settings: Settings) -> None:
    """Run until a signal, or with `once` until caught up. Raises `CdcError`."""
    logs.configure(settings.log_format, debug=settings.debug)
    settings.require_target()
    with ExitStack() as stack:
        stop = stack.enter_context(signals())
        store: CursorStore = MemoryStore()
        kept: Store | None = None
        if not settings.dry_run:
            kept = stores.store(settings)
            with systemd.standing_by() as begun:
                stack.enter_context(kept.held(standby=Standby(stop, begun) if settings.standby else None))
            if stop.is_set():
                return
            if settings.full_amount:
                kept.forget()
            store = kept
        drive(settings, lambda progress: parts(settings, store, progress.notify, kept), stop)


def snapshot(settings: Settings) -> str:
    """Have documents read again, by the pipeline's watcher or where none runs here; gives what was done, in one line.

    Raises:
        CdcError: it was not done.
        SystemExit: a signal came first; the load goes on all the same, now or with the next start.
    """
    logs.configure(settings.log_format, debug=settings.debug)
    with ExitStack() as stack:
        try:
            stack.enter_context(stores.store(settings).held())
        except Fenced:
            return _hand_over(snapshots.wanted(settings))
        wanted = snapshots.wanted(settings)
        settings.require_target()
        stop = stack.enter_context(signals())
        request, how = (wanted.ask_once(), {}) if wanted.known else (None, {"snapshot": True, "from_": None})
        its_own = wanted.settings.model_copy(update={"once": False, **how})
        try:
            until = snapshots.UntilLoaded(wanted.kept, stop)
            drive(its_own, lambda progress: parts(its_own, until, progress.notify, wanted.kept), stop)
        finally:
            end = snapshots.ended(wanted, request)
            if end is None and request is not None:
                stays = {"request": request.id, "hint": snapshots.taken_back(settings)}
                log.warning("the request stays; the next start goes on with it", **stays)
        if end is None:
            log.warning("stopped before the load was done", pipeline=settings.pipeline_name)
            sys.exit(128 + stop.number)
        return snapshots.told(wanted, end)


def _hand_over(wanted: snapshots.Wanted) -> str:
    name = wanted.settings.pipeline_name
    try:
        request = wanted.ask()
        log.info("handed to the watcher", request=request.id, pipeline=name)
        return snapshots.told(wanted, snapshots.waited_for(wanted, request))
    except KeyboardInterrupt:
        log.warning("the watcher goes on with it", hint=snapshots.taken_back(wanted.settings), pipeline=name)
        sys.exit(128 + signal.SIGINT)


def drive(settings: Settings, made: Callable[[Progress], Parts], stop: threading.Event) -> None:
    """Run a pipeline, with all who look at it beside it, until `stop` is set or it is done. Raises `CdcError`."""
    memory.pooled()
    name = settings.pipeline_name
    progress = Progress(name)
    export(progress)
    with ExitStack() as stack:
        if settings.metrics_port is not None:
            stack.enter_context(http.serving(progress, settings.metrics_host, settings.metrics_port))
        stack.enter_context(systemd.told(progress, stop))
        stack.enter_context(live.line(progress))
        log.info("watching", pipeline=name, source=str(stores.watched(settings)), **targets.told(settings))
        stack.enter_context(_looked_after(settings, progress))
        plan = made(progress)
        memory.running()
        run(replace(plan, store=stall.Unhurried(plan.store, progress)), progress, stop)
        log.info("stopped", pipeline=name, records=progress.records)


@contextmanager
def _looked_after(settings: Settings, progress: Progress) -> Iterator[None]:
    """Others look at the loop until the block ends; only the reader of a dry run may hold it up as long as he likes."""
    with ExitStack() as stack:
        if (oplog := sources.oplog(settings)) is not None:
            position, warn = lambda: progress.frontier or progress.began, settings.headroom_warn
            stack.enter_context(headroom.watched(oplog, progress, position, warn=warn))
        if not settings.dry_run:
            stack.enter_context(stall.watched(progress, settings.stall_timeout))
        yield


def parts(settings: Settings, store: CursorStore, notify: Callable[[str], None], kept: Store | None = None) -> Parts:
    """What the pipeline is made of, by the settings; `notify` takes what users should know of the source.

    `kept` is where its cursor is, and what is asked of it; nowhere for a dry run.
    """
    name = settings.pipeline_name
    requests = (lambda: ()) if kept is None else kept.requests.outstanding
    target = targets.target(settings, kept)
    return Parts(
        name=name,
        source=sources.source(settings, requests, notify),
        encode=target.encode,
        sink=target.sink,
        store=store,
        first=first(settings),
        bounds=Bounds(
            settings.prefetch_bytes,
            settings.kafka.buffer_bytes,
            settings.commit_interval_ms / 1000 if target.whole else settings.checkpoint_interval,
            settings.startup_timeout,
            settings.shutdown_timeout,
        ),
        once=settings.once,
        leap=leap(settings),
        whole=target.whole,
    )


def first(settings: Settings) -> Position:
    """Where a pipeline without a cursor begins."""
    if settings.from_ is None:
        return Position(load=Load(where=settings.where_text) if settings.snapshot else None)
    if settings.from_ == "now":
        return Position()
    return Position(time=Timestamp(int(settings.from_.timestamp()), 0))


def leap(settings: Settings) -> Leap | None:
    """What is done when history is lost; None to stop."""
    if settings.on_history_lost == "fail":
        return None
    return Leap(Load(where=settings.where_text) if settings.on_history_lost == "resnapshot" else None)


def export(progress: Progress) -> None:
    """Let the gauges read the pipeline's progress whenever they are scraped."""
    name = progress.name
    metrics.BUILD.labels(__version__, ENCODER).set(1)
    metrics.LAG_SECONDS.labels(name).set_function(lambda: progress.lag)
    metrics.SNAPSHOT_DOCUMENTS.labels(name).set_function(lambda: progress.last_load.documents)
    metrics.SNAPSHOT_ESTIMATED.labels(name).set_function(lambda: progress.last_load.estimated)
    metrics.SNAPSHOT_CHUNKS_DONE.labels(name).set_function(lambda: progress.last_load.chunks_done)
    metrics.SNAPSHOT_CHUNKS.labels(name).set_function(
        lambda: progress.last_load.chunks_done + len(progress.last_load.chunks)
    )
    metrics.SNAPSHOT_SECONDS_LEFT.labels(name).set_function(lambda: progress.seconds_left)
    metrics.CHECKPOINT_AGE.labels(name).set_function(lambda: time.monotonic() - progress.saved)
    metrics.IN_FLIGHT_RECORDS.labels(name).set_function(lambda: progress.in_flight_records)
    metrics.IN_FLIGHT_BYTES.labels(name).set_function(lambda: progress.in_flight_bytes)
    metrics.PREFETCHED_BYTES.labels(name).set_function(lambda: progress.prefetched_bytes)


@contextmanager
def signals() -> Iterator[Stop]:
    """An event set by the first SIGINT or SIGTERM; the second ends the process at once."""
    stop = Stop()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set():
            live.show_cursor()
            os._exit(128 + number)
        stop.number = number
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
