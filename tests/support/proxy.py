"""A TCP proxy between a child and MongoDB: hands on whole messages, and spoils what it is told to.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

HEADER_BYTES = 16
RESET = struct.pack("ii", 1, 0)
"""To linger for no time: closed, the connection is reset."""

Spoil = Callable[[bytes], bytes]


class Torn(Exception):  # noqa: N818 - what became of the message
    """Raised by `spoil` for a connection that is to be reset after these bytes of its message."""

    def __init__(self, some: bytes) -> None:
        super().__init__("torn")
        self.some = some


class Proxy(ThreadingTCPServer):
    """Each message of the server passes `spoil` first, which is replaced while it runs."""

    daemon_threads = True

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.spoil: Spoil = bytes
        self._passing = threading.Event()
        self._passing.set()
        self._connections: set[socket.socket] = set()

    @property
    def uri(self) -> str:
        """Of the server behind the proxy alone: the set's own addresses would lead past it."""
        return f"mongodb://127.0.0.1:{self.server_address[1]}/?directConnection=true"

    def cut(self) -> None:
        """End every connection there is."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Hand on nothing, on connections that stay open and on new ones, until the block ends."""
        self._passing.clear()
        try:
            yield
        finally:
            self._passing.set()

    @contextmanager
    def passing(self, connection: socket.socket) -> Iterator[threading.Event]:
        self._connections.add(connection)
        try:
            yield self._passing
        finally:
            self._connections.discard(connection)


class _Connection(BaseRequestHandler):
    request: socket.socket
    server: Proxy

    def handle(self) -> None:
        with (
            socket.create_connection(self.server.target) as upstream,
            self.server.passing(self.request) as passing,
            suppress(OSError),
        ):
            threading.Thread(target=_copy, args=(self.request, upstream), daemon=True).start()
            answers = upstream.makefile("rb")
            while header := answers.read(HEADER_BYTES):
                rest = answers.read(int.from_bytes(header[:4], "little") - HEADER_BYTES)
                passing.wait()
                try:
                    self.request.sendall(self.server.spoil(header + rest))
                except Torn as torn:
                    self.request.sendall(torn.some)
                    self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    self.request.shutdown(socket.SHUT_RD)  # the other direction's thread lets go of it
                    self.request.close()
                    return


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(65536):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def proxied(target: tuple[str, int]) -> Iterator[Proxy]:
    """A proxy before the server at this host and port, until the block ends."""
    with Proxy(target) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
