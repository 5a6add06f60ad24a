"""Events in fragments, however they are split and come: each whole once, in order, with the token of its end."""

from itertools import accumulate, pairwise
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.errors import SourceUnreachable
from cdc.source.fragments import Fragments
from tests.property.bson_values import Field, document, string, values

NAMES = st.sampled_from(["operationType", "ns", "fullDocument", "fullDocumentBeforeChange", "updateDescription", "x"])

Parts = list[list[Field]]
"""The fields of each fragment of an event; one that was not split has one part."""

parts = st.lists(st.lists(st.tuples(NAMES, values), max_size=3), min_size=1, max_size=4)


def token(number: int, fragment: int) -> Field:
    return "_id", (0x03, document([("_data", (0x02, string(f"82{number:04X}{fragment:04X}")))]))


def told(fragment: int, count: int) -> Field:
    place = [("fragment", (0x10, pack("<i", fragment))), ("of", (0x10, pack("<i", count)))]
    return "splitEvent", (0x03, document(place))


def sent(number: int, event: Parts) -> list[bytes]:
    """What a server sends for it."""
    if len(event) == 1:
        return [document([token(number, 0), *event[0]])]
    return [document([token(number, place), told(place, len(event)), *fields]) for place, fields in enumerate(event, 1)]


def whole(number: int, event: Parts) -> bytes:
    last = len(event) if len(event) > 1 else 0
    return document([token(number, last), *[field for fields in event for field in fields]])


@given(st.lists(parts, max_size=4), st.data())
def test_however_the_replies_are_cut(events: list[Parts], data: st.DataObject) -> None:
    stream = [piece for number, event in enumerate(events) for piece in sent(number, event)]
    lengths = data.draw(st.lists(st.integers(0, 3), max_size=len(stream)))
    cuts = [0, *(min(cut, len(stream)) for cut in accumulate(lengths)), len(stream)]
    ends = {0, *accumulate(len(event) for event in events)}
    fragments, found, joined = Fragments(), b"", set[bytes]()
    for start, stop in pairwise(cuts):
        reply = fragments.whole(b"".join(stream[start:stop]))
        assert all(token in reply for token in fragments.joined)
        found, joined = found + reply, joined | fragments.joined
        assert fragments.held == (stop not in ends), "an event is held until its last fragment is there"
    assert found == b"".join(whole(number, event) for number, event in enumerate(events))
    assert joined == {token(number, len(event))[1][1] for number, event in enumerate(events) if len(event) > 1}


@given(parts.filter(lambda event: len(event) > 1), parts, st.data())
def test_a_fragment_that_is_missing_is_no_event(event: Parts, following: Parts, data: st.DataObject) -> None:
    pieces = sent(1, event)
    del pieces[data.draw(st.integers(0, len(pieces) - 1))]
    fragments = Fragments()
    with pytest.raises(SourceUnreachable, match="fragment"):
        fragments.whole(b"".join([*pieces, *sent(2, following)]))


def test_what_users_write_is_not_taken_for_a_fragment() -> None:
    event = document([token(1, 0), ("fullDocument", (0x03, document([told(2, 3)])))])
    assert Fragments().whole(event) == event
