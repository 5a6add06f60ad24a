"""The cluster time that a resume token tells, and up to which it tells everything."""

import pytest
from bson.timestamp import Timestamp

from cdc.events import Position, cluster_time, snapshot_time

EVENT = "826B058BFB000000372B022C0100296E5A1004D215DFD99C104161A42F30FB7D833084463C5F6964003C6576000004"
MARK = "826B058BFC000000022B0229296E04"
"""Of a stream without an event: a high-water mark."""


def test_behind_an_event_stands_its_own_time() -> None:
    assert cluster_time({"_data": EVENT}) == Timestamp(0x6B058BFB, 0x37)
    assert snapshot_time({"_data": EVENT}) == Timestamp(0x6B058BFB, 0x37)


@pytest.mark.parametrize(
    ("time", "before"),
    [
        ("6B058BFC00000002", Timestamp(0x6B058BFC, 1)),
        ("6B058BFC00000001", Timestamp(0x6B058BFC, 0)),
        ("6B058BFC00000000", Timestamp(0x6B058BFB, 2**32 - 1)),
        ("FFFFFFFFFFFFFFFF", Timestamp(2**32 - 1, 2**32 - 2)),
    ],
)
def test_behind_a_high_water_mark_stands_the_tick_before_it(time: str, before: Timestamp) -> None:
    token = {"_data": MARK.replace("6B058BFC00000002", time)}
    assert snapshot_time(token) == before
    now = cluster_time(token)
    assert now is not None
    assert before < now


@pytest.mark.parametrize("version", ["2B02", "2B04"])
def test_every_version_of_a_token_tells_its_kind_in_the_same_place(version: str) -> None:
    assert snapshot_time({"_data": EVENT.replace("2B02", version, 1)}) == Timestamp(0x6B058BFB, 0x37)
    assert snapshot_time({"_data": MARK.replace("2B02", version, 1)}) == Timestamp(0x6B058BFC, 1)


@pytest.mark.parametrize("data", [b"\x82", "", "82", "82zz" + EVENT[4:], "83" + EVENT[2:]])
def test_a_token_of_another_form_tells_no_time(data: object) -> None:
    assert cluster_time({}) is snapshot_time({}) is None
    assert cluster_time({"_data": data}) is snapshot_time({"_data": data}) is None


def test_a_position_of_a_token_stands_at_its_time() -> None:
    assert Position.of_token({"_data": MARK}) == Position({"_data": MARK}, Timestamp(0x6B058BFC, 2))
