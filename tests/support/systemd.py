"""The end of `NOTIFY_SOCKET` that systemd has."""

import socket
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Systemd:
    """Hears what a child tells it; `address` is what the child finds in its environment."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._heard: list[str] = []
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    @property
    def heard(self) -> list[str]:
        """All so far, in order."""
        self._read()
        return [*self._heard]

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        """Whether somebody asks or not: the kernel keeps eleven datagrams, and who sends the next one waits."""
        while not self._over.wait(0.02):
            self._read()

    def _read(self) -> None:
        with self._lock, suppress(BlockingIOError):
            while True:
                self._heard += self._socket.recv(4096).decode().splitlines()


@contextmanager
def systemd(*, abstract: bool = False) -> Iterator[Systemd]:
    with tempfile.TemporaryDirectory(prefix="cdc-") as folder:  # pytest's own are too long for a socket's address
        listening = Systemd(f"@cdc-{uuid.uuid4().hex}" if abstract else f"{folder}/notify")
        try:
            yield listening
        finally:
            listening.close()
