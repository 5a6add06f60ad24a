"""The encoder in Rust and the one in Python give the same records, and reject the same, whatever they are given."""

from struct import pack

from bson import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cdc.errors import UnknownOperation
from cdc.events import Batch, Namespace, Position
from tests.property.bson_events import events
from tests.property.bson_values import ALL, Entropy, document, documents
from tests.support.twins import CI, Twins, needs_both

pytestmark = needs_both

thorough = settings(
    max_examples=10_000 if CI else 1_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
INFO = Namespace("t", "info")
TIME = Timestamp(5, 1)

Spoil = tuple[int, int]

identified: SearchStrategy[bytes] = st.binary(min_size=20, max_size=250).map(
    lambda raw: document([("_id", (source := Entropy(raw)).value(ALL, 2)), *source.fields(ALL, 4)])
)
spoils: SearchStrategy[list[Spoil]] = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=3)
encoders = st.builds(
    Twins,
    name=st.just("p"),
    version=st.just("1"),
    full_document=st.sampled_from(["lookup", "required", "off"]),
    before=st.sampled_from(["required", "off"]),
    shared=st.booleans(),
    refusal=st.sampled_from([None, lambda document: None if len(repr(document)) % 3 else "unlucky"]),
)


def agree(twins: Twins, batch: Batch) -> None:
    try:
        twins.encode(batch)
    except UnknownOperation:
        return


def changes(raw: bytes) -> Batch:
    return Batch(raw, Position())


def rows(raw: bytes) -> Batch:
    return Batch(raw, Position(time=TIME), INFO)


def spoilt(raw: bytes, spoils: list[Spoil], cut: int) -> bytes:
    """The bytes with some of them changed, and their end cut off."""
    wrong = bytearray(raw)
    for place, byte in spoils:
        wrong[place % len(raw)] = byte
    return bytes(wrong[: len(raw) - cut % len(raw)])


@thorough
@given(encoders, st.lists(events, min_size=1, max_size=3))
def test_events(twins: Twins, batch: list[bytes]) -> None:
    agree(twins, changes(b"".join(batch)))


@thorough
@given(encoders, st.lists(identified | documents, min_size=1, max_size=3))
def test_documents(twins: Twins, batch: list[bytes]) -> None:
    agree(twins, rows(b"".join(batch)))


@thorough
@given(encoders, events, spoils, st.just(0) | st.integers(0, 2**16))
def test_spoilt_events(twins: Twins, event: bytes, spoils: list[Spoil], cut: int) -> None:
    agree(twins, changes(event + spoilt(event, spoils, cut) + event))


@thorough
@given(encoders, identified, spoils, st.just(0) | st.integers(0, 2**16))
def test_spoilt_documents(twins: Twins, raw: bytes, spoils: list[Spoil], cut: int) -> None:
    agree(twins, rows(raw + spoilt(raw, spoils, cut) + raw))


@thorough
@given(encoders, st.binary(max_size=100))
def test_noise(twins: Twins, noise: bytes) -> None:
    agree(twins, rows(noise))
    agree(twins, changes(noise))
    agree(twins, changes(pack("<i", len(noise) + 5) + noise + b"\0"))
