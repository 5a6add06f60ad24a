"""What it ran on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import confluent_kafka
from pymongo import MongoClient

from cdc.local import install
from cdc.version import __version__


def machine() -> str:
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return f"{os.cpu_count()} cores of {processor}, {memory:.0f} GB, {platform.system()} {platform.release()}"


def load() -> float:
    """Processes that wanted to run in the last minute, on average."""
    return os.getloadavg()[0]


def versions(mongo: "MongoClient[dict[str, object]]") -> str:
    kinds = {
        "Python": platform.python_version(),
        "cdc": f"{__version__} from its wheel",
        "pymongo": version("pymongo"),
        "orjson": version("orjson"),
        "confluent-kafka": version("confluent-kafka"),
        "librdkafka": confluent_kafka.libversion()[0],
        "mongod": str(mongo.server_info()["version"]),
        "Apache Kafka": install.KAFKA,
    }
    return " · ".join(f"{name} {number}" for name, number in kinds.items())


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
