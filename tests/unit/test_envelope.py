"""The wire contract, as a consumer meets it."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

import cdc
from cdc import CollectionEvent, Envelope
from cdc.envelope import json_schema

VALUE: dict[str, Any] = {
    "v": 1,
    "op": "delete",
    "ns": {"db": "t", "coll": "info"},
    "key": {"_id": 1},
    "after": None,
    "before": None,
    "update": None,
    "ts": {"t": 1, "i": 2},
    "ts_ms": 1000,
    "txn": None,
    "source": {"name": "p", "version": "1", "snapshot": False, "image": "none"},
}


def test_every_key_is_required_and_stands_in_the_order_of_the_contract() -> None:
    assert list(Envelope.model_fields) == list(VALUE)
    for name in VALUE:
        with pytest.raises(ValidationError, match=name):
            Envelope.model_validate({key: value for key, value in VALUE.items() if key != name})


@pytest.mark.parametrize(
    "wrong",
    [
        {"v": 2},
        {"op": "drop"},
        {"ts_ms": "1000"},
        {"key": None},
        {"after": []},
        {"extra": 1},
        {"txn": {"id": "x", "n": 1}},
    ],
)
def test_what_is_not_the_contract_is_refused(wrong: dict[str, Any]) -> None:
    Envelope.model_validate(VALUE)
    with pytest.raises(ValidationError):
        Envelope.model_validate(VALUE | wrong)


def test_an_envelope_cannot_be_changed() -> None:
    envelope = Envelope.model_validate(VALUE)
    with pytest.raises(ValidationError, match="frozen"):
        envelope.op = "insert"  # type: ignore[misc]


def test_the_schema_tells_documents_from_collections_by_their_operation() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    mapping = schema["discriminator"]["mapping"]
    assert mapping["insert"] == "#/$defs/Envelope"
    assert mapping["drop"] == "#/$defs/CollectionEvent"
    assert schema["$defs"]["Envelope"]["required"] == list(VALUE)
    assert schema["$defs"]["CollectionEvent"]["required"] == list(CollectionEvent.model_fields)


def test_importing_the_package_costs_nothing_until_a_model_is_asked_for() -> None:
    loaded = "print('pydantic' in sys.modules)"
    program = f"import sys, cdc; {loaded}; print(cdc.__version__); cdc.Envelope; {loaded}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", cdc.__version__, "True"]


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="Envelop'"):
        cdc.Envelop  # noqa: B018 - the attribute's look-up is the test
