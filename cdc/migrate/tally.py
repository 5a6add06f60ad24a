"""What a migration has done so far, in numbers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

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
        yield f"{_counted(self.documents, 'document')} read" + (
            f", {_counted(self.deletes, 'delete')}" if self.deletes else ""
        )
        name, count = max(map(len, self.rows), default=0), _width(self.rows)
        for table, rows in self.rows.items():
            yield f"  {table:{name}}  {rows:>{count},}  row{'' if rows == 1 else 's'} {verb}"
        if self.refused:
            yield f"{_counted(self.refused.total(), 'document')} refused"
            count = _width(self.refused)
            for reason, documents in self.refused.most_common():
                yield f"  {documents:>{count},}  {reason}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _width(counts: Mapping[str, int]) -> int:
    return max((len(f"{count:,}") for count in counts.values()), default=0)
