"""Named tasks, found among the installed packages by the entry point group `cdc.migrations`."""

from cdc.config import Stated
from cdc.config.plugins import Plugins
from cdc.errors import ConfigInvalid
from cdc.migrate.task import Task
from cdc.models import DataType

COMMIT_SECONDS = 3
"""To save a position, all that was read must be written first, and nothing is mapped meanwhile."""


def find(name: str, written: str = "--task") -> Task:
    """The task of that name; `written` is how the user named it. See `Plugins.find`."""
    return _PLUGINS.find(name, written)


def listed() -> tuple[list[tuple[str, Task, str]], ConfigInvalid | None]:
    """See `Plugins.listed`."""
    return _PLUGINS.listed()


def _accepted(found: object) -> Task:
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise TypeError("is not a class of cdc.migrate.Task")
    if not isinstance(getattr(found, "data_type", None), DataType):
        raise TypeError("has no data_type")
    if found.data_type.table is None:
        raise TypeError("has a data_type without a table")
    if not isinstance(getattr(found, "target", None), str):
        raise TypeError("has no target")
    return found()


def defaults(name: str, task: Task) -> dict[str, Stated]:
    """The settings of a task where nobody else says them."""
    said = {
        "name": name,
        "mongo.database": task.database,
        "sink.url": task.target,
        "dead_letter_table": "cdc_dead_letter",
        "checkpoint_interval": COMMIT_SECONDS,
    }
    return {setting: Stated(value, f"the {setting} of task {name}", f"task {name}") for setting, value in said.items()}


_PLUGINS = Plugins("cdc.migrations", "task", "cdc migrate --list", _accepted)
