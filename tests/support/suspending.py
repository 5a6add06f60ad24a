"""A server that is there and does nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from cdc.local.server import Server


@contextmanager
def suspended(server: Server) -> Iterator[None]:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)
