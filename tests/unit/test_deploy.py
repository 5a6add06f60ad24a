"""What is in `deploy/` fits `cdc` and itself."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdc.config import load
from cdc.config.sources import SECRETS
from tests.unit.test_docs import exported

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("cdc:")]
PORT = "9464"


def variables(text: str) -> dict[str, str]:
    """The `${NAME:-DEFAULT}` of a text."""
    return dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))


def substituted(value: object) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


def environment(name: str, secrets: Path) -> dict[str, str]:
    """A service's, with its secrets in a folder."""
    inside = dict(re.findall(r"\b(CDC_\w+)=(\S+)", DOCKERFILE))
    outside = {key: substituted(value) for key, value in SERVICES[name]["environment"].items()}
    return {key: value.replace("/run/secrets", str(secrets)) for key, value in {**inside, **outside}.items()}


@pytest.mark.parametrize("name", OURS)
def test_a_service_s_settings_are_settings_and_its_secrets_are_files(tmp_path: Path, name: str) -> None:
    values = {"mongo_uri": "mongodb://u:p@mongo/", "nfsc_url": "mysql://u:p@mariadb/nfsc"}
    for secret in SERVICES[name].get("secrets", ()):
        assert COMPOSE["secrets"][secret]["file"] == f"${{SECRETS:-./secrets}}/{secret}"
        (tmp_path / secret).write_text(values.get(secret, "secret"))
    settings = load({}, environ=environment(name, tmp_path)).settings
    assert settings.metrics_port == int(PORT)
    assert str(settings.cursor_dir) in {volume.partition(":")[2] for volume in SERVICES[name]["volumes"]}
    given = {row.setting for row in load({}, environ=environment(name, tmp_path)).rows() if row.setting in SECRETS}
    assert given == SECRETS


def test_profiles_are_whole_and_nothing_is_open_to_other_machines() -> None:
    profiles = {name: set(service["profiles"]) for name, service in SERVICES.items()}
    demo = {name for name, found in profiles.items() if "demo" in found}
    assert demo == {"mongo", "kafka", "mariadb", "cdc-demo", "nfsc-demo", "prometheus", "grafana"}
    assert set(SERVICES) - demo == {"cdc", "nfsc"}
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", ())) <= demo, name
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        assert {volume.partition(":")[0] for volume in service["volumes"] if volume[0] != "."} <= set(
            COMPOSE["volumes"]
        )
        for mounted in (volume.partition(":")[0] for volume in service["volumes"] if volume[0] == "."):
            assert (DEPLOY / mounted).exists(), name


def test_prometheus_asks_every_cdc_and_the_dashboard_shows_metrics_that_there_are() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = (config["targets"] for config in job["static_configs"])
    names = {
        (*service.get("networks", {}).get("default", {}).get("aliases", []), name)[0]
        for name, service in SERVICES.items()
        if name in OURS
    }
    assert set(targets) == {f"{name}:{PORT}" for name in names}
    assert f"EXPOSE {PORT}\n" in DOCKERFILE

    board = json.loads((DEPLOY / "grafana" / "dashboards" / "cdc.json").read_text())
    shown = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"cdc_\w+", target["expr"])
    }
    assert len(shown) > 10
    assert {name.removesuffix("_bucket") for name in shown} <= exported()
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}


def test_the_example_names_what_compose_reads_with_the_same_defaults() -> None:
    example = dict(line.split("=", 1) for line in (DEPLOY / ".env.example").read_text().splitlines() if "=" in line)
    read = variables((DEPLOY / "compose.yaml").read_text())
    assert example.pop("COMPOSE_PROFILES") in {
        profile for service in SERVICES.values() for profile in service["profiles"]
    }
    assert set(example) == set(read)
    assert {name for name in read if example[name] != read[name]} == {"CDC_KAFKA__BOOTSTRAP_SERVERS"}


def test_the_unit_s_settings_are_settings(tmp_path: Path) -> None:
    lines = (DEPLOY / "cdc.service").read_text().splitlines()
    assigned = dict(
        line.removeprefix("Environment=").split("=", 1) for line in lines if line.startswith("Environment=")
    )
    (tmp_path / "mongo_uri").write_text("mongodb://u:p@mongo/\n")
    places = {"%S": "/var/lib", "%d": str(tmp_path)}
    environ = {name: re.sub("%[Sd]", lambda found: places[found[0]], value) for name, value in assigned.items()}
    settings = load({}, environ=environ).settings
    assert str(settings.cursor_dir) == "/var/lib/cdc"
    assert settings.mongo.uri
    stop = next(int(line.partition("=")[2]) for line in lines if line.startswith("TimeoutStopSec="))
    start = next(int(line.partition("=")[2]) for line in lines if line.startswith("TimeoutStartSec="))
    assert stop > settings.shutdown_timeout
    assert start > settings.startup_timeout
