"""Events that came in fragments, put together again.

A server splits an event of more than 16 MiB between its fields, and tells of each fragment which one it is:
https://www.mongodb.com/docs/manual/reference/operator/aggregation/changeStreamSplitLargeEvent/
"""

from cdc.errors import SourceUnreachable
from cdc.source.raw import DOCUMENT, enclosed, fields, identity, spans, split

SPLIT: dict[str, dict[str, object]] = {"$changeStreamSplitLargeEvent": {}}
"""The stage that has a server split events; it must be the last one."""

_TOLD = b"\x03splitEvent\0"


class Fragments:
    """Holds what has come of an event until its last fragment is there.

    `joined` are the tokens, as BSON, of the events that the last reply made whole, `last` that of the last such event.
    """

    def __init__(self) -> None:
        self.last: bytes | None = None
        self.joined: frozenset[bytes] = frozenset()
        self._held: list[bytes] = []

    @property
    def held(self) -> bool:
        """Whether an event has begun that is not yet whole."""
        return bool(self._held)

    def whole(self, raw: bytes) -> bytes:
        """The events that are whole with this reply; one that was put together has the token of its last fragment.

        `SourceUnreachable` where a fragment is missing.
        """
        self.joined = frozenset()
        if not self._held and _TOLD not in raw:
            return raw
        return b"".join(event for part in split(raw) if (event := self._joined(part)) is not None)

    def _joined(self, part: bytes) -> bytes | None:
        token, others, place = _apart(part)
        if place is None and not self._held:
            return part
        number, count = place or (0, 0)
        if number != len(self._held) + 1:
            raise SourceUnreachable(
                f"MongoDB sent fragment {number} of an event where {len(self._held) + 1} was due",
                hint="it is read again; a proxy may have changed it",
            )
        self._held.append(others)
        if number < count:
            return None
        body = token + b"".join(self._held)
        self._held = []
        event = enclosed(body)
        self.last = identity(event).value
        self.joined |= {self.last}
        return event


def _apart(part: bytes) -> tuple[bytes, bytes, tuple[int, int] | None]:
    """The field `_id`, all others, and of a fragment its number, from 1 on, and how many there are."""
    token, others, place = b"", [], None
    for kind, name, start, end in spans(part):
        field = part[start - len(name) - 2 : end]
        if kind == DOCUMENT and name == b"splitEvent":
            told = {each.name: int.from_bytes(each.value, "little") for each in fields(part[start:end])}
            place = told.get(b"fragment", 0), told.get(b"of", 0)
        elif name == b"_id":
            token = field
        else:
            others.append(field)
    return token, b"".join(others), place
