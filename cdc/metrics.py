"""Every metric the process exports, by name and label, and the decorator that times and logs a call.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` on counters.
"""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import structlog
from prometheus_client import Counter, Gauge, Histogram

log = structlog.get_logger("cdc")

PIPELINE = "pipeline"
OPERATION = "operation"
REASON = "reason"
IMAGE = "image"
CLASS = "class"
CALL = "call"

EVENTS = Counter("cdc_events_total", "Events received from the source", [PIPELINE, OPERATION])
RECORDS = Counter("cdc_records_total", "Records acknowledged by the sink", [PIPELINE, OPERATION])
SOURCE_BYTES = Counter("cdc_source_bytes_total", "BSON received from the source", [PIPELINE])
RECORD_BYTES = Counter("cdc_record_bytes_total", "Keys and values handed to the sink", [PIPELINE])
BATCHES = Counter("cdc_batches_total", "Source replies that held at least one event", [PIPELINE])
PREFETCHED_BYTES = Gauge("cdc_prefetched_bytes", "BSON read ahead and not yet encoded", [PIPELINE])
IN_FLIGHT_RECORDS = Gauge("cdc_in_flight_records", "Records handed to the sink and not yet acknowledged", [PIPELINE])
IN_FLIGHT_BYTES = Gauge("cdc_in_flight_bytes", "Bytes of the batches not yet acknowledged in full", [PIPELINE])
ACK_SECONDS = Histogram(
    "cdc_acknowledgement_seconds",
    "From handing a batch to the sink to its last acknowledgement",
    [PIPELINE],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
LAG_SECONDS = Gauge(
    "cdc_lag_seconds",
    "The source's last operation time against the acknowledged position; rises while the stream is stuck",
    [PIPELINE],
)
SNAPSHOT_DOCUMENTS = Gauge("cdc_snapshot_documents", "Documents of the last load that are acknowledged", [PIPELINE])
SNAPSHOT_ESTIMATED = Gauge(
    "cdc_snapshot_documents_estimated",
    "Documents that the last load will have read, by the server's estimate",
    [PIPELINE],
)
SNAPSHOT_CHUNKS_DONE = Gauge("cdc_snapshot_chunks_done", "Chunks of the last load that are read in full", [PIPELINE])
SNAPSHOT_CHUNKS = Gauge("cdc_snapshot_chunks", "Chunks of the last load, as far as it has been cut", [PIPELINE])
SNAPSHOT_SECONDS_LEFT = Gauge(
    "cdc_snapshot_seconds_left", "Until the load is done, by its pace; NaN while unknown, 0 without a load", [PIPELINE]
)
OPLOG_HEADROOM = Gauge(
    "cdc_oplog_headroom_seconds", "From the oldest entry of the oplog to the acknowledged position", [PIPELINE]
)
OPLOG_LOST_IN = Gauge(
    "cdc_oplog_lost_in_seconds", "Until the oplog overtakes the position, by the pace of the last minutes", [PIPELINE]
)
IMAGES = Counter("cdc_images_total", "Changes whose documents were looked up, by how they were had", [PIPELINE, IMAGE])
CHECKPOINTS = Counter("cdc_checkpoints_total", "Positions saved", [PIPELINE])
CHECKPOINT_AGE = Gauge(
    "cdc_checkpoint_age_seconds", "Since the saved position was last known to be current", [PIPELINE]
)
RETRIES = Counter("cdc_retries_total", "Attempts closed and opened again", [PIPELINE, REASON])
ERRORS = Counter("cdc_errors_total", "Errors by class", [PIPELINE, CLASS])
DEAD_LETTERS = Counter("cdc_dead_letters_total", "Events sent to the dead-letter topic", [PIPELINE, REASON])
BUILD = Gauge("cdc_build_info", "Always 1; what is running", ["version", "encoder"])
CALL_SECONDS = Histogram("cdc_call_seconds", "Calls that cross a room", [CALL])

P = ParamSpec("P")
R = TypeVar("R")


def timed(call: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Observe the call's seconds under `call`, and log it at debug level with its outcome."""
    seconds = CALL_SECONDS.labels(call)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            begun = time.perf_counter()
            outcome = "done"
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                outcome = type(error).__name__
                raise
            finally:
                took = time.perf_counter() - begun
                seconds.observe(took)
                log.debug("call", call=call, seconds=round(took, 6), outcome=outcome)

        return wrapper

    return decorate
