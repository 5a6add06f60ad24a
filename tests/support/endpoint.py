"""What a child's HTTP endpoint says."""

import json
import urllib.error
import urllib.request
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.child import Child
from tests.support.waiting import until


class Endpoint:
    """At an address, or of a child started with `--metrics-port 0` and a log of JSON lines."""

    def __init__(self, of: Child | str) -> None:
        self._address = of if isinstance(of, str) else _address_of(of)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self._address + path, timeout=10) as answer:  # noqa: S310 - our own child
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def ready(self) -> dict[str, Any]:
        """The body of `/readyz`, with its status code as `code`."""
        code, body = self.get("/readyz")
        ready: dict[str, Any] = json.loads(body)
        return ready | {"code": code}

    def metrics(self) -> dict[str, float]:
        """Every sample: by its name where it has no label but the pipeline's, else as `name{a=b}`."""
        samples = {}
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                labels = ",".join(f"{key}={value}" for key, value in sample.labels.items() if key != "pipeline")
                samples[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
        return samples


def _address_of(child: Child) -> str:
    address = until(lambda: _address(child.text) or not child.alive, what="an address in the log")
    assert isinstance(address, str), child.text
    return address


def _address(log: str) -> str | None:
    for line in log.splitlines():
        if '"address"' in line:
            return str(json.loads(line)["address"])
    return None
