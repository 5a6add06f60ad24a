"""What is in flight, and how far the acknowledgements reach without a hole."""

import time
from collections import Counter, deque
from collections.abc import Callable

from cdc.events import Operation, Position


class Slot:
    """One batch in flight. It is settled once it is sealed and every record of it is acknowledged.

    All calls come from the one thread that polls the sink, so there is no lock.
    """

    __slots__ = ("counts", "nbytes", "opened", "pending", "position", "sealed")

    def __init__(self, position: Position, nbytes: int, counts: Counter[Operation]) -> None:
        self.position = position
        self.nbytes = nbytes
        self.counts = counts
        self.pending = 0
        self.sealed = False
        self.opened = time.monotonic()

    def expect(self, records: int) -> None:
        """Wait for `records` more acknowledgements."""
        self.pending += records

    def acknowledge(self) -> None:
        self.pending -= 1

    def seal(self) -> None:
        """No more records will be expected."""
        self.sealed = True

    @property
    def settled(self) -> bool:
        return self.sealed and self.pending == 0


class Ledger:
    """The slots in flight, oldest first; `frontier` is the newest position with nothing unsettled before it (I1)."""

    def __init__(self, on_settled: Callable[[Slot], None]) -> None:
        self._slots: deque[Slot] = deque()
        self._on_settled = on_settled
        self.frontier: Position | None = None
        self.in_flight_bytes = 0

    def open(self, position: Position, nbytes: int, counts: Counter[Operation]) -> Slot:
        slot = Slot(position, nbytes, counts)
        self._slots.append(slot)
        self.in_flight_bytes += nbytes
        return slot

    def heartbeat(self, position: Position) -> Slot:
        """A position without records rides on the newest slot: a quiet stream must not fill the ledger (I8)."""
        if self._slots and self._slots[-1].sealed:
            slot = self._slots[-1]
            slot.position = position
            return slot
        slot = self.open(position, 0, Counter())
        slot.seal()
        return slot

    def settle(self) -> Position | None:
        """Retire what is settled at the head, and give the frontier."""
        while self._slots and self._slots[0].settled:
            slot = self._slots.popleft()
            self.in_flight_bytes -= slot.nbytes
            self.frontier = slot.position
            self._on_settled(slot)
        return self.frontier

    @property
    def sealed(self) -> bool:
        """Whether no batch is being sent just now."""
        return not self._slots or self._slots[-1].sealed

    @property
    def in_flight_records(self) -> int:
        return sum(slot.pending for slot in self._slots)

    def __bool__(self) -> bool:
        """Whether anything is in flight."""
        return bool(self._slots)
