"""What a poll has seen is remembered, within a bound."""

from itertools import count

import bson
import pytest
from structlog.testing import capture_logs

from cdc.source import seen
from cdc.source.seen import ENTRY_BYTES, Seen


def identity(number: int) -> bytes:
    return bson.encode({"_id": number})


def document(number: int, version: int = 0) -> bytes:
    return bson.encode({"_id": number, "v": version})


ENTRY = ENTRY_BYTES + len(identity(0))


def test_a_document_is_new_once_and_again_when_it_has_changed() -> None:
    known = Seen("a")
    assert known.is_new(identity(1), document(1))
    assert not known.is_new(identity(1), document(1))
    assert known.is_new(identity(2), document(2))
    assert known.is_new(identity(1), document(1, version=1))
    assert not known.is_new(identity(1), document(1, version=1))
    assert known.is_new(identity(1), document(1)), "as it was before, it is another change"


def test_an_identity_of_another_type_is_another_document() -> None:
    known = Seen("a")
    assert known.is_new(bson.encode({"_id": "1"}), document(1))
    assert known.is_new(identity(1), document(1))


def test_what_is_not_kept_is_forgotten() -> None:
    known = Seen("a")
    for number in range(4):
        known.is_new(identity(number), document(number))
    known.keep({identity(1), identity(3), identity(99)})
    assert [known.is_new(identity(number), document(number)) for number in range(4)] == [True, False, True, False]
    known.keep(set())
    assert known.is_new(identity(1), document(1))


def test_it_is_bounded_in_bytes_forgets_the_oldest_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST_BYTES", 3 * ENTRY)
    known = Seen("a")
    with capture_logs() as logs:
        for number in range(3):
            known.is_new(identity(number), document(number))
        assert not logs
        assert not known.is_new(identity(0), document(0)), "and is the newest now"
        for number in (3, 4):
            assert known.is_new(identity(number), document(number))
        assert [known.is_new(identity(number), document(number)) for number in (4, 3, 0)] == [False] * 3
        assert known.is_new(identity(1), document(1))
    assert [(line["log_level"], line["collection"]) for line in logs] == [("warning", "a")]


def test_a_forgotten_entry_gives_its_room_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST_BYTES", 3 * ENTRY)
    known, numbers = Seen("a"), count()
    with capture_logs() as logs:
        for number in (next(numbers) for _ in range(1000)):
            known.is_new(identity(number), document(number))
            known.is_new(identity(number), document(number, version=1))
            known.keep({identity(number)})
    assert not logs


def test_an_entry_larger_than_the_bound_is_forgotten_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST_BYTES", ENTRY)
    known, large = Seen("a"), bson.encode({"_id": "x" * 1000})
    assert known.is_new(large, document(1))
    assert known.is_new(large, document(1))
    assert known.is_new(identity(1), document(1))
    assert not known.is_new(identity(1), document(1))
