"""A SQL database as the target: its options, and which others make no sense beside it."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from cdc.config.misfit import MisfitError, quoted
from cdc.config.reading import Reading
from cdc.config.sql import SqlSettings

_OF_KAFKA = ("topic", "json_", "tombstones", "create_topics", "dead_letter_topic", "ddl_topic", "dry_run")
_OF_CURSORS = ("cursor_store", "cursor_collection", "cursor_uri", "cursor_topic")
_OF_SQL = ("create_tables", "dead_letter_table")


def _table(name: str) -> str:
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,62}", name):
        raise MisfitError(f"{quoted(name)} is not a table", hint="write 1 to 63 letters, digits and '_'")
    return name


class Target(Reading):
    """`sink` in place of Kafka; the position is kept there, too."""

    sink: SqlSettings = Field(
        default_factory=SqlSettings, description="A SQL database whose tables are written in place of Kafka."
    )
    create_tables: bool = Field(default=False, description="Create tables of the sink that are missing.")
    dead_letter_table: Annotated[str, AfterValidator(_table)] | None = Field(
        None, description="Table of the sink for documents that cannot become a row; made where it is missing."
    )

    @model_validator(mode="after")
    def _target_fits(self) -> Self:
        stated = self.model_fields_set
        if not self.sink.given:
            for name in _OF_SQL:
                if name in stated and getattr(self, name):
                    raise MisfitError("needs a SQL database", hint="write --sink URL", settings=(name,))
            return self
        for name in (*_OF_KAFKA, *_OF_CURSORS):
            if name in stated and getattr(self, name) not in {None, False}:
                why = "the cursor is kept in the database itself" if name in _OF_CURSORS else "a table takes no records"
                raise MisfitError(why, hint="drop one of them", settings=("sink.url", name.rstrip("_")))
        if not self.source.given and (self.full_document not in {"lookup", "required"} or self.before != "off"):
            name = "before" if self.before != "off" else "full_document"
            hint = "drop --before" if name == "before" else "write --full-document lookup"
            raise MisfitError(
                "a row is made of the document as it is after a change", hint=hint, settings=("sink.url", name)
            )
        return self
