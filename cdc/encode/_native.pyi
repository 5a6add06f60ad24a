from collections.abc import Callable, Mapping

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
