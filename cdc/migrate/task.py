"""What a migration copies, from where to where: all that a task of a team's own has to say."""

import inspect
from typing import ClassVar

from cdc.models import DataType
from cdc.models.table import Table


class Task:
    """Found by an entry point of the group `cdc.migrations`, whose name is the task's.

    `data_type` says what the documents are, of which collection, and by its table what becomes of them. `target` is
    the database of the tables, and `database` that of the collection, where the settings name no other.
    """

    data_type: ClassVar[DataType]
    target: ClassVar[str]
    database: ClassVar[str] = "raw_data_temp"

    @property
    def summary(self) -> str:
        """What it copies: the first line of the class's docstring."""
        return inspect.cleandoc(type(self).__doc__ or type(self).__name__).partition("\n")[0]

    @property
    def table(self) -> Table:
        """Raises ValueError where the data type has none."""
        if self.data_type.table is None:
            raise ValueError(f"{type(self).__name__}: its data_type has no table")
        return self.data_type.table

    @property
    def tables(self) -> list[str]:
        """The names of all that are written, the documents' own first."""
        return [name for name, _, _ in self.table.tables]
