"""What a name such as `information` stands for."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cdc.models.schema import ExtendedJson
from cdc.models.table import Table

_MOST = 5
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DataType:
    """A model, the collection of its documents, and the default topic of their records.

    `increment_field` grows with every write to a document, `key` tells documents apart; both as MongoDB spells them.
    `table` says how the documents lie in SQL, where they are to.
    Found by an entry point of the group `cdc.data_types`, whose name is the data type's.

    Raises:
        ValueError: the model has no such field.
    """

    model: type[BaseModel]
    collection: str
    topic: str
    increment_field: str
    key: str = "_id"
    table: Table | None = None

    def __post_init__(self) -> None:
        fields = {field.alias or name for name, field in self.model.model_fields.items()}
        for role, name in (("key", self.key), ("increment_field", self.increment_field)):
            if name not in fields:
                raise ValueError(f"{role} {name!r} is not a field of {self.model.__name__}")

    @property
    def summary(self) -> str:
        """What its documents are: the first line of the model's docstring."""
        return (inspect.getdoc(self.model) or self.model.__name__).partition("\n")[0]

    def refusal(self, document: Mapping[str, Any]) -> str | None:
        """Why the document does not fit, by the paths of its fields and without their values; None where it fits.

        Strict, whatever the model says of itself. What a model's own validators raise is passed on as it is.
        """
        try:
            self.model.model_validate(document, strict=True)
        except ValidationError as error:
            reasons = [_reason(each, document) for each in error.errors(include_url=False)[:_MOST]]
            more = error.error_count() - len(reasons)
            return f"not {self.model.__name__}: {'; '.join(reasons)}" + (f"; and {more} more" if more else "")
        return None

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of a document as records carry it, in Extended JSON."""
        schema = self.model.model_json_schema(schema_generator=ExtendedJson)
        return {"$schema": ExtendedJson.schema_dialect, **schema}


def _reason(error: ErrorDetails, document: Mapping[str, Any]) -> str:
    if error["type"] == "union_tag_invalid":  # the one message that repeats a value
        said = f"its kind is none of {error['ctx']['expected_tags']}"
    else:
        said = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ").removeprefix("Input ")
    path = _path(error["loc"], document, absent=error["type"] == "missing")
    return f"{path}: {said}" if path else said


def _path(place: Sequence[int | str], document: object, *, absent: bool) -> str:
    """The path within the document; Pydantic's place also names branches of the model, which are left out."""
    path = []
    for depth, part in enumerate(place, 1):
        match document:
            case Mapping() if part in document:
                document = document[part]
            case list() if isinstance(part, int):
                document = document[part]
            case _ if not (absent and depth == len(place)):
                continue
        path.append(str(part))
    text = ".".join(path)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
