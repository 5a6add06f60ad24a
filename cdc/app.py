"""The composition root: settings in, a running pipeline out, and the signals that end it."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

import structlog
from bson.timestamp import Timestamp

from cdc import metrics
from cdc.config import Settings, find_data_type
from cdc.cursor.memory import MemoryStore
from cdc.encode import ENCODER, Encoder
from cdc.encode.dead_letter import letter
from cdc.events import Position
from cdc.ops import cursors, http, live, logs
from cdc.pipeline import Bounds, CursorStore, Parts, Sink, run
from cdc.progress import Progress
from cdc.sink.kafka import KafkaSink
from cdc.sink.stdout import StdoutSink
from cdc.sink.topics import Topics
from cdc.source.change_stream import Images, Scope
from cdc.source.watch import MongoSource
from cdc.version import __version__

log = structlog.get_logger("cdc")

SHUTDOWN_SECONDS = 7.0
STDERR = 2
SHOW_CURSOR = b"\x1b[?25h"
"""The live line hides the terminal's cursor."""


def watch(settings: Settings) -> None:
    """Run until a signal, or with `once` until caught up. Raises `CdcError`."""
    logs.configure(settings.log_format, debug=settings.debug)
    settings.require_topic()
    name = settings.pipeline_name
    progress = Progress(name)
    export(progress)
    with ExitStack() as stack:
        stop = stack.enter_context(signals())
        store: CursorStore = MemoryStore()
        if not settings.dry_run:
            files = cursors.store(settings)
            stack.enter_context(files.held())
            store = files
        if settings.metrics_port is not None:
            stack.enter_context(http.serving(progress, settings.metrics_host, settings.metrics_port))
        stack.enter_context(live.line(progress))
        resumed = store.load()
        log.info(
            "watching",
            pipeline=name,
            source=str(cursors.watched(settings)),
            topic=settings.topic,
            resumes=str(resumed.clock) if resumed else None,
        )
        run(parts(settings, store), progress, stop)
        log.info("stopped", pipeline=name, records=progress.records)


def parts(settings: Settings, store: CursorStore) -> Parts:
    """What the pipeline is made of, by the settings."""
    name = settings.pipeline_name
    scope = Scope(settings.mongo.database, settings.collection, settings.match)
    images = Images(settings.full_document, settings.before)
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
        topics = Topics(
            settings.kafka,
            settings.topic_for,
            ahead=ahead(settings),
            ddl=settings.ddl_topic,
            dead_letter=settings.dead_letter_topic,
            tombstones=settings.tombstones,
            create=settings.create_topics,
        )
        return KafkaSink(settings.kafka, topics, name=name, letter=letter)

    return Parts(
        name=name,
        source=lambda: MongoSource(settings.mongo, scope, images, name=name),
        encode=encoder.encode,
        sink=sink,
        store=store,
        first=first(settings),
        bounds=Bounds(
            settings.prefetch_bytes,
            settings.kafka.buffer_bytes,
            settings.checkpoint_interval,
            settings.startup_timeout,
            SHUTDOWN_SECONDS,
        ),
        once=settings.once,
        skip_lost=settings.on_history_lost == "skip-to-now",
    )


def ahead(settings: Settings) -> list[str]:
    """The topics of records whose names are known before the first one."""
    database = settings.mongo.database
    if settings.topic is not None and "{coll}" not in settings.topic:
        return [settings.topic_for(database, "")]
    return sorted({settings.topic_for(database, collection) for collection in settings.collection})


def first(settings: Settings) -> Position:
    """Where a pipeline without a cursor begins."""
    if settings.from_ is None:
        return Position(loading=settings.snapshot)
    if settings.from_ == "now":
        return Position()
    return Position(time=Timestamp(int(settings.from_.timestamp()), 0))


def export(progress: Progress) -> None:
    """Let the gauges read the pipeline's progress whenever they are scraped."""
    name = progress.name
    metrics.BUILD.labels(__version__, ENCODER).set(1)
    metrics.LAG_SECONDS.labels(name).set_function(lambda: progress.lag)
    metrics.CHECKPOINT_AGE.labels(name).set_function(lambda: time.monotonic() - progress.saved)
    metrics.IN_FLIGHT_RECORDS.labels(name).set_function(lambda: progress.in_flight_records)
    metrics.IN_FLIGHT_BYTES.labels(name).set_function(lambda: progress.in_flight_bytes)
    metrics.PREFETCHED_BYTES.labels(name).set_function(lambda: progress.prefetched_bytes)


@contextmanager
def signals() -> Iterator[threading.Event]:
    """An event set by the first SIGINT or SIGTERM; the second ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set():
            if os.isatty(STDERR):
                os.write(STDERR, SHOW_CURSOR)
            os._exit(128 + number)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
