"""Data types: how they are described, found, listed, and what they give to the settings."""

import json
import re
import uuid
from collections.abc import Callable
from decimal import Decimal as PythonDecimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from bson import Decimal128, ObjectId, Regex
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, InstanceOf
from typer.testing import CliRunner

from cdc import models
from cdc.cli import app
from cdc.config import find_data_type, load
from cdc.errors import ConfigInvalid
from cdc.models import DataType, Decimal, Document, Part
from cdc.models.information import INFORMATION
from tests.support.package import install

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

Install = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package, as `tests.support.package` does, for this test alone."""
    monkeypatch.syspath_prepend(tmp_path)
    return lambda name, code, **data_types: install(tmp_path, name, code, **data_types)


def data_type(model: type[BaseModel], *, increment_field: str = "at", key: str = "_id") -> DataType:
    return DataType(model=model, collection="c", topic="t", increment_field=increment_field, key=key)


class Lax(BaseModel):
    model_config = ConfigDict(strict=False)

    at: int


class Cat(Part):
    kind: Literal["cat"]


class Dog(Part):
    kind: Literal["dog"]


class Zoo(Document):
    at: int
    price: Annotated[Decimal, Field(ge=0)] = PythonDecimal(0)
    token: uuid.UUID | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    pattern: InstanceOf[Regex[str]] | None = None
    times: list[AwareDatetime] = Field(default_factory=list)
    digest: bytes | None = None
    weight: float = 0
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"increment_field": "changed"}, "increment_field 'changed' is not a field of Zoo"),
        ({"key": "id"}, "key 'id' is not a field of Zoo"),
    ],
)
def test_a_data_type_names_fields_of_its_model_as_mongodb_does(names: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        data_type(Zoo, **names)


def test_a_model_is_strict_whatever_it_says_of_itself() -> None:
    assert data_type(Lax, key="at").refusal({"at": "1"}) == "not Lax: at: should be a valid integer"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"price": Decimal128("12.50")}, None),
        ({"price": Decimal128("-1")}, "price: should be greater than or equal to 0"),
        ({"price": Decimal128("NaN")}, "price: should be a finite number"),
        ({"price": 12.5}, "price: should be an instance of Decimal"),
        ({"price": "12.5"}, "price: should be an instance of Decimal"),
        ({"token": uuid.UUID(int=7)}, None),
        ({"token": str(uuid.UUID(int=7))}, "token: should be an instance of UUID"),
        ({"counts": {"a.b": 1, "c": "2"}}, "counts.c: should be a valid integer"),
        ({"pattern": Regex("^a")}, None),
        ({"pattern": "^a"}, "pattern: should be an instance of Regex"),
        ({"pet": {"kind": "dog"}}, None),
        ({"pet": {"kind": "dog", "name": "x"}}, "pet.name: Extra inputs are not permitted"),
        ({"pet": {"kind": "SECRET"}}, "pet: its kind is none of 'cat', 'dog'"),
        ({"n" * 500: 1}, f"{'n' * 200}…: Extra inputs are not permitted"),
    ],
)
def test_a_reason_has_the_path_in_the_document(fields: dict[str, Any], reason: str | None) -> None:
    expected = None if reason is None else f"not Zoo: {reason}"
    assert data_type(Zoo).refusal({"_id": ObjectId(), "at": 1, **fields}) == expected


def test_the_schema_is_of_the_json_in_a_record() -> None:
    found = data_type(Zoo).json_schema()
    names = {
        name: re.findall(r'"required": \["(\$\w+)"\]', json.dumps(part)) for name, part in found["properties"].items()
    }
    assert {name: words for name, words in names.items() if words} == {
        "price": ["$numberDecimal"],
        "token": ["$binary"],
        "times": ["$numberLong", "$date"],
        "digest": ["$binary"],
        "weight": ["$numberDouble"],
    }
    assert found["required"] == ["_id", "at"]
    assert found["additionalProperties"] is False


def test_the_schema_of_information_is_printed() -> None:
    printed = CliRunner().invoke(app, ["schema", "--data-type", "information"])
    found = json.loads(printed.stdout)
    assert found == INFORMATION.json_schema()
    assert "$oid" in json.dumps(found["properties"]["_id"])
    assert "$date" in json.dumps(found["properties"]["update_time"])


def test_the_readmes_package_is_found_listed_and_used(package: Install) -> None:
    (code,) = re.findall(r'```python\n"""acme_quotes.py"""\n(.*?)```', README, re.DOTALL)
    (entry,) = re.findall(r'^quote = "(.*)"$', README, re.MULTILINE)
    package("acme_quotes", code, quote=entry)
    listed = CliRunner().invoke(app, ["types"])
    assert listed.exit_code == 0
    assert [line.split("  ") for line in re.sub("  +", "  ", listed.stdout).splitlines()] == [
        ["information", "A news or research item.", "info", "information", "update_time", "_id", "cdc"],
        ["quote", "A price as a market made it.", "quotes", "quotes", "update_time", "_id", "acme_quotes"],
    ]
    quote = find_data_type("quote")
    assert quote.refusal({"price": 1.5}) == (
        "not Quote: _id: Field required; instrument: Field required; "
        "price: should be an instance of Decimal; update_time: Field required"
    )


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import acme_missing", "cannot be loaded: ModuleNotFoundError: No module named 'acme_missing'"),
        ("raise RuntimeError('first\\nsecond')", "cannot be loaded: RuntimeError: first second"),
        ("QUOTE = 7", "is not a DataType: {module}:QUOTE"),
        ("", "cannot be loaded: AttributeError: module '{module}' has no attribute 'QUOTE'"),
        ("def (", "cannot be loaded: SyntaxError: invalid syntax ({module}.py, line 1)"),
    ],
)
def test_a_broken_package_is_named_and_harms_no_other(package: Install, code: str, says: str) -> None:
    module = f"acme_{uuid.uuid4().hex[:8]}"  # an import is remembered
    package(module, code, quote=f"{module}:QUOTE")
    expected = f"data type 'quote' of the package {module} {says.format(module=module)}"
    with pytest.raises(ConfigInvalid) as refused:
        find_data_type("quote")
    assert str(refused.value) == expected
    assert refused.value.hint == f"mend or uninstall {module}"
    assert find_data_type("information") is INFORMATION
    listed = CliRunner().invoke(app, ["types"])
    assert listed.stdout.startswith("information  ")
    assert str(listed.exception) == expected


def test_a_name_that_two_packages_claim(package: Install) -> None:
    package("acme_news", "", information="acme_news:NEWS")
    with pytest.raises(ConfigInvalid, match=r"^--data-type: 'information' comes from the packages acme_news and cdc$"):
        find_data_type("information", "--data-type")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["watch", "--data-type", "informaton"], "--data-type: unknown data type 'informaton': did you mean 'informa"),
        (["watch", "--data_type", "zebra"], "--data-type: unknown data type 'zebra'"),
        (["watch", "--data-type", ""], "--data-type: unknown data type ''"),
        (["schema", "--data-type", "zebra"], "--data-type: unknown data type 'zebra'"),
    ],
)
def test_an_unknown_data_type_comes_with_those_there_are(args: list[str], says: str) -> None:
    refused = CliRunner().invoke(app, args).exception
    assert isinstance(refused, ConfigInvalid)
    assert str(refused).startswith(says)
    assert refused.hint == "the data types are information; `cdc types` tells what each is"


def test_a_data_type_gives_what_nobody_else_says(tmp_path: Path) -> None:
    path = tmp_path / "cdc.yaml"
    path.write_text("topic: from-file\n")
    loaded = load({}, environ={"CDC_DATA_TYPE": "information"})
    assert (loaded.settings.collection, loaded.settings.topic) == (("info",), "information")
    assert loaded.settings.pipeline_name == "raw_data_temp.info-information"
    assert loaded.origin["topic"] == loaded.origin["collection"] == "data type information"
    loaded = load({"collection": ["other"], "data_type": "information"}, config=path, environ={})
    assert (loaded.settings.collection, loaded.settings.topic) == (("other",), "from-file")
    assert loaded.origin["topic"] == f"file {path}"


def test_a_topic_that_is_taken_is_told_from_whom() -> None:
    with pytest.raises(
        ConfigInvalid, match=r"^the topic of data type information and --ddl-topic: name the same topic"
    ):
        load({"data_type": "information", "ddl_topic": "information"}, environ={})


def test_what_a_package_builds_on_is_there() -> None:
    assert {name for name in models.__all__ if not hasattr(models, name)} == set()
