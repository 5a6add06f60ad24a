"""The end of `NOTIFY_SOCKET` that systemd has."""

import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager


class Systemd:
    """Hears what a child tells it; `address` is what the child finds in its environment."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._heard: list[str] = []

    @property
    def heard(self) -> list[str]:
        """All so far, in order."""
        while True:
            try:
                self._heard += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._heard

    def close(self) -> None:
        self._socket.close()


@contextmanager
def systemd(*, abstract: bool = False) -> Iterator[Systemd]:
    with tempfile.TemporaryDirectory(prefix="cdc-") as folder:  # pytest's own are too long for a socket's address
        listening = Systemd(f"@cdc-{uuid.uuid4().hex}" if abstract else f"{folder}/notify")
        try:
            yield listening
        finally:
            listening.close()
