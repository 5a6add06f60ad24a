"""The tables of `nfsc_task` beside the documents they come from, by a mapping of the tests' own."""

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import sqlalchemy
from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo.collection import Collection

from cdc.config.sql import SqlSettings
from cdc.sql.engine import engine

Document = dict[str, Any]

_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.UNSPECIFIED)
_JSON = ("authors", "instruments", "extra")
_TIMES = ("publish_time", "crawl_time", "update_time")
_PLAIN = ("kind", "title", "summary", "content", "url", "source", "language")
_FILE = ("name", "url", "media_type", "size", "sha256")
_RELAXED = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED, uuid_representation=UuidRepresentation.STANDARD, tz_aware=True
)


def differences(collection: Collection[Document], url: str) -> list[str]:
    """Ids of documents whose rows are not there, or not as they should be, and of rows without a document."""
    wanted = dict(_of_documents(collection))
    found = dict(_of_tables(url))
    return sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))


def _of_documents(collection: Collection[Document]) -> Iterator[tuple[str, int]]:
    for document in collection.with_options(_AWARE).find():
        row = [document.get(name) for name in _PLAIN]
        row += [None if (feeling := document.get("sentiment")) is None else float(feeling)]
        row += [document[name].astimezone(UTC).isoformat() if document.get(name) else None for name in _TIMES]
        row += [_json(document.get("authors", [])), _json(document.get("instruments", []))]
        row += [_json(document["extra"]) if "extra" in document else None]
        files = [[each.get(name) for name in _FILE] for each in document.get("attachments", [])]
        yield str(document["_id"]), hash(repr((row, document.get("tags", []), files)))


def _of_tables(url: str) -> Iterator[tuple[str, int]]:
    made = engine(SqlSettings.model_validate({"url": url}), app="tests")
    with made.connect() as connection:
        tags = _children(connection, "information_tag", ("tag",))
        files = _children(connection, "information_attachment", _FILE)
        columns = ", ".join(("id", *_PLAIN, "sentiment", *_TIMES, *_JSON))
        rows = connection.execute(sqlalchemy.text(f"SELECT {columns} FROM information"))
        for key, *values in rows:
            plain, times = values[: len(_PLAIN) + 1], values[len(_PLAIN) + 1 : -len(_JSON)]
            row = plain + [None if time is None else _utc(time) for time in times]
            row += [None if each is None else _sorted(each) for each in values[-len(_JSON) :]]
            yield key, hash(repr((row, [tag for (tag,) in tags.pop(key, [])], files.pop(key, []))))
    made.dispose()
    for key in tags.keys() | files.keys():
        yield key, 0


def _children(connection: sqlalchemy.Connection, table: str, columns: tuple[str, ...]) -> dict[str, list[list[Any]]]:
    """By the document's id, the rows of its items; raises where their positions are not 0, 1, 2 …"""
    query = f"SELECT information_id, position, {', '.join(columns)} FROM {table} ORDER BY 1, 2"
    found: dict[str, list[list[Any]]] = {}
    for key, position, *values in connection.execute(sqlalchemy.text(query)):
        several = found.setdefault(key, [])
        assert position == len(several), f"{table} {key}"
        several.append(values)
    return found


def _utc(time: Any) -> str:  # noqa: ANN401 - whatever the driver gives
    return str((time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)).isoformat())


def _json(value: object) -> str:
    return _sorted(json_util.dumps(value, json_options=_RELAXED))


def _sorted(value: object) -> str:
    """JSON whose fields are in order; numbers by value, as PostgreSQL keeps them."""
    return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
