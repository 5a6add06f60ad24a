"""A MongoDB that asks who is there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymongo import MongoClient

if TYPE_CHECKING:
    from cdc.local.stack import Stack


def secured(own_stack: "Callable[..., Stack]", folder: Path, password: str) -> "Stack":
    """Starts one with the user `root`."""
    key = folder / "key"
    key.write_text("c2VjcmV0LW9mLXRoZS1tZW1iZXJz")
    key.chmod(0o600)
    stack = own_stack(brokers=0, mongo_settings={"security.authorization": "enabled", "security.keyFile": str(key)})
    with MongoClient[dict[str, Any]](stack.mongo_uri) as client:  # the first user may be made without being one
        client.admin.command({"createUser": "root", "pwd": password, "roles": ["root"]})
    return stack
