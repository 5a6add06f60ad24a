"""The reader's queue: in order, bounded in bytes, its source's failure last."""

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from cdc.errors import SourceUnreachable
from cdc.events import Batch, Position
from cdc.reader import BATCH_OVERHEAD, Reader
from tests.support.waiting import until

SECONDS = 10.0


def batch(number: int, size: int = 1) -> Batch:
    return Batch(bytes([number]) * size, Position())


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    """Readers put here are stopped, and their threads gone, when the test ends."""
    started: list[Reader] = []
    yield started
    for reader in started:
        reader.stop()
        reader.join(SECONDS)
        assert not reader.is_alive()


def test_batches_come_in_order_and_the_failure_last(readers: list[Reader]) -> None:
    failure = SourceUnreachable("gone", hint="wait")

    def source() -> Iterator[Batch]:
        yield from map(batch, range(5))
        raise failure

    readers.append(reader := Reader(source(), 10**6))
    reader.start()
    reader.join(SECONDS)
    assert [reader.get(0) for _ in range(5)] == [batch(number) for number in range(5)]
    for _ in range(2):
        with pytest.raises(SourceUnreachable) as caught:
            reader.get(0)
        assert caught.value is failure


def holds(reader: Reader, nbytes: int) -> Callable[[], bool]:
    return lambda: reader.nbytes == nbytes


def test_it_reads_ahead_up_to_its_bound_and_goes_on_when_there_is_room(readers: list[Reader]) -> None:
    size = 10_000 + BATCH_OVERHEAD
    readers.append(reader := Reader(map(batch, range(40), [10_000] * 40), 4 * size))
    reader.start()
    for number in range(40):
        until(holds(reader, min(4, 40 - number) * size), what="a full queue")
        got = reader.get(SECONDS)
        assert got is not None
        assert got.raw[0] == number
    assert reader.nbytes == 0


def test_a_batch_larger_than_the_bound_passes(readers: list[Reader]) -> None:
    readers.append(reader := Reader(map(batch, range(3), [50_000] * 3), max_bytes=1))
    reader.start()
    for number in range(3):
        got = reader.get(SECONDS)
        assert got is not None
        assert got.raw[0] == number


def test_small_batches_count_too(readers: list[Reader]) -> None:
    readers.append(reader := Reader(map(batch, itertools.repeat(0)), 10 * (BATCH_OVERHEAD + 1)))
    reader.start()
    for _ in range(3):
        until(holds(reader, 10 * (BATCH_OVERHEAD + 1)), what="a full queue")
        assert reader.get(0) is not None


def test_nothing_comes_where_nothing_is(readers: list[Reader]) -> None:
    silent = threading.Event()

    def source() -> Iterator[Batch]:
        silent.wait(SECONDS)
        yield batch(1)

    readers.append(reader := Reader(source(), 1))
    reader.start()
    assert reader.get(0.01) is None
    silent.set()
    assert reader.get(SECONDS) == batch(1)


def test_stopped_it_closes_a_generator_on_its_own_thread(readers: list[Reader]) -> None:
    closed: list[threading.Thread] = []

    def source() -> Iterator[Batch]:
        try:
            yield from map(batch, itertools.repeat(0))
        finally:
            closed.append(threading.current_thread())

    readers.append(reader := Reader(source(), 1))
    reader.start()
    until(lambda: reader.nbytes, what="a batch")
    reader.stop()
    reader.join(SECONDS)
    assert closed == [reader]


def test_stopped_it_ends_and_has_nothing_more(readers: list[Reader]) -> None:
    readers.append(reader := Reader(map(batch, itertools.repeat(0)), 5000))
    reader.start()
    until(lambda: reader.nbytes > 2000, what="some batches")
    reader.stop()
    reader.join(SECONDS)
    assert not reader.is_alive()
    assert reader.get(0) is None
