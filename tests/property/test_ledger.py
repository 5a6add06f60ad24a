from collections import Counter

from bson.timestamp import Timestamp
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from cdc.events import Operation, Position
from cdc.ledger import Ledger, Slot


def position(number: int) -> Position:
    return Position(time=Timestamp(number, 0))


class LedgerMachine(RuleBasedStateMachine):
    """Slots opened in order, acknowledged in any: the frontier is the last before the first that is not settled."""

    unsealed = Bundle("unsealed")
    waiting = Bundle("waiting")

    def __init__(self) -> None:
        super().__init__()
        self.retired: list[Slot] = []
        self.ledger = Ledger(self.retired.append)
        self.opened: list[Slot] = []
        self.positions: list[Position] = []

    @rule(target=unsealed, nbytes=st.integers(0, 1000))
    def open(self, nbytes: int) -> Slot:
        slot = self.ledger.open(position(len(self.opened)), nbytes, Counter({Operation.INSERT: 1}))
        self.opened.append(slot)
        self.positions.append(slot.position)
        return slot

    @rule()
    def heartbeat(self) -> None:
        """Rides on the newest slot, or stands alone where that is not sealed or nothing is in flight."""
        newest = self.opened[-1] if self.opened and self.opened[-1] not in self.retired else None
        slot = self.ledger.heartbeat(position(len(self.opened)))
        if newest is not None and newest.sealed:
            assert slot is newest
            self.positions[-1] = slot.position
        else:
            self.opened.append(slot)
            self.positions.append(slot.position)

    @rule(target=waiting, slot=unsealed, records=st.integers(0, 3))
    def expect(self, slot: Slot, records: int) -> object:
        if slot.sealed:
            return multiple()
        slot.expect(records)
        return multiple(*[slot] * records)

    @rule(slot=consumes(unsealed))
    def seal(self, slot: Slot) -> None:
        slot.seal()

    @rule(slot=consumes(waiting))
    def acknowledge(self, slot: Slot) -> None:
        slot.acknowledge()

    @invariant()
    def frontier_has_no_hole(self) -> None:
        settled = 0
        while settled < len(self.opened) and self.opened[settled].sealed and self.opened[settled].pending == 0:
            settled += 1
        assert self.ledger.settle() == (self.positions[settled - 1] if settled else None)
        assert self.retired == self.opened[:settled]
        assert bool(self.ledger) == (settled < len(self.opened))
        assert self.ledger.in_flight_bytes == sum(slot.nbytes for slot in self.opened[settled:])
        assert self.ledger.in_flight_records == sum(slot.pending for slot in self.opened[settled:])


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
