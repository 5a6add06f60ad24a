import bson
import pytest

from cdc.source.raw import FIRST_DOCUMENTS, REPLY_BYTES, ReplySize

MOST = 1000


def reply(documents: int, size: int) -> bytes:
    return bson.encode({"text": "x" * (size - 16)}) * documents


@pytest.mark.parametrize("size", [100, 10_000, 1_000_000, 6_000_000])
def test_one_reply_tells_how_many_documents_the_next_should_have(size: int) -> None:
    asked = ReplySize(MOST)
    assert asked.documents == FIRST_DOCUMENTS
    assert asked.learn(reply(2, size)) == max(1, min(MOST, REPLY_BYTES // len(reply(1, size))))


def test_replies_follow_the_size_of_the_documents_down_and_up() -> None:
    asked = ReplySize(MOST)
    assert asked.learn(reply(4, 100)) == MOST
    assert asked.learn(b"") == MOST
    assert asked.learn(reply(15, 1_000_000)) == 2
    assert asked.learn(b"") == 2
    assert asked.learn(reply(4, 100)) == MOST


def test_few_documents_are_never_asked_for_more_than_the_setting_allows() -> None:
    asked = ReplySize(2)
    assert asked.documents == 2
    assert asked.learn(reply(2, 100)) == 2
