"""Records as lines of JSON on standard output: `--dry-run`."""

import sys
from collections.abc import Callable

import orjson

from cdc.events import Pending, Records, Rejected


class StdoutSink:
    """Implements `pipeline.Sink`; a record counts as acknowledged once it is written."""

    def __init__(self, topic_for: Callable[[str, str], str]) -> None:
        self._topic_for = topic_for

    def open(self) -> None:
        pass

    def produce(self, records: Records, start: int, slot: Pending) -> int:
        slot.expect(len(records) - start)
        columns = zip(records.namespaces, records.keys, records.values, strict=True)
        for namespace, key, value in list(columns)[start:]:
            line = {"topic": self._topic_for(*namespace), "key": orjson.Fragment(key), "value": orjson.Fragment(value)}
            sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            slot.acknowledge()
        sys.stdout.buffer.flush()
        return len(records)

    def reject(self, rejected: Rejected, slot: Pending) -> None:
        del slot
        place = rejected._asdict() | {"namespace": str(rejected.namespace), "key": (rejected.key or b"").decode()}
        sys.stdout.buffer.write(orjson.dumps({"rejected": place}, option=orjson.OPT_APPEND_NEWLINE))

    def poll(self, seconds: float) -> None:
        pass

    def flush(self, seconds: float) -> None:
        pass

    def missing(self) -> str | None:
        return None

    def close(self) -> None:
        pass
