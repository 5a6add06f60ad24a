"""A server is asked for the order that polling takes for MongoDB's."""

from typing import Any

import bson
import pytest
from pymongo import MongoClient

from cdc.source.marks import rank
from cdc.source.raw import fields
from tests.support.ascending import ASCENDING

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("kind", ASCENDING)
def test_values_rank_in_the_order_of_the_server(mongo: MongoClient[dict[str, Any]], database: str, kind: str) -> None:
    info = mongo[database].info
    info.insert_many({"_id": place, "f": value} for place, value in enumerate(reversed(ASCENDING[kind])))
    found = [next(fields(bson.encode({"f": doc["f"]}))) for doc in info.find({"f": {"$type": kind}}).sort("f")]
    assert [field.value for field in found] == [bson.encode({"f": value})[7:-1] for value in ASCENDING[kind]]
    assert sorted(found, key=rank) == found
