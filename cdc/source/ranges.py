"""Chunks that are plain ranges of `_id`, read several at once.

By `min`, `max` and `hint`, never by `$gte` and `$lt`, which compare like with like and pass over an `_id` of another
type: https://www.mongodb.com/docs/manual/reference/method/cursor.min/
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import bson
from bson.max_key import MaxKey
from bson.raw_bson import RawBSONDocument

from cdc.events import Chunk, Load
from cdc.source.cursors import Database, ReadPreference
from cdc.source.lanes import Lanes, Piece
from cdc.source.pace import Round
from cdc.source.raw import ReplySize, documents, identity

LANES_BYTES = 16 * 1024 * 1024
"""What the replies of all lanes may take together, by the size of the documents seen so far (I8)."""

_MAX_KEY = bson.encode({"_id": MaxKey()})


class Ranges:
    """Reads the chunks of one collection."""

    def __init__(self, database: Database, preference: ReadPreference, *, batch_size: int, parallel: int) -> None:
        self._database = database
        self._preference = preference
        self._parallel = parallel
        self._size = ReplySize(batch_size)

    def read(self, load: Load, concern: dict[str, Any], limits: Round) -> Iterator[tuple[bytes, Load]]:
        """Documents, and the load as it is with them, until the round is over."""
        left = dict(enumerate(load.chunks))
        lanes = max(1, min(self._parallel, LANES_BYTES // self._size.nbytes))
        most = limits.share(lanes)

        def read(place: int, chunk: Chunk) -> Iterator[Piece]:
            return self._pieces(place, chunk, concern, most)

        for piece in Lanes(load.chunks, read, lanes, lambda: limits.over).pieces():
            limits.count(piece.documents)
            if piece.done:
                del left[piece.place]
            else:
                left[piece.place] = replace(left[piece.place], after=piece.after)
            load = replace(
                load,
                chunks=tuple(left.values()),
                chunks_done=load.chunks_done + piece.done,
                documents=load.documents + piece.documents,
            )
            yield piece.raw, load

    def close(self) -> None:
        """Nothing is kept from round to round."""

    def _pieces(self, place: int, chunk: Chunk, concern: dict[str, Any], most: int | None) -> Iterator[Piece]:
        """The replies of a chunk, without the document that was read last, where it is still the same."""
        after = chunk.after
        for bounds in _bounds(chunk):
            command = {"find": chunk.collection, "hint": {"_id": 1}, "readConcern": concern, **bounds}
            cursor = self._database.cursor(command, preference=self._preference)
            try:
                while cursor.alive:
                    raw = cursor.reply(min(self._size.documents, most or self._size.documents))
                    self._size.learn(raw)
                    starts = documents(raw)
                    if starts and identity(raw).document("_id") == after:
                        del starts[0]
                    if starts:
                        after = identity(raw, starts[-1]).document("_id")
                        yield Piece(place, raw[starts[0] :], len(starts), after, done=False)
            finally:
                cursor.close()
        yield Piece(place, b"", 0, after, done=True)


def _bounds(chunk: Chunk) -> Iterator[dict[str, Any]]:
    """What to find. From a `min` on without a `max` the server leaves out MaxKey, which is then found for itself."""
    least, greatest = chunk.after or chunk.lower, chunk.upper
    if least != _MAX_KEY:
        yield {name: RawBSONDocument(bound) for name, bound in (("min", least), ("max", greatest)) if bound is not None}
    if least is not None and greatest is None:
        yield {"filter": {"_id": MaxKey()}}
