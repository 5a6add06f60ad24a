"""What a migration has done so far, in numbers."""

from collections import Counter
from collections.abc import Iterator, Sequence

MOST_REASONS = 200
"""Reasons that are told apart; names of a document's own may stand in them (I8)."""

OTHERS = "other reasons"


class Tally:
    """Documents as they were read or changed, rows of each of the `tables`, and what was refused for which reason."""

    def __init__(self, tables: Sequence[str]) -> None:
        self.documents = self.deletes = 0
        self.rows = dict.fromkeys(tables, 0)
        self.refused: Counter[str] = Counter()

    def refuse(self, reason: str) -> None:
        known = reason in self.refused or len(self.refused) < MOST_REASONS
        self.refused[reason if known else OTHERS] += 1

    def lines(self, verb: str) -> Iterator[str]:
        """The summary; `verb` is what was done with the rows."""
        deletes = f", {_counted(self.deletes, 'delete')}" if self.deletes else ""
        yield f"{_counted(self.documents, 'document')} read{deletes}"
        yield from _table([(name, f"{count:,}", f"row{'' if count == 1 else 's'} {verb}") for name, count in self.rows.items()])
        if self.refused:
            yield f"{_counted(self.refused.total(), 'document')} refused"
            yield from _table([("", f"{count:,}", reason) for reason, count in self.refused.most_common()])


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _table(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    first = max((len(row[0]) for row in rows), default=0)
    second = max((len(row[1]) for row in rows), default=0)
    for name, count, text in rows:
        yield f"  {name:{first}}  {count:>{second}}  {text}".rstrip()
