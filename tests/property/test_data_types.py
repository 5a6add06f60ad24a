"""Whatever a document holds: it is judged, never misread, and no value of it is told."""

from struct import pack
from typing import Any

import bson
from bson import Code, Decimal128, ObjectId, Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdc.encode.pure import RELAXED
from cdc.encode.relaxed import decode
from cdc.events import Batch, Namespace, Position, Records
from cdc.models.information import INFORMATION, Attachment, Information, Instrument
from tests.property.bson_values import Value, document, documents
from tests.support.news import MOMENT, item
from tests.support.twins import Twins

thorough = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ID: tuple[str, Value] = ("_id", (0x10, pack("<i", 1)))
SECRET = "zq7hunter22zq"  # noqa: S105 - to be looked for
FOREIGN = (b'"$symbol"', b'"$undefined"', b'"$code"', b'"$dbPointer"')
NAMES = sorted(
    {field.alias or name for part in (Information, Instrument, Attachment) for name, field in part.model_fields.items()}
)
LEAVES = st.sampled_from(
    [
        SECRET,
        f"https://{SECRET}",
        f"{SECRET}://x",
        Code(SECRET),
        SECRET.encode(),
        7,
        -1.5,
        MOMENT,
        ObjectId(),
        Decimal128("1"),
        None,
    ]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
)


def encode(raw: bytes, *, fitted: bool) -> Records:
    encoder = Twins(
        name="p", version="1", full_document="lookup", before="off", refusal=(lambda _: None) if fitted else None
    )
    return encoder.encode(Batch(raw, Position(time=Timestamp(5, 1)), Namespace("t", "info")))


@thorough
@given(documents)
def test_a_record_is_the_same_or_the_document_has_a_value_that_no_model_could_tell(fields: bytes) -> None:
    raw = document([ID])[:-1] + fields[4:]
    raw = pack("<i", len(raw)) + raw[4:]
    plain = encode(raw, fitted=False)
    fitted = encode(raw, fitted=True)
    if fitted.rejected:
        (rejected,) = fitted.rejected
        assert rejected.reason.endswith("fits no data type") or rejected.reason.startswith("malformed BSON: ")
        assert len(fitted) == 0
    else:
        assert fitted == plain
        assert [word for word in FOREIGN if word in RELAXED.document(raw)] == []


@thorough
@given(documents)
def test_any_document_is_judged(raw: bytes) -> None:
    try:
        fields = decode(raw)
    except bson.errors.InvalidBSON:
        return
    assert (INFORMATION.refusal(fields) or "").startswith("not Information: ")


@thorough
@given(st.sampled_from(NAMES), VALUES)
def test_a_reason_never_has_the_value(name: str, value: Any) -> None:  # noqa: ANN401 - whatever a document holds
    assert SECRET not in (INFORMATION.refusal(item(**{name: value})) or "").casefold()
