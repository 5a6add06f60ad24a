"""Who owns a cursor."""

import os
import socket
from datetime import UTC, datetime
from functools import cache
from secrets import token_hex

from pydantic import BaseModel, ConfigDict


class Owner(BaseModel):
    """A process; `id` is of this one alone, whatever its machine and number."""

    model_config = ConfigDict(frozen=True)

    id: str
    pid: int
    host: str
    since: str

    @classmethod
    @cache
    def this(cls) -> "Owner":
        """Of this process, from now on."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(id=token_hex(8), pid=os.getpid(), host=socket.gethostname(), since=since)

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host} since {self.since}"
