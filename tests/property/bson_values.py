"""BSON documents of every type, built byte by byte: drivers no longer write them all.

A few hundred bytes of entropy make a document, so that one draw is one document and thousands take seconds.
"""

from collections.abc import Callable, Sequence
from struct import pack
from typing import TypeVar

from bson import Decimal128
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Value = tuple[int, bytes]
"""A BSON value: its type and its bytes."""

Field = tuple[str, Value]

T = TypeVar("T")

_MODERN = bytes([1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 16, 17, 18, 19, 0x7F, 0xFF])
ALL = _MODERN + bytes([6, 12, 13, 14, 15])
_TEXTS = ["", "a", "null", "\r\n", '"\\', "\u2028", "\ufeff\U0001f600", "".join(map(chr, range(32))), "\x7f\x80\xff"]
_NAMES = ["", "a", "b", "_id", "$ref", "$id", "$db", "$oid", *(text.replace("\0", "") for text in _TEXTS)]
_DOUBLES = [0.0, -0.0, 1.0, 0.1, 1e22, 1e-7, 5e-324, float("nan"), float("inf"), float("-inf"), 2.0**63, 123456789.125]
_DECIMALS = [
    "0",
    "-0",
    "0E+9",
    "1",
    "1.50",
    "1E+3",
    "1E-7",
    "NaN",
    "Infinity",
    "-Infinity",
    "0.5",
    "9223372036854775808",
]
_DATES = [0, 1, -1, 1000, 253402300799000, 253402300799999, 253402300800000, -62135596800000, -62135596800001, -(2**63)]


class Entropy:
    """Choices read off a run of bytes; zeros when it is used up, which end every document."""

    def __init__(self, source: bytes) -> None:
        self._source = iter(source)

    def below(self, limit: int) -> int:
        return next(self._source, 0) % limit

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def raw(self, size: int) -> bytes:
        return bytes(next(self._source, 0) for _ in range(size))

    def text(self) -> str:
        if self.below(2):
            return self.pick(_TEXTS)
        drawn = "".join(chr(self.below(256) * self.pick([1, 1, 7, 211, 4000])) for _ in range(self.below(8)))
        return drawn.encode(errors="replace").decode()

    def name(self) -> str:
        return self.pick(_NAMES) if self.below(4) else self.text().replace("\0", "")

    def fields(self, kinds: bytes, depth: int) -> list[Field]:
        return [(self.name(), self.value(kinds, depth - 1)) for _ in range(self.below(5))]

    def value(self, kinds: bytes, depth: int) -> Value:
        kind = self.pick(kinds)
        if kind in {0x03, 0x04, 0x0F}:
            inner = self.fields(kinds, depth) if depth else []
            return kind, scoped_code(self.text(), inner) if kind == 0x0F else document(inner)
        return kind, _SCALARS[kind](self)


def _sometimes(some: Callable[[Entropy], bytes], size: int) -> Callable[[Entropy], bytes]:
    return lambda source: some(source) if source.below(2) else source.raw(size)


def _text(source: Entropy) -> bytes:
    return string(source.text())


def _binary(source: Entropy) -> bytes:
    return binary(source.raw(source.below(20)), source.below(256) if source.below(2) else source.below(5))


def _regex(source: Entropy) -> bytes:
    options = "".join(sorted({source.pick("ilmsux") for _ in range(source.below(4))}, reverse=True))
    return source.text().replace("\0", "").encode() + b"\0" + options.encode() + b"\0"


_small64 = _sometimes(lambda source: pack("<q", source.below(20) - 5), 8)
_SCALARS: dict[int, Callable[[Entropy], bytes]] = {
    0x01: _sometimes(lambda source: pack("<d", source.pick(_DOUBLES)), 8),
    0x02: _text,
    0x05: _binary,
    0x06: lambda _: b"",
    0x07: lambda source: source.raw(12),
    0x08: lambda source: source.pick([b"\0", b"\1"]),
    0x09: _sometimes(lambda source: pack("<q", source.pick(_DATES)), 8),
    0x0A: lambda _: b"",
    0x0B: _regex,
    0x0C: lambda source: _text(source) + source.raw(12),
    0x0D: _text,
    0x0E: _text,
    0x10: _sometimes(lambda source: pack("<i", source.below(20) - 5), 4),
    0x11: _small64,
    0x12: _small64,
    0x13: _sometimes(lambda source: Decimal128(source.pick(_DECIMALS)).bid, 16),
    0x7F: lambda _: b"",
    0xFF: lambda _: b"",
}


