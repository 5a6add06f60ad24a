"""The encoder in Rust and the one in Python give the same records, and reject the same, whatever they are given."""

from struct import pack
from typing import NamedTuple

import pytest
from bson import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cdc.encode.dialects import DIALECTS
from cdc.errors import UnknownOperation
from cdc.events import Batch, Namespace, Position
from tests.property.bson_events import events
from tests.property.bson_values import ALL, Entropy, document, documents
from tests.support.twins import CI, Twins, needs_both

pytestmark = [needs_both, pytest.mark.timeout(600)]

thorough = settings(
    max_examples=10_000 if CI else 1_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
rougher = settings(thorough, max_examples=thorough.max_examples // 4)
INFO = Namespace("t", "info")
TIME = Timestamp(5, 1)


class Damage(NamedTuple):
    """Some bytes changed and some cut out, which the document's length may tell."""

    spoils: list[tuple[int, int]]
    cut: int
    told: bool

    def done(self, raw: bytes) -> bytes:
        wrong = bytearray(raw)
        for place, byte in self.spoils:
            wrong[place % len(raw)] = byte
        start = 4 + self.cut % len(raw)
        del wrong[start : start + (self.cut >> 12)]
        return pack("<i", len(wrong)) + wrong[4:] if self.told else bytes(wrong)


identified: SearchStrategy[bytes] = st.binary(min_size=20, max_size=250).map(
    lambda raw: document([("_id", (source := Entropy(raw)).value(ALL, 2)), *source.fields(ALL, 4)])
)
damages: SearchStrategy[Damage] = st.builds(
    Damage,
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=3),
    st.integers(0, 2**16),
    st.booleans(),
)
encoders = st.builds(
    Twins,
    name=st.just("p"),
    version=st.just("1"),
    full_document=st.sampled_from(["lookup", "required", "off"]),
    before=st.sampled_from(["required", "off"]),
    shared=st.booleans(),
    dialect=st.sampled_from(sorted(DIALECTS)),
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


@thorough
@given(encoders, st.lists(events, min_size=1, max_size=3))
def test_events(twins: Twins, batch: list[bytes]) -> None:
    agree(twins, changes(b"".join(batch)))


@thorough
@given(encoders, st.lists(identified | documents, min_size=1, max_size=3))
def test_documents(twins: Twins, batch: list[bytes]) -> None:
    agree(twins, rows(b"".join(batch)))


@rougher
@given(encoders, events, damages)
def test_spoilt_events(twins: Twins, event: bytes, damage: Damage) -> None:
    agree(twins, changes(event + damage.done(event) + event))


@rougher
@given(encoders, identified, damages)
def test_spoilt_documents(twins: Twins, raw: bytes, damage: Damage) -> None:
    agree(twins, rows(raw + damage.done(raw) + raw))


@rougher
@given(encoders, st.binary(max_size=100))
def test_noise(twins: Twins, noise: bytes) -> None:
    agree(twins, rows(noise))
    agree(twins, changes(noise))
    agree(twins, changes(pack("<i", len(noise) + 5) + noise + b"\0"))
