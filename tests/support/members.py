"""The members of a replica set."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.support.waiting import until

if TYPE_CHECKING:
    from cdc.local.mongod import Mongod


def primary(members: "Iterable[Mongod]", *, seconds: float = 60) -> "Mongod":
    """The one that is it, as soon as one is."""
    nodes = list(members)

    def found() -> "list[Mongod]":
        return [node for node in nodes if node.running and node.hello().get("isWritablePrimary")]

    return until(found, seconds=seconds, what="a primary")[0]
