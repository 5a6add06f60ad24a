"""Tasks: how they are found, listed and refused, and what is told of them."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cdc.cli import app
from cdc.cursor.memory import MemoryStore
from cdc.errors import ConfigInvalid
from cdc.events import Position
from cdc.migrate import tasks
from cdc.migrate.tally import MOST_REASONS, OTHERS, Counted, Tally
from cdc.sink.sql.rows import Row
from tests.support.package import install

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
NFSC = [
    "nfsc_task",
    "News and research items into NFSC.",
    "raw_data_temp.info",
    "mysql://127.0.0.1/nfsc",
    "information, information_tag, information_attachment",
    "cdc",
]

Install = Callable[[str, str, str], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package that brings a task, for this test alone."""
    monkeypatch.syspath_prepend(tmp_path)
    return lambda name, code, entry: install(tmp_path, name, code, migrations={"orders": entry})


def listed() -> list[list[str]]:
    printed = CliRunner().invoke(app, ["migrate", "--list"])
    assert printed.exit_code == 0, printed.exception
    return [re.split("  +", line) for line in printed.stdout.splitlines()]


def test_the_readmes_task_is_found_and_listed(package: Install) -> None:
    (code,) = re.findall(r'```python\n"""acme_orders.py"""\n(.*?)```', README, re.DOTALL)
    (entry,) = re.findall(r'^orders = "(.*)"$', README, re.MULTILINE)
    package("acme_orders", code, entry)
    orders = ["orders", "Orders into the warehouse.", "shop.orders", "postgresql://warehouse.example/sales"]
    assert listed() == [NFSC, [*orders, "orders, orders_line", "acme_orders"]]
    defaults = tasks.defaults("orders", tasks.find("orders"))
    assert {name: stated.value for name, stated in defaults.items()} == {
        "name": "orders",
        "mongo.database": "shop",
        "sink.url": "postgresql://warehouse.example/sales",
        "dead_letter_table": "cdc_dead_letter",
        "checkpoint_interval": 3,
    }


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import acme_missing", "cannot be loaded: ModuleNotFoundError: No module named 'acme_missing'"),
        ("Orders = 7", "is not a class of cdc.migrate.Task: {module}:Orders"),
        ("class Orders: pass", "is not a class of cdc.migrate.Task: {module}:Orders"),
        ("{task}", "has no data_type: {module}:Orders"),
        ("{task}    data_type = {data_type})", "has a data_type without a table: {module}:Orders"),
        ("{task}    data_type = {data_type}, table={table})", "has no target: {module}:Orders"),
    ],
)
def test_a_broken_task_is_named_and_harms_no_other(package: Install, code: str, says: str) -> None:
    module = f"acme_{uuid.uuid4().hex[:8]}"  # an import is remembered
    task = (
        "from cdc.migrate import Task\nfrom cdc.models import DataType, Document\n"
        "from cdc.models.table import Column, Id, Table\nclass Orders(Task):\n    '''Orders.'''\n"
    )
    data_type = 'DataType(model=Document, collection="c", topic="t", increment_field="_id"'
    table = 'Table("orders", key=(Column("id", Id(), path="_id"),), columns=())'
    package(module, code.format(task=task, data_type=data_type, table=table), f"{module}:Orders")
    expected = f"task 'orders' of the package {module} {says.format(module=module)}"
    with pytest.raises(ConfigInvalid) as refused:
        tasks.find("orders")
    assert str(refused.value) == expected
    assert refused.value.hint == f"mend or uninstall {module}"
    tried = CliRunner().invoke(app, ["migrate", "--list"])
    assert re.split("  +", tried.stdout.strip()) == NFSC
    assert str(tried.exception) == expected


@pytest.mark.parametrize(
    ("args", "says", "hint"),
    [
        (["--task", "nfsc"], "--task: unknown task 'nfsc': did you mean 'nfsc_task'?", "the tasks are nfsc_task; "),
        (["--task", "zebra"], "--task: unknown task 'zebra'", "the tasks are nfsc_task; `cdc migrate --list` tells "),
        ([], "--task is missing", "write --task NAME; `cdc migrate --list` has them"),
        (["--task", "nfsc_task", "--verify", "--follow"], "--verify and --follow: one only looks", "drop one of them"),
        (
            ["--task", "nfsc_task", "--dry-run", "--full-amount"],
            "--dry-run and --full-amount: one only looks",
            "drop one of them",
        ),
        (
            ["--task", "nfsc_task", "--verify", "--dry-run"],
            "--verify and --dry-run: one only looks",
            "drop one of them",
        ),
        (["--task", "nfsc_task", "--sink", "sqlite://x"], "--sink: does not start with mysql://", "write my"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(args: list[str], says: str, hint: str) -> None:
    refused = CliRunner().invoke(app, ["migrate", *args]).exception
    assert isinstance(refused, ConfigInvalid)
    assert str(refused).startswith(says)
    assert refused.hint.startswith(hint)


def test_rows_that_would_wait_too_long_for_their_position_are_not_written() -> None:
    refused = CliRunner().invoke(app, ["migrate", "--task", "nfsc_task"], env={"CDC_CHECKPOINT_INTERVAL": "11"})
    assert isinstance(refused.exception, ConfigInvalid)
    assert str(refused.exception).startswith("checkpoint_interval: 11 is too long: ")
    assert refused.exception.hint == "write at most 10"


def row(lines: int) -> Row:
    return Row((1,), (1, "x"), ([(1, position) for position in range(lines)],))


def test_what_was_done_is_told_in_numbers() -> None:
    tally = Tally(["orders", "orders_line"])
    for _ in range(11_998):
        tally.write(row(0))
    tally.write(row(1))
    tally.delete((1,))
    for reason in ("total: is missing, or null", "id: is a text", "id: is a text"):
        tally.refuse(reason)
    assert list(tally.lines("written")) == [
        "12,002 documents read, 1 delete",
        "  orders       11,999  rows written",
        "  orders_line       1  row written",
        "3 documents refused",
        "  2  id: is a text",
        "  1  total: is missing, or null",
    ]


def test_what_an_attempt_did_not_save_is_counted_by_the_next() -> None:
    tally = Tally(["orders", "orders_line"])
    counted = Counted(MemoryStore(), tally)
    for _ in range(2):  # two attempts, of which the second goes on where the first had saved
        counted.load()
        tally.write(row(2))
        counted.save(Position())
        tally.write(row(3))
        tally.refuse("id: is a text")
    counted.load()
    assert list(tally.lines("written")) == [
        "2 documents read",
        "  orders       2  rows written",
        "  orders_line  4  rows written",
    ]


def test_reasons_without_end_are_told_as_others() -> None:
    tally = Tally([])
    for number in range(MOST_REASONS + 50):
        tally.refuse(f"{number}: is a text")
    assert len(list(tally.lines("written"))) == MOST_REASONS + 3
    assert f"  50  {OTHERS}" in tally.lines("written")
