"""Where to go on once the source no longer has the position, and how often that is worth a try."""

from dataclasses import dataclass

from cdc.errors import HistoryLost
from cdc.events import Load, Position

MOST_FRUITLESS = 2
"""In a row."""


@dataclass(frozen=True, slots=True)
class Leap:
    """From a lost position to now.

    `load` begins then, which reads everything again. Without one what was lost stays lost, and a load that is under way
    goes on.
    """

    load: Load | None = None

    @property
    def words(self) -> str:
        """For the log."""
        return f"history lost; {'going on from now' if self.load is None else 'loading everything again'}"


class Leaps:
    """Of one kind, or none at all: no third one after two that led nowhere."""

    def __init__(self, leap: Leap | None) -> None:
        self._leap = leap
        self._fruitless = 0

    def tried(self, load: Load | None, *, moved: bool) -> None:
        """An attempt ended: whether a position was saved since its start, and how far the load is by the last one.

        A leap was fruitful once the position moved on behind it; one with a load, once that was read in full.
        """
        if self._leap is None:
            return
        done = load is not None and load.ended is not None
        if moved if self._leap.load is None else done:
            self._fruitless = 0

    def after(self, lost: HistoryLost, load: Load | None) -> tuple[Position, str]:
        """Where to begin now, and how to say so; raises `lost` where no leap is to be made."""
        if self._leap is None or self._fruitless == MOST_FRUITLESS:
            raise lost
        self._fruitless += 1
        return Position(load=self._leap.load or load), self._leap.words
