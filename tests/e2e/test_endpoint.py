"""What `/metrics`, `/healthz` and `/readyz` say of a watch."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pymongo import MongoClient
from structlog.testing import capture_logs

from cdc.ops import http
from cdc.progress import Progress
from tests.support.child import Child, cdc, running
from tests.support.endpoint import Endpoint
from tests.support.refusal import refusal
from tests.support.waiting import until

pytestmark = pytest.mark.servers

CHANGES = {"read": 2, "insert": 3, "update": 2, "replace": 1, "delete": 1}


def change(mongo: MongoClient[dict[str, Any]], database: str) -> None:
    """Make `CHANGES`, less what was read."""
    info = mongo[database].info
    info.insert_many([{"_id": 3}, {"_id": 4}, {"_id": 5}])
    info.update_many({"_id": {"$gt": 3}}, {"$set": {"n": 1}})
    info.replace_one({"_id": 1}, {"n": 2})
    info.delete_one({"_id": 2})


@pytest.fixture
def child(
    mongo: MongoClient[dict[str, Any]], servers: dict[str, str], database: str, topic: str, tmp_path: Path
) -> Any:  # noqa: ANN401 - an iterator of one child
    mongo[database].info.insert_many([{"_id": 1}, {"_id": 2}])
    args = ["watch", "--database", database, "--collection", "info", "--topic", topic, "--name", "shop"]
    args += ["--cursor-dir", str(tmp_path), "--metrics-port", "0"]
    with running(*args, env=servers, log=tmp_path / "log") as child:
        yield child


def test_the_metrics_are_what_happened(mongo: MongoClient[dict[str, Any]], database: str, child: Child) -> None:
    endpoint = Endpoint(child)
    until(lambda: endpoint.ready()["code"] == 200, what="being ready")
    change(mongo, database)
    total = sum(CHANGES.values())
    until(lambda: counted(endpoint, "cdc_records_total") >= total, what="every record")
    until(lambda: endpoint.metrics()["cdc_in_flight_records"] == 0, what="a quiet pipeline")
    metrics = endpoint.metrics()
    for operation, count in CHANGES.items():
        assert metrics[f"cdc_events_total{{operation={operation}}}"] == count
        assert metrics[f"cdc_records_total{{operation={operation}}}"] == count
    assert counted(endpoint, "cdc_events_total") == counted(endpoint, "cdc_records_total") == total
    assert 2 <= metrics["cdc_batches_total"] <= total
    assert metrics["cdc_acknowledgement_seconds_count"] == metrics["cdc_batches_total"]
    assert metrics["cdc_source_bytes_total"] > 0
    assert metrics["cdc_record_bytes_total"] > 0
    assert metrics["cdc_checkpoints_total"] >= 1
    assert metrics["cdc_in_flight_bytes"] == 0
    assert 0 <= metrics["cdc_lag_seconds"] < 60
    assert 0 <= metrics["cdc_checkpoint_age_seconds"] < 60
    assert [value for name, value in metrics.items() if name.startswith("cdc_build_info{")] == [1]
    assert not [name for name in metrics if name.startswith(("cdc_errors_total", "cdc_retries_total"))]
    assert child.stop() == 0


def counted(endpoint: Endpoint, name: str) -> float:
    return sum(value for key, value in endpoint.metrics().items() if key.startswith(f"{name}{{"))


def test_the_names_follow_the_conventions_of_prometheus(child: Child) -> None:
    code, text = Endpoint(child).get("/metrics")
    assert code == 200
    ours = [family for family in text_string_to_metric_families(text) if family.name.startswith("cdc_")]
    assert len(ours) >= 15
    for family in ours:
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", family.name)
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|kib|mib)(_|$)", family.name)
        assert not family.name.endswith(("_count", "_sum", "_bucket", "_total"))
        for sample in family.samples:
            assert sample.name.endswith("_total") is (family.type == "counter") or sample.name.endswith("_created")
            assert set(sample.labels) <= {
                "pipeline", "operation", "reason", "class", "call", "le", "version", "encoder"
            }  # fmt: skip
            assert sample.labels.get("pipeline", "shop") == "shop"


def test_health_readiness_and_nothing_else(child: Child) -> None:
    endpoint = Endpoint(child)
    code, body = endpoint.get("/healthz")
    assert (code, json.loads(body)) == (200, {"status": "alive"})
    ready = until(lambda: (told := endpoint.ready())["code"] == 200 and told, what="being ready")
    assert ready["status"] == "ready"
    assert 0 <= ready["lag_seconds"] < 60
    assert endpoint.get("/")[0] == 404
    assert endpoint.get("/readyz?verbose=1")[0] == 200


@pytest.mark.parametrize(("told", "host"), [({}, "127.0.0.1"), ({"CDC_METRICS_HOST": "127.0.0.2"}, "127.0.0.2")])
def test_it_listens_on_127_0_0_1_alone_unless_told(
    servers: dict[str, str], database: str, tmp_path: Path, told: dict[str, str], host: str
) -> None:
    args = ["watch", "--dry-run", "--database", database, "--metrics-port", "0"]
    with running(*args, env={**servers, **told}, log=tmp_path / "log") as child:
        assert Endpoint(child).get("/healthz")[0] == 200
        connections = psutil.Process(child.process.pid).net_connections("inet")
        assert [each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN] == [host]


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(cdc("watch", "--dry-run", "--metrics-port", str(port)), 2)
    assert f"--metrics-port: cannot listen on 127.0.0.1:{port}: " in said
    assert "name a free port" in said


def test_what_the_source_has_to_say_is_in_both_answers() -> None:
    progress = Progress("p", trouble=None)
    with capture_logs() as logs, http.serving(progress, "127.0.0.1", 0):
        endpoint = Endpoint(logs[0]["address"])
        assert "notice" not in endpoint.ready()
        progress.notify("deletes are not seen")
        ready = endpoint.ready()
        assert (ready["code"], ready["notice"]) == (200, "deletes are not seen")
        progress.trouble = "MongoDB cannot be reached"
        ready = endpoint.ready()
        assert (ready["code"], ready["notice"]) == (503, "deletes are not seen")
