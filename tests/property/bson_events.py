"""Change events of every kind, built byte by byte: as servers send them, and as none does."""

from struct import pack

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.property.bson_values import ALL, Entropy, Field, Value, document, identity, string

_OPERATIONS = ["insert", "update", "replace", "delete"]
_OTHERS = ["drop", "rename", "dropDatabase", "invalidate", "create", "read", "teleport"]
_COLLECTIONS = ["info", "a", "null", '"', "\u2028ü"]
_NULL: Value = (0x0A, b"")


def event(source: Entropy) -> bytes:
    """As a server sends it but for one in four, which something was done to."""
    operation = source.pick(_OPERATIONS if source.below(8) else _OTHERS)
    fields = [field for field in _fields(source, operation) if field]
    if source.below(4) == 0:
        place = source.below(len(fields))
        name, value = fields.pop(place)
        for _ in range(source.below(3)):
            fields.insert(source.below(len(fields) + 1), (name, value if source.below(2) else source.value(ALL, 2)))
    return document(fields)


def _fields(source: Entropy, operation: str) -> list[Field | None]:
    """Those of an event; None for each it may be without."""
    return [
        ("_id", _document(("_data", (0x02, string(f"82{source.below(256):08X}"))))),
        ("operationType", (0x02, string(operation))),
        ("clusterTime", (0x11, source.raw(8))),
        _maybe(source, "collectionUUID", (0x05, pack("<iB", 16, 4) + source.raw(16))),
        ("wallTime", (0x09, pack("<q", source.below(256) * 7_777_777_777))) if source.below(8) else None,
        _maybe(source, "fullDocument", _image(source)),
        ("ns", _namespace(source)),
        _maybe(source, "to", _namespace(source)) if operation == "rename" else None,
        ("documentKey", _document(*_document_key(source))),
        ("updateDescription", _description(source)) if operation == "update" else None,
        _maybe(source, "fullDocumentBeforeChange", _image(source)),
        *(_transaction(source) if source.below(4) == 0 else []),
    ]


def _document(*fields: Field) -> Value:
    return 0x03, document(list(fields))


def _maybe(source: Entropy, name: str, value: Value) -> Field | None:
    return (name, value) if source.below(4) else None


def _namespace(source: Entropy) -> Value:
    collection = source.pick(_COLLECTIONS)
    return _document(("db", (0x02, string("t"))), ("coll", (0x02, string(collection))))


def _image(source: Entropy) -> Value:
    return (0x03, document(source.fields(ALL, 4))) if source.below(8) else _NULL


def _document_key(source: Entropy) -> list[Field]:
    """The `_id`, of any type, or one of the few that most have; at times with a shard key beside it."""
    common = [(0x07, source.raw(12)), (0x02, string(source.text())), (0x10, source.raw(4)), source.value(ALL, 2)]
    fields = [("_id", source.pick([*common, identity(source, 2)]))]
    if source.below(4) == 0:
        fields.insert(source.below(2), ("region", source.value(ALL, 1)))
    return fields


def _description(source: Entropy) -> Value:
    fields = [
        ("updatedFields", (0x03, document(source.fields(ALL, 3)))),
        ("removedFields", (0x04, document(source.fields(b"\x02", 1)))),
        _maybe(source, "truncatedArrays", (0x04, document(source.fields(ALL, 2)))),
        _maybe(source, "disambiguatedPaths", _image(source)),
    ]
    return _document(*[field for field in fields if field])


def _transaction(source: Entropy) -> list[Field]:
    session: Field = ("id", (0x05, pack("<iB", 16, 4) + source.raw(16)))
    user: Field = ("uid", (0x05, pack("<iB", 4, 0) + source.raw(4)))
    return [("lsid", _document(session, user)), ("txnNumber", (0x12, source.raw(8)))]


events: SearchStrategy[bytes] = st.binary(min_size=80, max_size=600).map(lambda raw: event(Entropy(raw)))
