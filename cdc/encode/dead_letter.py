"""What is kept of an event that cannot become a record: why and where, never its content."""

from datetime import UTC, datetime

import orjson
from orjson import Fragment

from cdc.events import Rejected

LARGEST = 65536
"""Bytes of a key or a token; more would make the letter too large in its turn."""


def letter(rejected: Rejected) -> tuple[bytes | None, bytes]:
    """The dead letter's key and its value, JSON.

    `key` is the record's key where it could be had, `token` the event's resume token, which holds the key too (empty
    for a document that was read); either is left out where it is itself a burden. `at` is the time it was put aside.
    """
    key = rejected.key if len(rejected.key or b"") <= LARGEST else None
    value = {
        "v": 1,
        "reason": rejected.reason,
        "op": rejected.operation,
        "ns": rejected.namespace._asdict(),
        "key": None if key is None else Fragment(key),
        "token": rejected.token if len(rejected.token) <= LARGEST else "",
        "at": datetime.now(UTC),
    }
    return key, orjson.dumps(value, option=orjson.OPT_UTC_Z)
