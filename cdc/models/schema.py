"""JSON Schemas of documents as records carry them: in MongoDB Extended JSON, relaxed."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


def extended(word: str, value: dict[str, Any]) -> dict[str, Any]:
    """The schema of `{"$word": value}`."""
    name = f"${word}"
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}


_TEXT = {"type": "string"}
_BINARY = extended(
    "binary",
    {
        "type": "object",
        "properties": {"base64": {"type": "string", "contentEncoding": "base64"}, "subType": _TEXT},
        "required": ["base64", "subType"],
        "additionalProperties": False,
    },
)
_DATE = extended("date", {"anyOf": [{"type": "string", "format": "date-time"}, extended("numberLong", _TEXT)]})
_NOT_FINITE = extended("numberDouble", {"enum": ["NaN", "Infinity", "-Infinity"]})


class ExtendedJson(GenerateJsonSchema):
    """Writes the types whose relaxed Extended JSON is not plain JSON."""

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:  # noqa: ARG002 - the parent's
        return _DATE

    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:  # noqa: ARG002 - the parent's
        return _BINARY

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchemaValue:  # noqa: ARG002 - the parent's
        return _BINARY

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        number = super().float_schema(schema)
        return number if schema.get("allow_inf_nan") is False else {"anyOf": [number, _NOT_FINITE]}

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:  # noqa: ARG002 - the parent's
        """Anything, where Pydantic cannot tell."""
        return {}
