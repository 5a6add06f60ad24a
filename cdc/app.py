"""The composition root: settings in, a running pipeline out, and the signals that end it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import structlog
from bson.timestamp import Timestamp

from cdc import metrics
from cdc.attempts import run
from cdc.config import Settings, find_data_type
from cdc.cursor.kafka import KafkaStore
from cdc.cursor.memory import MemoryStore
from cdc.cursor.standby import Standby
from cdc.cursor.store import Store
from cdc.encode import ENCODER, Encoder
from cdc.encode.dead_letter import letter
from cdc.errors import Fenced
from cdc.events import Load, Position
from cdc.leaps import Leap
from cdc.ops import headroom, http, live, logs, snapshots, stall, stores, systemd
from cdc.ops.topics import topics
from cdc.pipeline import Bounds, CursorStore, Parts, Sink
from cdc.progress import Progress
from cdc.sink.kafka import KafkaSink
from cdc.sink.stdout import StdoutSink
from cdc.source.change_stream import Images, Scope
from cdc.source.oplog import Oplog
from cdc.source.polling import Polls
from cdc.source.snapshot import Loads
from cdc.source.watch import MongoSource
from cdc.version import __version__

log = structlog.get_logger("cdc")


class Stop(threading.Event):
    """Set by who has nothing more to do, or by a signal, whose `number` it then has."""

    number = 0


def watch(settings: Settings) -> None:
    """Run until a signal, or with `once` until caught up. Raises `CdcError`."""
    logs.configure(settings.log_format, debug=settings.debug)
    settings.require_topic()
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
        _run(settings, store, stop, kept)


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
        settings.require_topic()
        stop = stack.enter_context(signals())
        request, how = (wanted.ask_once(), {}) if wanted.known else (None, {"snapshot": True, "from_": None})
        its_own = wanted.settings.model_copy(update={"once": False, **how})
        try:
            _run(its_own, snapshots.UntilLoaded(wanted.kept, stop), stop, wanted.kept)
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


def _run(settings: Settings, store: CursorStore, stop: threading.Event, kept: Store | None) -> None:
    name = settings.pipeline_name
    progress = Progress(name)
    export(progress)
    with ExitStack() as stack:
        if settings.metrics_port is not None:
            stack.enter_context(http.serving(progress, settings.metrics_host, settings.metrics_port))
        stack.enter_context(systemd.told(progress, stop))
        stack.enter_context(live.line(progress))
        log.info("watching", pipeline=name, source=str(stores.watched(settings)), topic=settings.topic)
        stack.enter_context(_looked_after(settings, progress))
        run(parts(settings, stall.Unhurried(store, progress), progress.notify, kept), progress, stop)
        log.info("stopped", pipeline=name, records=progress.records)


@contextmanager
def _looked_after(settings: Settings, progress: Progress) -> Iterator[None]:
    """Others look at the loop until the block ends; only the reader of a dry run may hold it up as long as he likes."""
    with ExitStack() as stack:
        oplog, warn = Oplog(settings.mongo, name=settings.pipeline_name), settings.headroom_warn
        stack.enter_context(headroom.watched(oplog, progress, lambda: progress.frontier or progress.began, warn=warn))
        if not settings.dry_run:
            stack.enter_context(stall.watched(progress, settings.stall_timeout))
        yield


def parts(settings: Settings, store: CursorStore, notify: Callable[[str], None], kept: Store | None = None) -> Parts:
    """What the pipeline is made of, by the settings; `notify` takes what users should know of the source.

    `kept` is where its cursor is, and what is asked of it; nowhere for a dry run.
    """
    name = settings.pipeline_name
    scope = Scope(settings.mongo.database, settings.collection, settings.match)
    images = Images(settings.full_document, settings.before, settings.lookup)
    requests = (lambda: ()) if kept is None else kept.requests.outstanding
    whole = kept if isinstance(kept, KafkaStore) and settings.exactly_once else None
    encoder = Encoder(
        name=name,
        version=__version__,
        full_document=settings.full_document,
        before=settings.before,
        shared=settings.shares_topic,
        dialect=settings.json_,
        refusal=find_data_type(settings.data_type).refusal if settings.data_type else None,
    )

    def sink() -> Sink:
        if settings.dry_run:
            return StdoutSink(settings.topic_for, ddl=settings.ddl_topic)
        return KafkaSink(
            settings.kafka,
            topics(settings),
            name=name,
            letter=letter,
            transactions=None if whole is None else whole.transactions,
            explained=None if whole is None else whole.explained,
        )

    return Parts(
        name=name,
        source=lambda: MongoSource(
            settings.mongo,
            scope,
            images,
            name=name,
            loads=loads(settings),
            polls=polls(settings),
            requests=requests,
            notify=notify,
        ),
        encode=encoder.encode,
        sink=sink,
        store=store,
        first=first(settings),
        bounds=Bounds(
            settings.prefetch_bytes,
            settings.kafka.buffer_bytes,
            settings.commit_interval_ms / 1000 if whole else settings.checkpoint_interval,
            settings.startup_timeout,
            settings.shutdown_timeout,
        ),
        once=settings.once,
        leap=leap(settings),
        whole=whole is not None,
    )


def loads(settings: Settings) -> Loads:
    return Loads(
        settings.increment_field or "_id",
        settings.parallel or os.cpu_count() or 1,
        settings.max_rate,
        settings.read_preference,
        settings.snapshot_round_ms / 1000,
    )


def polls(settings: Settings) -> Polls | None:
    """How a server without change streams is asked, where it can be."""
    if settings.increment_field is None:
        return None
    return Polls(settings.increment_field, settings.where_text, settings.poll_interval, settings.poll_lag)


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
