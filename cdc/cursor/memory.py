"""A cursor that nothing outlives: `--dry-run`."""

from cdc.events import Position


class MemoryStore:
    """Implements `pipeline.CursorStore`."""

    def __init__(self) -> None:
        self._position: Position | None = None

    def load(self) -> Position | None:
        return self._position

    def save(self, position: Position) -> None:
        self._position = position
