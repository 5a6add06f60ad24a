"""Chunks read several at once: every piece comes, and no thread is left behind."""

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from cdc.events import Chunk
from cdc.source.lanes import Lanes, Piece
from tests.support.waiting import until

LANES = 3
CHUNKS = [Chunk("a", lower=bytes([place])) for place in range(8)]
SECONDS = 30.0


def lanes() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lane"]


def none_is_left() -> bool:
    return not lanes()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Whatever a test does."""
    yield
    until(none_is_left, seconds=SECONDS, what="the end of every lane")


def never() -> bool:
    return False


def always() -> bool:
    return True


def meeting(count: int) -> Callable[[int, int], None]:
    """So many threads must be there at once for any to go on."""
    together = threading.Barrier(count)

    def meet(_place: int, _number: int) -> None:
        together.wait(SECONDS)

    return meet


class Reads:
    """Gives `count` pieces of each chunk, and remembers which were asked for."""

    def __init__(self, count: int, before: Callable[[int, int], None] = lambda _place, _number: None) -> None:
        self._count = count
        self._before = before
        self.chunks: list[tuple[int, Chunk]] = []
        self.given: list[bytes] = []

    def __call__(self, place: int, chunk: Chunk) -> Iterator[Piece]:
        self.chunks.append((place, chunk))
        for number in range(self._count):
            self._before(place, number)
            self.given.append(raw := bytes([place, number]))
            yield Piece(place, raw, 1, raw, done=number == self._count - 1)


@pytest.mark.parametrize("count", [1, 2, LANES, 20])
def test_every_piece_of_every_chunk_comes_once_and_those_of_a_chunk_in_order(count: int) -> None:
    reads = Reads(5)
    found = [piece.raw for piece in Lanes(CHUNKS, reads, count, never).pieces()]
    assert sorted(found) == [bytes([place, number]) for place in range(len(CHUNKS)) for number in range(5)]
    for place in range(len(CHUNKS)):
        assert [raw[1] for raw in found if raw[0] == place] == list(range(5))
    assert sorted(reads.chunks) == list(enumerate(CHUNKS))


def test_where_there_are_no_chunks_nothing_comes() -> None:
    assert list(Lanes([], Reads(1), LANES, never).pieces()) == []


def test_a_round_that_is_over_at_once_still_reads_a_piece_in_each_lane() -> None:
    reads = Reads(5, meeting(LANES))
    pieces = list(Lanes(CHUNKS, reads, LANES, always).pieces())
    assert sorted(piece.raw for piece in pieces) == [bytes([place, 0]) for place in range(LANES)]
    assert len(reads.given) == LANES


def test_a_lane_that_is_over_takes_no_other_chunk() -> None:
    reads = Reads(1)
    assert [piece.place for piece in Lanes(CHUNKS, reads, 1, always).pieces()] == [0]
    assert reads.chunks == [(0, CHUNKS[0])]


def test_the_lanes_are_read_at_once() -> None:
    reads = Reads(1, meeting(LANES))
    pieces = Lanes(CHUNKS[:LANES], reads, LANES, never).pieces()
    assert sorted(piece.place for piece in pieces) == list(range(LANES)), "one after the other they would not meet"


def test_a_lane_s_failure_is_raised_and_the_others_end() -> None:
    failure = ConnectionError("gone")

    def fail(place: int, number: int) -> None:
        if (place, number) == (1, 2):
            raise failure

    reads = Reads(200, fail)
    with pytest.raises(ConnectionError) as caught:
        list(Lanes(CHUNKS, reads, LANES, never).pieces())
    assert caught.value is failure
    until(none_is_left, seconds=SECONDS, what="the end of every lane")
    assert len(reads.given) < (len(CHUNKS) - 1) * 200


def test_when_every_lane_fails_one_failure_is_raised() -> None:
    def fail(place: int, _number: int) -> None:
        raise ConnectionError(place)

    with pytest.raises(ConnectionError):
        list(Lanes(CHUNKS, Reads(1, fail), LANES, never).pieces())


def test_whoever_leaves_ends_the_threads() -> None:
    pieces = Lanes(CHUNKS, Reads(200), LANES, never).pieces()
    next(pieces)
    assert len(lanes()) == LANES
    del pieces
    until(none_is_left, seconds=SECONDS, what="the end of every lane")


def test_what_a_lane_was_reading_is_closed_when_it_ends() -> None:
    closed: queue.Queue[int] = queue.Queue()
    meet = meeting(LANES)

    def read(place: int, _chunk: Chunk) -> Iterator[Piece]:
        meet(place, 0)
        try:
            while True:
                yield Piece(place, b"", 0, None, done=False)
        finally:
            closed.put(place)

    pieces = Lanes(CHUNKS, read, LANES, never).pieces()
    next(pieces)
    del pieces
    assert sorted(closed.get(timeout=SECONDS) for _ in range(LANES)) == list(range(LANES))


def test_pieces_that_nobody_takes_are_bounded() -> None:
    taken, most = [0], [0]

    def weigh(_place: int, _number: int) -> None:
        most[0] = max(most[0], len(reads.given) + 1 - taken[0])

    reads = Reads(50, weigh)
    pieces = Lanes(CHUNKS, reads, LANES, never).pieces()
    next(pieces)
    until(lambda: len(reads.given) == 1 + 2 * LANES, seconds=SECONDS, what="a full queue, and a piece in each lane")
    taken[0] += 1
    for _ in pieces:
        taken[0] += 1
    assert taken[0] == len(CHUNKS) * 50
    assert most[0] <= 1 + 2 * LANES
