"""The oplog's window on real servers: one that is cut, one that is hidden, one that is not there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pymongo import MongoClient

from cdc.config import MongoSettings
from cdc.errors import AccessDenied, SourceUnreachable
from cdc.local.mongod import standalone
from cdc.ops.headroom import Forecast
from cdc.source.oplog import Oplog, Window
from tests.support.secured import secured
from tests.support.suspending import suspended
from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = pytest.mark.servers

PASSWORD = "q7hunter22Zk"  # noqa: S105 - of a server that lives as long as its test


@contextmanager
def oplog(uri: str) -> Iterator[Oplog]:
    opened = Oplog(MongoSettings.model_validate({"uri": uri}), name="p")
    try:
        yield opened
    finally:
        opened.close()


def seen(opened: Oplog) -> Window:
    window = opened.window()
    assert window is not None
    return window


def test_an_oplog_that_is_cut_comes_nearer_and_is_forecast(own_stack: "Callable[..., Stack]") -> None:
    small = own_stack(brokers=0, mongo_settings={"replication.oplogSizeMB": 1, "storage.syncPeriodSecs": 1})
    with oplog(small.mongo_uri) as opened, MongoClient[dict[str, Any]](small.mongo_uri) as client:
        first = seen(opened)
        assert first.oldest < first.newest

        def cut() -> bool:
            client["other"].noise.insert_many([{"text": "x" * 50_000} for _ in range(20)])
            return seen(opened).oldest.time > first.oldest.time

        until(cut, what="an oplog that has been cut")
        then = seen(opened)
        position = then.newest.time + 60
        forecast = Forecast()
        forecast.lag(0, position - first.oldest.time)
        shrunk = then.oldest.time - first.oldest.time
        assert forecast.lag(60, position - then.oldest.time) == pytest.approx(
            (position - then.oldest.time) * 60 / shrunk
        )


def test_the_right_to_read_it_is_one_of_its_own(own_stack: "Callable[..., Stack]", tmp_path: Path) -> None:
    server = secured(own_stack, tmp_path, PASSWORD)
    place = server.mongo_uri.removeprefix("mongodb://")
    with (
        MongoClient[dict[str, Any]](f"mongodb://root:{PASSWORD}@{place}") as root,
        oplog(f"mongodb://reader:{PASSWORD}@{place}&authSource=admin") as opened,
    ):
        roles = [{"role": "read", "db": "shop"}]
        root.admin.command({"createUser": "reader", "pwd": PASSWORD, "roles": roles})
        with pytest.raises(AccessDenied, match="does not show its oplog") as refused:
            opened.window()
        assert '[{role: "read", db: "local"}]' in refused.value.hint
        root.admin.command({"grantRolesToUser": "reader", "roles": [{"role": "read", "db": "local"}]})
        assert seen(opened)


def test_a_standalone_server_has_none(tmp_path: Path) -> None:
    server = standalone(tmp_path)
    try:
        with oplog(f"mongodb://{server.address}") as opened:
            assert opened.window() is None
    finally:
        server.stop()


def test_a_server_that_does_not_answer_is_unreachable_in_time(own_stack: "Callable[..., Stack]") -> None:
    stack = own_stack(brokers=0)
    with oplog(stack.mongo_uri) as opened:
        assert seen(opened)
        with suspended(stack.mongo[0]), pytest.raises(SourceUnreachable):
            opened.window()
