"""What a command waits for before it says its first word: the imports that only a run needs are not among it."""

import json
import subprocess
import sys

import pytest

from tests.support.child import environment

DRIVERS = {"bson", "confluent_kafka", "orjson", "prometheus_client", "pymongo", "structlog", "yaml"}
ROOMS = {"cdc.app", "cdc.config", "cdc.encode", "cdc.local", "cdc.models", "cdc.ops", "cdc.sink", "cdc.source"}
SQL = {"sqlalchemy", "pymysql", "psycopg", "cdc.sql", "cdc.sink.sql"}
TOLD = """
import atexit, json, sys
from cdc.cli import main
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
main()
"""


def imported(*args: str) -> set[str]:
    """The modules that a command has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD, *args], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["watch", "--help"], ["local", "--help"]])
def test_help_needs_no_driver(args: list[str]) -> None:
    assert imported(*args) & (DRIVERS | ROOMS) == set()


def test_the_first_help_needs_no_models() -> None:
    assert "pydantic" not in imported("--help")


def test_a_run_without_file_and_data_type_reads_neither() -> None:
    modules = imported("watch", "--topic", "not a topic")
    assert "cdc.config" in modules
    assert modules & {"yaml", "cdc.models", "confluent_kafka"} == set()


def test_a_run_without_a_sql_database_waits_for_none_of_its_drivers() -> None:
    told = "import json, sys, cdc.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", told], env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    modules = set(json.loads(done.stdout))
    assert "cdc.pipeline" in modules
    assert modules & (SQL | {"cdc.models"}) == set()
