"""Records as lines of JSON on standard output: `--dry-run`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson

from cdc.errors import ExitCode
from cdc.events import DOCUMENT_OPERATIONS, Pending, Records, Rejected


class StdoutSink:
    """Implements `pipeline.Sink`; a record counts as acknowledged once it is written.

    `ddl` is the topic of collection events; without it they go nowhere.
    """

    def __init__(self, topic_for: Callable[[str, str], str], *, ddl: str | None) -> None:
        self._topic_for = topic_for
        self._ddl = ddl

    def open(self) -> None:
        pass

    def produce(self, records: Records, start: int, slot: Pending) -> int:
        slot.expect(len(records) - start)
        columns = zip(records.namespaces, records.operations, records.keys, records.values, strict=True)
        with _read_by_someone():
            for namespace, operation, key, value in list(columns)[start:]:
                topic = self._topic_for(*namespace) if operation in DOCUMENT_OPERATIONS else self._ddl
                if topic is not None:
                    line = {"topic": topic, "key": orjson.Fragment(key), "value": orjson.Fragment(value)}
                    sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                slot.acknowledge()
        return len(records)

    def reject(self, rejected: Rejected, slot: Pending) -> None:
        del slot
        place = rejected._asdict() | {"namespace": str(rejected.namespace), "key": (rejected.key or b"").decode()}
        with _read_by_someone():
            sys.stdout.buffer.write(orjson.dumps({"rejected": place}, option=orjson.OPT_APPEND_NEWLINE))

    def poll(self, seconds: float) -> None:
        pass

    def flush(self, seconds: float) -> None:
        pass

    def hurry(self) -> None:
        pass

    def missing(self) -> str | None:
        return None

    def close(self) -> None:
        pass


@contextmanager
def _read_by_someone() -> Iterator[None]:
    """Hand on what the block wrote; once nobody reads it, as after `| head`, the run is done."""
    try:
        yield
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python's own last flush goes
        raise SystemExit(ExitCode.DONE) from None
