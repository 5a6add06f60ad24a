"""`tests/e2e/RESULTS.md`: a row for each fault, of when it was last done."""

import fcntl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import machine
from tests.chaos.checks import Outcome

FILE = Path(__file__).parents[1] / "e2e" / "RESULTS.md"

TEXT = """\
# What `make chaos` broke, and what came of it

Written by the command itself, a row whenever its fault is done. {machine}.

Each run: four writers with inserts, updates, replaces, deletes, updates of several documents and transactions, and
their log of what a majority confirmed; a watcher; faults at random moments, the next one only after the saved position
has moved on behind the last; then rest, and every document and every record compared.
*Lost*: operations of the log that the topic has not. *Doubled*: records of a change beside the first, as a consumer of
what is committed sees them. *Unlike*: documents whose last record is not the collection's. *Disordered*: records of a
key that do not come in the order of their times.

| fault | times | operations | records | lost | doubled | unlike | disordered | seconds each | seen | done |
|---|---|---|---|---|---|---|---|---|---|---|
{rows}
"""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """Of a fault that is `meant` to be done so often.

    `wrong` is what went wrong, in words, and `lacking` why the fault could not be had.
    """

    name: str
    meant: int
    outcome: Outcome = field(default_factory=Outcome)
    seconds: float = 0.0
    wrong: tuple[str, ...] = ()
    lacking: str = ""
    at: datetime = field(default_factory=now)

    @property
    def line(self) -> str:
        found = self.outcome
        names = ("faults", "operations", "records", "lost", "doubled", "unlike", "disordered")
        shown = ["-" if self.lacking else f"{getattr(found, name):,}" for name in names]
        if not self.lacking and found.faults < self.meant:
            shown[0] += f" of {self.meant}"
        each = f"{self.seconds / found.faults:.0f}" if found.faults else "-"
        return f"| {' | '.join([self.name, *shown, each, self._seen, f'{self.at:%Y-%m-%d %H:%M}'])} |"

    @property
    def _seen(self) -> str:
        if self.lacking:
            return f"could not be done: {self.lacking}"
        hits = [f"{what}: {count}" for what, count in sorted(self.outcome.hits.items())]
        return "; ".join([*(f"**{wrong}**" for wrong in self.wrong), ", ".join(hits)]).strip("; ")


def keep(row: Row, order: Iterable[str]) -> None:
    """In the file, instead of what it had of that fault; several commands may do so at once."""
    with FILE.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        rows = dict(_rows(file.read())) | {row.name: row.line}
        file.truncate(0)
        file.write(TEXT.format(machine=machine.machine(), rows="\n".join(rows[name] for name in order if name in rows)))


def _rows(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.startswith("| ") and line.endswith(" |"):
            yield line.split(" | ")[0].removeprefix("| "), line