def document(fields: list[Field]) -> bytes:
    body = b"".join(bytes([kind]) + name.encode() + b"\0" + raw for name, (kind, raw) in fields)
    return pack("<i", len(body) + 5) + body + b"\0"


def string(value: str) -> bytes:
    raw = value.encode()
    return pack("<i", len(raw) + 1) + raw + b"\0"


def binary(data: bytes, subtype: int) -> bytes:
    old = pack("<i", len(data)) if subtype == 2 else b""
    return pack("<iB", len(old + data), subtype) + old + data


def scoped_code(code: str, scope: list[Field]) -> bytes:
    body = string(code) + document(scope)
    return pack("<i", len(body) + 4) + body


entropy: SearchStrategy[Entropy] = st.binary(min_size=20, max_size=250).map(Entropy)
values: SearchStrategy[Value] = entropy.map(lambda source: source.value(ALL, 4))
documents: SearchStrategy[bytes] = entropy.map(lambda source: document(source.fields(ALL, 4)))
modern_documents: SearchStrategy[bytes] = entropy.map(lambda source: document(source.fields(_MODERN, 4)))
sections: SearchStrategy[tuple[Value, bytes, bytes, bytes]] = entropy.map(
    lambda source: (
        source.value(ALL, 2),
        document(source.fields(ALL, 3)),
        document(source.fields(ALL, 3)),
        document(source.fields(ALL, 3)),
    )
)


_FLOATS = [0.0, -0.0, 1.0, 0.5, 0.1, 1e22, 2.0**53, 2.0**63, -(2.0**63), float("nan"), float("inf"), float("-inf")]
_LONGS = [0, 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
_EXACT = ["0.1000000000000000055511151231257827", "9007199254740993", "9007199254740992.0", "10E+21", "5E-1", "sNaN"]
_FEW: dict[int, Callable[[Entropy], bytes]] = {
    0x01: lambda source: pack("<d", source.pick(_FLOATS)),
    0x02: lambda source: string(source.pick(["a", "1"])),
    0x05: lambda source: binary(b"a", source.below(3)),
    0x06: lambda _: b"",
    0x08: lambda source: source.pick([b"\0", b"\1"]),
    0x0A: lambda _: b"",
    0x0B: lambda source: source.pick([b"a\0im\0", b"a\0mi\0", b"a\0\0"]),
    0x0D: lambda source: string(source.pick(["a", "1"])),
    0x0E: lambda source: string(source.pick(["a", "1"])),
    0x10: lambda source: pack("<i", source.below(2)),
    0x12: lambda source: pack("<q", source.pick(_LONGS)),
    0x13: lambda source: Decimal128(source.pick(_DECIMALS + _EXACT)).bid,
}
_NESTED = bytes([0x03, 0x03, 0x04, 0x0F])
_IDENTITIES = bytes(_FEW) + bytes([0x01, 0x12, 0x13, 0x13]) + _NESTED


def identity(source: Entropy, depth: int) -> Value:
    """Few and small, so that two are often equal: in value, in type, or only in looks."""
    kind = source.pick(_IDENTITIES)
    if kind not in _NESTED:
        return kind, _FEW[kind](source)
    inner = [identity(source, depth - 1) for _ in range(source.below(3) if depth else 0)]
    if kind == 0x04:
        return kind, document([(str(index), value) for index, value in enumerate(inner)])
    fields = [(source.pick(["a", "$oid", "$$oid"]), value) for value in inner]
    return kind, scoped_code("a", fields) if kind == 0x0F else document(fields)


ids: SearchStrategy[Value] = st.binary(min_size=1, max_size=10).map(lambda raw: identity(Entropy(raw), 2))
numbers: list[Value] = [
    *((0x01, pack("<d", value)) for value in _FLOATS),
    *((0x10, pack("<i", value)) for value in (0, 1, 2**31 - 1)),
    *((0x12, pack("<q", value)) for value in (*_LONGS, 2**31 - 1)),
    *((0x13, Decimal128(value).bid) for value in _DECIMALS + _EXACT),
]
