"""The README names every command, option, setting, metric, exit code and invariant that there is, and no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel

from cdc import metrics
from cdc.cli import app
from cdc.config import SETTINGS, env_name, load
from cdc.config.sources import SECRETS
from cdc.cursor.cursor import Cursor
from cdc.encode.dead_letter import letter
from cdc.envelope import CollectionEvent, Envelope, Source
from cdc.errors import ExitCode
from cdc.events import Namespace, Rejected

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
JSON_BLOCKS = re.findall(r"```json\n(.*?)```", README, re.DOTALL)


def cells(line: str) -> list[str]:
    """A table row's cells."""
    return [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]


CELLS = [cells(line) for line in README.splitlines() if line.startswith("|")]
GROUPS = r"(?:mongo|kafka|source(?!\.image)|sink)\.\w+"  # the envelope has a `source.image`
GROUPED = [
    (name, row[1])
    for row in CELLS
    if re.fullmatch(rf"`{GROUPS}`(, `{GROUPS}`)*", row[0])
    for name in re.findall(GROUPS, row[0])
]
"""The settings in groups, and their defaults."""
NAMES = {name for row in CELLS for cell in row for name in re.findall(r"`([^`]+)`", cell)}


def commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - Typer keeps Click's classes to itself
    """Every command that does something, by what a user types."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def options(command: Any) -> set[str]:  # noqa: ANN401 - as above
    params = [param for param in command.params if param.param_type_name == "option"]
    return {option for param in params for option in (*param.opts, *param.secondary_opts)}


COMMANDS = dict(commands(typer.main.get_command(app), "cdc"))
OPTIONS = {path: options(command) for path, command in COMMANDS.items()}


def exported() -> set[str]:
    """The names of the project's metrics as Prometheus knows them."""
    collectors = [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]
    families = [family for collector in collectors for family in collector.describe()]
    return {f"{family.name}_total" if family.type == "counter" else family.name for family in families}


def rows(header: str) -> list[list[str]]:
    """The rows of the one table whose header begins so."""
    lines = README.splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith(header)]
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append(cells(line))
    return table


def first_names(header: str) -> list[str]:
    return [name for row in rows(header) for name in re.findall(r"`([^`]+)`", row[0])]


def shown(value: object) -> str:
    """A default as the README writes it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def test_every_command_is_documented_and_no_other() -> None:
    assert sorted(first_names("| command |")) == sorted(COMMANDS)


def test_every_command_that_is_typed_exists() -> None:
    typed = re.findall(r"(?:^\$ |`)(cdc [a-z]+(?: [a-z]+)?)", README, re.MULTILINE)
    known = {" ".join(path.split()[:words]) for path in COMMANDS for words in (2, 3)}
    assert typed
    assert {command for command in typed if command not in known} == set()


def test_every_option_of_watch_has_its_row_and_no_other() -> None:
    assert sorted(first_names("| flag |")) == sorted(OPTIONS["cdc watch"] - {"--help", "-h"})


def test_every_option_that_is_named_exists() -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]*", README))
    assert named - set().union(*OPTIONS.values()) == set()
    assert set().union(*OPTIONS.values()) - named - {"-h", "-y", "--help"} == set()


def test_a_row_of_watch_names_one_setting_in_its_three_forms() -> None:
    for flag, variable, key, *_ in rows("| flag |"):
        name = key.strip("`")
        if flag == "`--config`":
            assert (variable, key) == ("`CDC_CONFIG`", "")
        else:
            assert name in SETTINGS
            assert variable == f"`{env_name(name)}`"


def test_every_setting_has_its_row() -> None:
    watch = {row[2].strip("`") for row in rows("| flag |")}
    groups = [name for name, _ in GROUPED]
    assert sorted(groups) == sorted(name for name in SETTINGS if "." in name)
    assert {name for name in SETTINGS if "." not in name} <= watch


@pytest.mark.parametrize(
    ("name", "default"),
    [(row[2].strip("`"), row[3]) for row in rows("| flag |") if row[2]] + GROUPED,
)
def test_a_default_is_what_is_in_force(name: str, default: str) -> None:
    value = next(row.value for row in load({}, environ={}).rows() if row.setting == name)
    if value in (None, [], {}) or name == "cursor_dir":
        assert not re.fullmatch(r"`[^`]*`", default), f"{name} has no default of its own"
    else:
        assert default == shown(value)


def test_every_variable_and_dotted_setting_that_is_named_exists() -> None:
    variables = set(re.findall(r"\bCDC_[A-Z_]+", README))
    known = {env_name(name) for name in SETTINGS} | {f"{env_name(name)}_FILE" for name in SECRETS}
    assert variables - known - {"CDC_", "CDC_CONFIG"} == set()
    assert {name for name in re.findall(rf"`({GROUPS})`", README) if name not in SETTINGS} == set()


def test_every_secret_has_the_variable_of_its_file() -> None:
    table = [re.findall(r"`([^`]+)`", "".join(row)) for row in rows("| variable |")]
    pairs = [pair for names in table for pair in zip(names[: len(names) // 2], names[len(names) // 2 :], strict=True)]
    assert sorted(pairs) == sorted((f"{env_name(name)}_FILE", name) for name in SECRETS)


def test_every_metric_is_documented_and_no_other() -> None:
    assert sorted(first_names("| metric |")) == sorted(exported())


def test_every_exit_code_is_documented_and_no_other() -> None:
    assert [int(row[0]) for row in rows("| exit code |")] == [code.value for code in ExitCode]


def test_every_invariant_that_the_code_cites_is_stated() -> None:
    stated = re.findall(r"^- \*\*(I\d)\*\*", README, re.MULTILINE)
    cited = {name for path in (ROOT / "cdc").rglob("*.py") for name in re.findall(r"\bI\d\b", path.read_text())}
    assert cited
    assert stated == [f"I{number}" for number in range(1, 9)]
    assert cited <= set(stated)


def test_every_key_of_the_envelope_and_every_kind_of_image_is_documented() -> None:
    assert first_names("| key |") == list(Envelope.model_fields)
    assert tuple(first_names("| `source.image` |")) == get_args(Source.model_fields["image"].annotation)
    assert set(get_args(Envelope.model_fields["op"].annotation)) <= NAMES


@pytest.mark.parametrize("model", [Envelope, CollectionEvent, Cursor])
def test_the_record_shown_is_one(model: type[BaseModel]) -> None:
    (text,) = [block for block in JSON_BLOCKS if json.loads(block).keys() == model.model_fields.keys()]
    model.model_validate_json(text)


def test_the_dead_letter_shown_is_one() -> None:
    _, made = letter(Rejected(Namespace("db", "coll"), "insert", b'{"_id":1}', "82", "too large"))
    assert [list(json.loads(made))] == [list(block) for block in map(json.loads, JSON_BLOCKS) if "reason" in block]


def test_every_path_that_is_named_exists() -> None:
    paths = re.findall(r"`((?:cdc|tests|deploy)/[\w./-]*\w/?)`", README)
    assert "cdc/pipeline.py" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_module_stands_in_the_map_of_rooms() -> None:
    rooms = set(first_names("| room |"))
    owned = {f"cdc/{path.name}/" if path.is_dir() else f"cdc/{path.name}" for path in (ROOT / "cdc").glob("[!_]*")}
    assert owned - rooms == {"cdc/py.typed", "cdc/version.py"}
    assert rooms <= owned
