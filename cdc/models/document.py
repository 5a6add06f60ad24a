"""What models of MongoDB documents are made of.

A model sees a document as MongoDB's driver decodes it: dates are aware and in UTC, arrays are lists, integers of either
width are `int`, UUIDs are `uuid.UUID`, and the types below are what only BSON has.
"""

import decimal
from typing import Annotated, Any

import bson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, WithJsonSchema

from cdc.models.schema import extended


def _decimal(value: object) -> object:
    return value.to_decimal() if isinstance(value, bson.Decimal128) else value


ObjectId = Annotated[
    InstanceOf[bson.ObjectId], WithJsonSchema(extended("oid", {"type": "string", "pattern": "^[0-9a-f]{24}$"}))
]
"""An ObjectId; its text is not one."""

Decimal = Annotated[
    decimal.Decimal, BeforeValidator(_decimal), WithJsonSchema(extended("numberDecimal", {"type": "string"}))
]
"""A Decimal128, to the model a finite `decimal.Decimal` of the same digits."""


class Part(BaseModel):
    """A document inside another: strict, without fields that are not named."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Document(Part):
    """A document of a collection; a model says more of `id`, which is `_id`, where its type matters."""

    id: Any = Field(alias="_id")
