"""The loop, where what fails cannot be made to fail at that instant with real servers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest
from bson.timestamp import Timestamp

from cdc import backoff, pipeline
from cdc.attempts import run
from cdc.errors import CdcError, HistoryLost, SinkUnreachable, SourceUnreachable, StoreUnreachable
from cdc.events import (
    BEHIND_SECONDS,
    DONE,
    Batch,
    Chunk,
    Load,
    Namespace,
    Operation,
    Pending,
    Position,
    Records,
    Rejected,
)
from cdc.leaps import Leap
from cdc.pipeline import Bounds, Parts
from cdc.progress import Progress

BOUNDS = Bounds(
    prefetch_bytes=1 << 20, in_flight_bytes=1 << 20, checkpoint_interval=0, startup_timeout=0, shutdown_timeout=0.1
)
PATIENT = replace(BOUNDS, startup_timeout=30)


def at(second: int, load: Load | None = None) -> Position:
    return Position({"_data": f"82{second:08X}00000000"}, Timestamp(second, 0), load)


def records(count: int) -> Records:
    names = [Namespace("d", "c")] * count
    return Records(names, [Operation.INSERT] * count, [b"k"] * count, [b"v"] * count, [0] * count, [""] * count)


class Store:
    def __init__(self, saved: Position | None = None) -> None:
        self.saved = saved
        self.all: list[Position] = []
        self.failing = False

    def load(self) -> Position | None:
        return self.saved

    def save(self, position: Position) -> None:
        if self.failing:
            raise StoreUnreachable("the disk is full", hint="make room")
        self.saved = position
        self.all.append(position)


class Source:
    """Replays batches, then waits until it is closed."""

    def __init__(self, batches: Callable[[Position], Iterator[Batch]]) -> None:
        self._batches = batches
        self._closed = threading.Event()

    def read(self, start: Position) -> Iterator[Batch]:
        yield from self._batches(start)
        self._closed.wait(10)

    def close(self) -> None:
        self._closed.set()


class Sink:
    """Acknowledges at once, or never; tells of the first record."""

    def __init__(
        self, *, answers: bool = True, opens: bool = True, produced: Callable[[], None] = lambda: None
    ) -> None:
        self.answers, self.opens, self.produced = answers, opens, produced
        self.hurried = threading.Event()

    def open(self) -> None:
        if not self.opens:
            raise SinkUnreachable("no broker", hint="start one")

    def produce(self, records: Records, start: int, slot: Pending) -> int:
        slot.expect(len(records) - start)
        for _ in range(start, len(records) if self.answers else 0):
            slot.acknowledge()
        self.produced()
        return len(records)

    def reject(self, rejected: Rejected, slot: Pending) -> None:
        raise AssertionError(rejected, slot)

    def poll(self, seconds: float) -> None:
        pass

    def flush(self, seconds: float) -> None:
        pass

    def hurry(self) -> None:
        self.hurried.set()

    def missing(self) -> str | None:
        return None

    def close(self) -> None:
        pass


class Narrow(Sink):
    """Takes one record at a time, and so many in all."""

    def __init__(self, most: int, produced: Callable[[], None]) -> None:
        super().__init__(produced=produced)
        self._left = most

    def produce(self, records: Records, start: int, slot: Pending) -> int:
        del records
        self.produced()
        if not self._left:
            return start
        self._left -= 1
        slot.expect(1)
        slot.acknowledge()
        return start + 1


def parts(
    store: Store, batches: Callable[[Position], Iterator[Batch]], sink: Sink, *, leap: Leap | None = None
) -> Parts:
    return Parts(
        name="p",
        source=lambda: Source(batches),
        encode=lambda batch: records(len(batch.raw)),
        sink=lambda: sink,
        store=store,
        first=Position(),
        bounds=BOUNDS,
        once=True,
        leap=leap,
    )


def some(start: Position) -> Iterator[Batch]:
    del start
    yield Batch(b"", at(1), server_time=Timestamp(2, 0))
    yield Batch(b"xx", at(2), server_time=Timestamp(2, 0))
    yield Batch(b"", at(2), server_time=Timestamp(2, 0))


def test_it_ends_when_caught_up_with_all_saved() -> None:
    store = Store()
    run(parts(store, some, Sink()), Progress("p"), threading.Event())
    assert store.all == [at(1), at(2)]


def test_a_time_that_is_not_over_is_not_caught_up_with() -> None:
    def transaction(start: Position) -> Iterator[Batch]:
        del start
        yield Batch(b"", at(1), server_time=Timestamp(2, 0))
        yield Batch(b"x", at(2), server_time=Timestamp(2, 0))
        yield Batch(b"xxx", at(2), server_time=Timestamp(2, 0))
        yield Batch(b"", at(2), server_time=Timestamp(2, 0))

    progress = Progress("p")
    run(parts(Store(), transaction, Sink()), progress, threading.Event())
    assert progress.records == 4


def test_what_nothing_follows_yet_is_sent_without_waiting_for_company() -> None:
    sink = Sink()

    def slowly(start: Position) -> Iterator[Batch]:
        heartbeat, changes, caught_up = some(start)
        yield heartbeat
        yield changes
        assert sink.hurried.wait(10)
        yield caught_up

    run(parts(Store(), slowly, sink), Progress("p"), threading.Event())
    assert sink.hurried.is_set()


def test_a_backlog_waits_for_company() -> None:
    produced, passed_on = threading.Event(), threading.Event()

    class Watched(Sink):
        def poll(self, seconds: float) -> None:
            del seconds
            if produced.is_set():
                passed_on.set()

    sink = Watched(produced=produced.set)

    def behind(start: Position) -> Iterator[Batch]:
        heartbeat, changes, caught_up = some(start)
        yield heartbeat
        yield replace(changes, server_time=Timestamp(2 + BEHIND_SECONDS, 0))
        assert passed_on.wait(10)
        yield caught_up

    run(parts(Store(), behind, sink), Progress("p"), threading.Event())
    assert passed_on.is_set()
    assert not sink.hurried.is_set()


def test_what_a_position_makes_visible_waits_for_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "IDLE_WAIT", 20)
    store, stop = Store(), threading.Event()
    saved, in_time = threading.Event(), threading.Event()

    def once(start: Position) -> Iterator[Batch]:
        yield from list(some(start))[:2]
        if saved.wait(10):
            in_time.set()
        stop.set()
        yield Batch(b"", at(2))

    def save(position: Position) -> None:
        Store.save(store, position)
        if position == at(2):
            saved.set()

    monkeypatch.setattr(store, "save", save)
    whole = replace(parts(store, once, Sink()), once=False, whole=True, bounds=replace(BOUNDS, checkpoint_interval=0.2))
    run(whole, Progress("p"), stop)
    assert in_time.is_set()
    assert store.all == [at(1), at(2)]


def test_what_comes_with_a_position_that_was_saved_is_made_visible_too(monkeypatch: pytest.MonkeyPatch) -> None:
    store, saved = Store(), threading.Event()

    def several(start: Position) -> Iterator[Batch]:
        heartbeat, changes, caught_up = some(start)
        yield heartbeat
        yield changes
        assert saved.wait(10)
        yield changes
        yield caught_up

    def save(position: Position, kept: Callable[[Position], None] = store.save) -> None:
        kept(position)
        if position == at(2):
            saved.set()

    monkeypatch.setattr(store, "save", save)
    made = replace(parts(store, several, Sink()), whole=True, bounds=replace(BOUNDS, checkpoint_interval=0.01))
    run(made, Progress("p"), threading.Event())
    assert store.all == [at(1), at(2), at(2)]


def test_the_position_taken_is_saved_before_the_sink_is_reached() -> None:
    store = Store()
    with pytest.raises(SinkUnreachable):
        run(parts(store, some, Sink(opens=False)), Progress("p"), threading.Event())
    assert store.all == [at(1)]


@pytest.mark.parametrize("opens", [True, False])
def test_an_attempt_stands_once_the_sink_is_reached(*, opens: bool) -> None:
    progress = Progress("p")
    with nullcontext() if opens else pytest.raises(SinkUnreachable):
        run(parts(Store(), some, Sink(opens=opens)), progress, threading.Event())
    assert progress.stood.is_set() is opens


def test_no_position_is_saved_past_a_record_that_is_not_acknowledged() -> None:
    store, stop = Store(), threading.Event()
    sink = Sink(answers=False, produced=stop.set)
    with pytest.raises(SinkUnreachable, match="2 records unacknowledged"):
        run(parts(store, some, sink), Progress("p"), stop)
    assert store.all == [at(1)]


@pytest.mark.parametrize(("whole", "saved"), [(True, [at(1), at(2)]), (False, [at(1)])])
def test_what_is_undone_without_its_position_is_sent_to_the_end_of_the_batch(
    *, whole: bool, saved: list[Position]
) -> None:
    store, stop = Store(), threading.Event()
    made = replace(parts(store, some, Narrow(2, produced=stop.set)), whole=whole)
    run(made, Progress("p"), stop)
    assert store.all == saved


def test_but_not_for_longer_than_a_stop_may_take() -> None:
    store, stop = Store(), threading.Event()
    made = replace(parts(store, some, Narrow(1, produced=stop.set)), whole=True)
    with pytest.raises(SinkUnreachable, match="ended amid a batch"):
        run(made, Progress("p"), stop)
    assert store.all == [at(1)]


def test_a_last_checkpoint_that_fails_is_no_success() -> None:
    store, stop = Store(at(1)), threading.Event()

    def produced() -> None:
        store.failing = True
        stop.set()

    with pytest.raises(StoreUnreachable):
        run(parts(store, some, Sink(produced=produced)), Progress("p"), stop)


def test_a_store_that_cannot_save_counts_as_not_started() -> None:
    store = Store()
    store.failing = True
    with pytest.raises(StoreUnreachable):
        run(parts(store, some, Sink()), Progress("p"), threading.Event())


def test_the_position_that_it_began_at_is_none_that_was_saved() -> None:
    store = Store(at(1))
    store.failing = True

    def quiet_first(start: Position) -> Iterator[Batch]:
        yield Batch(b"", start, server_time=Timestamp(2, 0))
        yield from some(start)

    with pytest.raises(StoreUnreachable):
        run(replace(parts(store, quiet_first, Sink()), once=False), Progress("p"), threading.Event())


@pytest.mark.parametrize("load", [None, Load(), Load(chunks=(Chunk("c"),), documents=5)])
def test_a_leap_over_lost_history_keeps_what_has_yet_to_be_loaded(load: Load | None) -> None:
    begun: list[Position] = []

    def lost_at_first(start: Position) -> Iterator[Batch]:
        begun.append(start)
        if start.token is not None:
            raise HistoryLost("gone", hint="leap")
        yield from some(start)

    run(parts(Store(at(0, load)), lost_at_first, Sink(), leap=Leap()), Progress("p"), threading.Event())
    assert begun == [at(0, load), Position(load=load)]


def test_a_fruitless_second_leap_stops() -> None:
    def always_lost(start: Position) -> Iterator[Batch]:
        del start
        raise HistoryLost("gone", hint="leap")
        yield

    with pytest.raises(HistoryLost):
        run(parts(Store(at(0)), always_lost, Sink(), leap=Leap()), Progress("p"), threading.Event())


@pytest.mark.parametrize("load", [None, Load(chunks=(Chunk("c"),), documents=5), Load(ended=DONE), Load("asked")])
def test_a_lost_history_is_made_up_for_by_a_load_of_everything(load: Load | None) -> None:
    begun: list[Position] = []
    again = Load(where="{}")

    def lost_at_first(start: Position) -> Iterator[Batch]:
        begun.append(start)
        if start.token is not None:
            raise HistoryLost("gone", hint="leap")
        yield Batch(b"", at(1, again), server_time=Timestamp(2, 0))
        yield Batch(b"xx", at(2, again.end(DONE)), server_time=Timestamp(2, 0))
        yield Batch(b"", at(2, again.end(DONE)), server_time=Timestamp(2, 0))

    store = Store(at(0, load))
    run(parts(store, lost_at_first, Sink(), leap=Leap(again)), Progress("p"), threading.Event())
    assert begun == [at(0, load), Position(load=again)]
    assert store.all == [at(1, again), at(2, again.end(DONE))]


@pytest.mark.parametrize("interrupted", [False, True])
def test_two_loads_in_vain_in_a_row_stop(monkeypatch: pytest.MonkeyPatch, *, interrupted: bool) -> None:
    monkeypatch.setattr(backoff, "FIRST", 0)
    begun: list[Position] = []

    def lost_before_the_end(start: Position) -> Iterator[Batch]:
        begun.append(start)
        if start.token is None:
            yield Batch(b"", at(len(begun), start.load))
            yield Batch(b"x", at(len(begun), start.load))
            if interrupted:
                raise SourceUnreachable("away", hint="wait")
        raise HistoryLost("gone", hint="leap")

    made = replace(parts(Store(at(0)), lost_before_the_end, Sink(), leap=Leap(Load())), bounds=PATIENT)
    with pytest.raises(HistoryLost):
        run(made, Progress("p"), threading.Event())
    leaps = [start for start in begun if start.token is None]
    assert leaps == [Position(load=Load())] * 2
    assert len(begun) == (5 if interrupted else 3)


def test_a_load_that_was_read_in_full_was_not_in_vain() -> None:
    begun: list[Position] = []

    def lost_behind_the_load(start: Position) -> Iterator[Batch]:
        begun.append(start)
        if start.token is None:
            yield Batch(b"", at(len(begun), start.load))
            yield Batch(b"x", at(len(begun), Load(ended=DONE)))
        if len(begun) < 7:
            raise HistoryLost("gone", hint="leap")
        yield from some(start)

    store = Store(at(0))
    run(parts(store, lost_behind_the_load, Sink(), leap=Leap(Load())), Progress("p"), threading.Event())
    assert begun[1:] == [Position(load=Load())] * 6


def test_an_unexpected_error_of_the_source_is_not_swallowed() -> None:
    def broken(start: Position) -> Iterator[Batch]:
        del start
        yield Batch(b"", at(1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(parts(Store(), broken, Sink()), Progress("p"), threading.Event())


def test_every_error_of_ours_names_its_exit_code() -> None:
    def kinds(kind: type[CdcError]) -> Iterator[type[CdcError]]:
        for below in kind.__subclasses__():
            yield below
            yield from kinds(below)

    assert {kind.__name__: int(kind.exit_code) for kind in kinds(CdcError) if not kind.__subclasses__()} == {
        "SourceUnreachable": 3, "SinkUnreachable": 3, "StoreUnreachable": 3, "Unencodable": 5, "TooLarge": 5,
        "ConfigInvalid": 2, "AccessDenied": 2, "HistoryLost": 4, "CursorCorrupt": 4, "UnknownOperation": 5, "Fenced": 6,
            "Different": 7,
    }  # fmt: skip


def test_the_next_attempt_is_tried_for_ever() -> None:
    waits = backoff.Backoff()
    assert max(waits.after(moved=False) for _ in range(2000)) <= backoff.LONGEST
