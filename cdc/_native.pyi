from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from cdc.encode.record import Columns, Record
from cdc.events import Namespace, Operation

class _Walk:
    def columns(
        self, raw: bytes, odd: Callable[[bytes], Record | None], fits: Callable[[bytes], bool] | None, /
    ) -> Columns: ...

class Changes(_Walk):
    def __init__(
        self,
        *,
        dialect: str,
        found: str,
        images: Mapping[str, bytes],
        before: bool,
        shared: bool,
        namespace: Callable[[str, str], Namespace],
        operation: Callable[[str], Operation],
    ) -> None: ...

class Rows(_Walk):
    def __init__(
        self,
        *,
        dialect: str,
        head: bytes,
        tail: bytes,
        ms: int,
        within: bytes | None,
        namespace: Namespace,
        operation: Operation,
    ) -> None: ...

_Time: TypeAlias = tuple[int, int]

class Heads:
    def __init__(self, raw: bytes, after: bool, before: bool, most_cuts: int, /) -> None: ...
    def __len__(self) -> int: ...
    def time(self, index: int) -> _Time: ...
    def token(self, index: int) -> bytes: ...
    def in_transaction(self, index: int) -> bool: ...
    def plan(self, start: int, stop: int, *, begun: _Time | None, unfinished: bool) -> Plan: ...

class Plan:
    @property
    def reads(self) -> Sequence[tuple[_Time, str, int, bytes]]: ...
    @property
    def nbytes(self) -> int: ...
    def stood(self, read: int, raw: bytes, *, exact: bool) -> None: ...
    def completed(self) -> tuple[bytes, dict[str, int]]: ...
