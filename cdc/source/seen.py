"""What a poll has seen, so that what has not changed is not sent again."""

from hashlib import blake2s

import structlog

log = structlog.get_logger("cdc")

MOST_BYTES = 64 * 1024 * 1024
ENTRY_BYTES = 256
"""Of an entry, beside its key; a generous bound."""

_DIGEST_BYTES = 16


class Seen:
    """Digests of the documents within the lag of one collection, oldest first, bounded in bytes (I8)."""

    def __init__(self, collection: str) -> None:
        self._collection = collection
        self._digests: dict[bytes, bytes] = {}
        self._nbytes = 0
        self._warned = False

    def is_new(self, identity: bytes, document: bytes) -> bool:
        """Whether the document is another than the one seen last of this identity; it is the one seen last then."""
        digest = blake2s(document, digest_size=_DIGEST_BYTES).digest()
        known = self._digests.pop(identity, None)
        if known is None:
            self._nbytes += len(identity) + ENTRY_BYTES
        self._digests[identity] = digest
        while self._nbytes > MOST_BYTES:
            self._forget(next(iter(self._digests)))
            if not self._warned:
                self._warned = True
                log.warning(
                    "more documents within --poll-lag than can be remembered; some are sent again",
                    collection=self._collection,
                )
        return known != digest

    def keep(self, identities: set[bytes]) -> None:
        """Forget all others."""
        for identity in [each for each in self._digests if each not in identities]:
            self._forget(identity)

    def _forget(self, identity: bytes) -> None:
        del self._digests[identity]
        self._nbytes -= len(identity) + ENTRY_BYTES
