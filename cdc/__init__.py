"""MongoDB's changes into Kafka.

A consumer needs two lines of it: `from cdc import Envelope` and `Envelope.model_validate_json(value)`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cdc.version import __version__

if TYPE_CHECKING:
    from cdc.envelope import CollectionEvent, Envelope

__all__ = ["CollectionEvent", "Envelope", "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the protocol of a module's attributes
    if name in __all__:
        return getattr(import_module("cdc.envelope"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
