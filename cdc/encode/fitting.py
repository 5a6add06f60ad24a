"""Whether documents fit the data type they are said to be of."""

from collections.abc import Callable, Mapping
from typing import Any

import bson
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from cdc.encode.elements import ARRAY, CODE, DOCUMENT, SCOPED_CODE, SYMBOL, UNDEFINED, elements, malformed

Refusal = Callable[[Mapping[str, Any]], str | None]
"""Why a document does not fit, without its values, or None; dates come aware and in UTC, UUIDs as `uuid.UUID`."""

_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
_FOREIGN = {UNDEFINED: "undefined", 0x0C: "DBPointer", CODE: "code", SYMBOL: "symbol", SCOPED_CODE: "code"}


def misfit(refusal: Refusal, raw: bytes, after: str | None, *, odd: bool) -> str | None:
    """Why the document `raw`, or the one in its field `after`, does not fit; where there is none, it does.

    An `odd` one may hold what decoding would lose. `Unencodable` where it cannot be decoded.
    """
    try:
        fields = bson.decode(raw, _AWARE)
    except (BSONError, ValueError) as reason:
        raise malformed(reason) from reason
    document = fields.get(after) if after else fields
    if document is None:
        return None
    return (_foreign(raw, _place(raw, after)) if odd else None) or refusal(document)


def _place(raw: bytes, name: str | None) -> int:
    """Where the document in a field begins."""
    return next((element.value for element in elements(raw) if element.name == name), 0)


def _foreign(raw: bytes, start: int = 0, inside: str = "") -> str | None:
    """The first value that Python would take for one of another type: code and symbols for text, undefined for null."""
    for element in elements(raw, start):
        path = inside + element.name
        if element.kind in _FOREIGN:
            return f"{path}: BSON type {_FOREIGN[element.kind]} fits no data type"
        if element.kind in {DOCUMENT, ARRAY} and (found := _foreign(raw, element.value, f"{path}.")):
            return found
    return None
