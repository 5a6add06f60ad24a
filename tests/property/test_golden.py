"""What other connectors wrote of changes of every type: both encoders write it alike, and as they did."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import json_util

from cdc.encode.dialects import DIALECTS
from cdc.events import Batch, Namespace, Position
from tests.support.twins import Twins, needs_both

GOLDEN = Path(__file__).parent / "golden"
INFO = Namespace("gold", "info")
TIME = bson.Timestamp(5, 1)

typed: json_util.JSONOptions = json_util.CANONICAL_JSON_OPTIONS.with_options(
    tz_aware=True, datetime_conversion=bson.codec_options.DatetimeConversion.DATETIME_AUTO
)


def bson_of(text: str) -> bytes:
    return bson.encode(json_util.loads(text, json_options=typed))


def values(name: str) -> Iterator[dict[str, Any]]:
    for record in json.loads((GOLDEN / name).read_text()):
        if record["value"] is not None:
            yield json.loads(record["value"])


def captured(name: str) -> Iterator[str]:
    """Every document of the records, as the connector wrote it."""
    for value in values(name):
        envelope = value.get("payload", value)
        for image in ("before", "after", "fullDocument"):
            match envelope.get(image):
                case str() as text:
                    yield text
                case dict() as document:
                    yield json.dumps(document)


def changes() -> list[dict[str, Any]]:
    return [value for value in values("mongo-kafka-extended.json") if "clusterTime" in value]


def twins(dialect: str) -> Twins:
    return Twins(
        name="p", version="1", full_document="lookup", before="off", shared=False, dialect=dialect, refusal=None
    )


@needs_both
@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.iterdir()))
def test_every_captured_document(name: str, dialect: str) -> None:
    documents = [bson_of(text) for text in captured(name)]
    assert documents
    records = twins(dialect).encode(Batch(b"".join(documents), Position(time=TIME), INFO))
    assert (len(records), records.rejected) == (len(documents), [])


@needs_both
@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_captured_change(dialect: str) -> None:
    events = changes()
    assert {event["operationType"] for event in events} == {"insert", "update", "replace", "delete"}
    raw = b"".join(bson_of(json.dumps(event)) for event in events)
    records = twins(dialect).encode(Batch(raw, Position()))
    assert [*map(str, records.operations)] == [event["operationType"] for event in events]


def test_canonical_is_what_the_mongodb_connector_writes() -> None:
    events = changes()
    raw = b"".join(bson_of(json.dumps(event)) for event in events)
    records = twins("canonical").encode(Batch(raw, Position()))
    for event, key, value in zip(events, records.keys, records.values, strict=True):
        envelope = json.loads(value)
        assert json_util.loads(key.decode()) == json_util.loads(json.dumps(event["documentKey"]))
        assert envelope["after"] == event.get("fullDocument")
        assert envelope["ns"] == event["ns"]
