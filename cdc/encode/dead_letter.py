"""What is kept of an event that cannot become a record: why and where, never its content."""

from datetime import UTC, datetime

import orjson
from orjson import Fragment

from cdc.events import Rejected


def letter(rejected: Rejected) -> tuple[bytes | None, bytes]:
    """The dead letter's key and its value, JSON.

    `key` is the record's key where it could be had, `token` the event's resume token (empty for a document that was
    read), `at` the time it was put aside.
    """
    value = {
        "v": 1,
        "reason": rejected.reason,
        "op": rejected.operation,
        "ns": rejected.namespace._asdict(),
        "key": None if rejected.key is None else Fragment(rejected.key),
        "token": rejected.token,
        "at": datetime.now(UTC),
    }
    return rejected.key, orjson.dumps(value, option=orjson.OPT_UTC_Z)
