"""How much to ask the server for, so that a reply is small whatever the documents' size (I8)."""

from struct import Struct

REPLY_BYTES = 4 * 1024 * 1024
"""PyMongo holds a raw reply up to six times while it takes it apart, and a server sends up to 16 MiB."""

FIRST_DOCUMENTS = 4
"""Asked for while nothing is known of their size."""

_SMALLEST = 5  # bytes of an empty document

_length = Struct("<i").unpack_from


class ReplySize:
    """How many `documents` the next reply should have, at most `most`: as many like the last ones as are enough."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.documents = min(FIRST_DOCUMENTS, most)

    def learn(self, raw: bytes) -> int:
        """From the documents of a reply, or of an empty one nothing; gives `documents`."""
        if raw and (self.documents < self._most or len(raw) > REPLY_BYTES):
            self.documents = max(1, min(self._most, _count(raw) * REPLY_BYTES // len(raw)))
        return self.documents


def _count(raw: bytes) -> int:
    pos = count = 0
    while pos + _SMALLEST <= len(raw):
        pos += max(_SMALLEST, _length(raw, pos)[0])
        count += 1
    return count
