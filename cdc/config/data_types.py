"""Named data types, found among the installed packages by the entry point group `cdc.data_types`."""

from typing import TYPE_CHECKING

from cdc.config.plugins import Plugins
from cdc.errors import ConfigInvalid

if TYPE_CHECKING:
    from cdc.models import DataType


def find(name: str, written: str = "data_type") -> "DataType":
    """The data type of that name; `written` is how the user named the setting. See `Plugins.find`."""
    return _PLUGINS.find(name, written)


def listed() -> tuple[list[tuple[str, "DataType", str]], ConfigInvalid | None]:
    """See `Plugins.listed`."""
    return _PLUGINS.listed()


def _accepted(found: object) -> "DataType":
    from cdc.models import DataType  # noqa: PLC0415 - few name one, and every start would wait for it

    if not isinstance(found, DataType):
        raise TypeError("is not a DataType")
    return found


_PLUGINS = Plugins("cdc.data_types", "data type", "cdc types", _accepted)
