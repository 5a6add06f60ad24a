"""A data type whose documents have every type that a column takes, and what their rows are in the end."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from bson import Binary, Decimal128, Int64, ObjectId, Timestamp, json_util
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.json_util import JSONOptions
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import text

from cdc.config.sql import SqlSettings
from cdc.models import DataType
from cdc.models import table as to
from cdc.sql.engine import engine

Document = dict[str, Any]
Row = dict[str, Any]

_LINE = (to.Column("sku", to.Text(40)), to.Column("n", to.Integer()))
TABLE = to.Table(
    "everything",
    key=(to.Column("id", to.Id(64), path="_id"),),
    columns=(
        to.Column("word", to.Text(200)),
        to.Column("prose", to.Text()),
        to.Column("small", to.Integer()),
        to.Column("big", to.BigInteger()),
        to.Column("ratio", to.Double()),
        to.Column("price", to.Numeric(20, 4)),
        to.Column("flag", to.Boolean()),
        to.Column("moment", to.DateTime()),
        to.Column("day", to.Date()),
        to.Column("blob", to.Binary()),
        to.Column("digest", to.Binary(16)),
        to.Column("uid", to.Uuid()),
        to.Column("owner", to.Id(), path="ref.owner"),
        to.Column("state", to.Text(10), null=False, default="new"),
        to.Column("anything", to.Json()),
    ),
    children=(
        to.Child(
            "everything_line", "lines", (to.Column("sku", to.Text(40)), to.Column("n", to.Integer())), rest="more"
        ),
        to.Child("everything_tag", "meta.tags", (to.Column("tag", to.Text(100), path="", null=False),)),
    ),
    rest="rest",
)


class Thing(BaseModel):
    """Anything."""

    model_config = ConfigDict(extra="allow")

    id: Any = Field(alias="_id")
    v: int = 0


EVERYTHING = DataType(model=Thing, collection="info", topic="everything", increment_field="v", table=TABLE)

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_AWKWARD = ("", "a'b\\c\"d", "x\ny\r\x1a%s %% :name", "中文 😀 e\u0301", "  padded  ", "NULL", "--;/*", "\u2028\x7f")
PLAIN: CodecOptions[Document] = CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.UNSPECIFIED)
"""How documents are decoded so that they can be compared with their rows."""
_JSON = JSONOptions(tz_aware=True, uuid_representation=UuidRepresentation.UNSPECIFIED)


def document(identity: Any, version: int, chance: random.Random) -> Document:  # noqa: ANN401 - an `_id`
    """Another one for each seed; fields are missing at times, or null."""
    several = chance.randrange
    moment = _EPOCH + timedelta(milliseconds=several(-(10**12), 10**12))
    whole: Document = {
        "word": chance.choice(_AWKWARD),
        "prose": chance.choice(_AWKWARD) * several(50),
        "small": chance.choice((0, -(2**31), 2**31 - 1, 7.0)),
        "big": chance.choice((Int64(2**63 - 1), Int64(-(2**63)), 5)),
        "ratio": chance.choice((0.1, -1e300, 5e-324, 3, -0.0, 1e22)),
        "price": chance.choice((Decimal128("1234567890123456.7891"), Decimal128("-0.5"), 12, 0.1, Decimal128("1E+3"))),
        "flag": chance.choice((True, False)),
        "moment": moment,
        "day": moment.replace(hour=0, minute=0, second=0, microsecond=0),
        "blob": chance.randbytes(several(100)),
        "digest": Binary(chance.randbytes(16), 5),
        "uid": Binary.from_uuid(UUID(int=several(2**128))),
        "ref": {"owner": ObjectId(), "note": chance.choice(_AWKWARD)},
        "state": "old",
        "anything": [None, {"a": [1, 2.5, True], "at": moment, "d": Decimal128("1.50")}, chance.choice(_AWKWARD)],
        "lines": [{"sku": f"s{n}", "n": n, "x": ObjectId()} for n in range(several(4))],
        "meta": {"tags": [f"t{n}" for n in range(several(5))], "kept": Timestamp(1, 2)},
        "extra": {"n": float("inf"), "u": Binary.from_uuid(UUID(int=1)), "nothing": None},
    }
    kept = {name: None if chance.random() < 0.1 else value for name, value in whole.items() if chance.random() > 0.1}
    return {"_id": identity, "v": version, **kept}


def expected(found: Mapping[str, Any]) -> Row:
    """The row that the document must have, children and all, written down apart from the code that makes it."""
    get = found.get
    ref, meta = get("ref") or {}, get("meta") or {}
    taken = {column.source for column in TABLE.columns} | {"_id", "lines", "ref", "meta"}
    rest = {name: value for name, value in found.items() if name not in taken}
    for name, inner in (("ref", "owner"), ("meta", "tags")):
        rest |= {name: left} if (left := {key: it for key, it in (get(name) or {}).items() if key != inner}) else {}
    return {
        "id": str(found["_id"]),
        "word": get("word"),
        "prose": get("prose"),
        "small": get("small"),
        "big": get("big"),
        "ratio": get("ratio"),
        "price": None if get("price") is None else Decimal(str(get("price"))),
        "flag": get("flag"),
        "moment": get("moment"),
        "day": found["day"].date() if get("day") else None,
        "blob": get("blob"),
        "digest": bytes(found["digest"]) if get("digest") else None,
        "uid": UUID(bytes=bytes(found["uid"])) if get("uid") else None,
        "owner": None if ref.get("owner") is None else str(ref["owner"]),
        "state": get("state") or "new",
        "anything": _written(get("anything")),
        "rest": _written(rest),
        "lines": [(line["sku"], line["n"], _written({"x": line["x"]})) for line in get("lines") or []],
        "tags": list(meta.get("tags") or []),
    }


def rows(url: str) -> dict[str, Row]:
    """Every row in the tables, by its id, as values of Python."""
    made = engine(SqlSettings(url=SecretStr(url)), app="cdc tests")
    try:
        with made.connect() as connection:
            whole = connection.execute(text("SELECT * FROM everything")).mappings()
            found = {row["id"]: _read(dict(row)) for row in whole}
            lines = text("SELECT everything_id, sku, n, more FROM everything_line ORDER BY everything_id, position")
            for identity, sku, n, more in connection.execute(lines):
                found[identity]["lines"].append((sku, n, _parsed(more)))
            tags = text("SELECT everything_id, tag FROM everything_tag ORDER BY everything_id, position")
            for identity, tag in connection.execute(tags):
                found[identity]["tags"].append(tag)
            return found
    finally:
        made.dispose()


def _read(row: Row) -> Row:
    moment, uid = row["moment"], row["uid"]
    return row | {
        "flag": None if row["flag"] is None else bool(row["flag"]),
        "moment": moment and moment.replace(tzinfo=moment.tzinfo or UTC),
        "uid": UUID(uid) if isinstance(uid, str) else uid,
        "anything": _parsed(row["anything"]),
        "rest": _parsed(row["rest"]),
        "lines": [],
        "tags": [],
    }


def _written(value: object) -> object:
    """As Extended JSON, read by a JSON parser: what a program finds in a column."""
    return None if value is None or value == {} else json.loads(json_util.dumps(value, json_options=_JSON))


def _parsed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value
