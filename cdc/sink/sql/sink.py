"""Documents into tables, in one transaction with the cursor."""

from cdc.events import Pending, Records, Rejected
from cdc.models.table import Table
from cdc.sink.sql.rows import Refusal


class SqlSink:
    """Implements `pipeline.Sink`: upserts and deletes on a thread, in a transaction that the cursor store ends.

    `transaction` is shared with `cdc.cursor.sql.SqlStore(directory, name, source, transaction=…)`, whose `save`
    commits; `Parts.whole` must be set. `letters` names the table of dead letters; `create` makes missing tables.
    """

    def __init__(
        self,
        transaction: object,  # cdc.sql.transaction.Transaction(SqlSettings, name)
        table: Table,
        *,
        name: str,
        refusal: Refusal | None = None,
        letters: str | None = None,
        create: bool = False,
    ) -> None: ...

    def open(self) -> None: ...

    def produce(self, records: Records, start: int, slot: Pending) -> int: ...

    def reject(self, rejected: Rejected, slot: Pending) -> None: ...
