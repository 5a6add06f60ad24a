"""How much of the oplog is left, as a watch whose Kafka is gone tells it."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from tests.support import topic as topics
from tests.support.child import running
from tests.support.endpoint import Endpoint
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

DAY = "86400"
WARNED = "behind, and the oplog reaches back only"
WELL = "the position is no longer about to be lost"


def events(log: str) -> list[str]:
    """Of the whole lines, which may be followed by a part of one."""
    return [json.loads(line)["event"] for line in log.splitlines(keepends=True) if line.endswith("\n")]


def test_a_position_that_stands_is_warned_of_once_and_is_well_again(
    own_stack: "Callable[..., Stack]", topic: str, tmp_path: Path
) -> None:
    stack = own_stack()
    args = ["watch", "--collection", "info", "--database", "shop", "--topic", topic, "--cursor-dir", str(tmp_path)]
    args += ["--headroom-warn", DAY, "--metrics-port", "0"]
    with (
        running(*args, env=stack.environment(), log=tmp_path / "log") as child,
        MongoClient[dict[str, Any]](stack.mongo_uri) as client,
    ):
        endpoint = Endpoint(child)

        def headroom() -> float:
            return endpoint.metrics()["cdc_oplog_headroom_seconds"]

        until(lambda: not math.isnan(headroom()) or not child.alive, what="a headroom")
        assert 0 <= headroom() < 600
        assert endpoint.metrics()["cdc_oplog_lost_in_seconds"] == math.inf
        assert "notice" not in endpoint.ready()

        stack.brokers[0].stop()
        client.shop.info.insert_one({"_id": 1})
        until(lambda: WARNED in endpoint.ready().get("notice", ""), seconds=60, what="a notice")
        stands = headroom()
        until(lambda: endpoint.metrics()["cdc_oplog_lost_in_seconds"] == math.inf, seconds=60, what="a forecast")
        assert headroom() == stands, "neither moves: a young oplog is not cut"
        assert len([event for event in events(child.text) if WARNED in event]) == 1

        stack.brokers[0].start()
        until(lambda: WELL in events(child.text) or not child.alive, seconds=60, what="a position that follows")
        assert topics.ends(stack.kafka, topic) == 1
        assert len([event for event in events(child.text) if WARNED in event]) == 1
        assert "notice" not in endpoint.ready()
        assert child.stop() == 0
