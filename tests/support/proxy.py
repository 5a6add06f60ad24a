"""A TCP proxy between a child and a server: hands on whole messages, and spoils what it is told to.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
https://kafka.apache.org/43/design/protocol/
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
from socketserver import BaseRequestHandler, ThreadingTCPServer

MONGO_HEADER, KAFKA_HEADER = 16, 4
RESET = struct.pack("ii", 1, 0)
"""To linger for no time: closed, the connection is reset."""

Spoil = Callable[[bytes], bytes]
Reads = Callable[[BufferedIOBase], bytes]
"""One message of a stream, nothing at its end."""


class Torn(Exception):  # noqa: N818 - what became of the message
    """Raised by `spoil` for a connection that is to be reset after these bytes of its message."""

    def __init__(self, some: bytes) -> None:
        super().__init__("torn")
        self.some = some


def mongo_message(stream: BufferedIOBase) -> bytes:
    header = stream.read(MONGO_HEADER)
    return header and header + stream.read(int.from_bytes(header[:4], "little") - MONGO_HEADER)


def kafka_message(stream: BufferedIOBase) -> bytes:
    header = stream.read(KAFKA_HEADER)
    return header and header + stream.read(int.from_bytes(header, "big"))


class Proxy(ThreadingTCPServer):
    """Each message of the server passes `spoil` first, each of the client `spoil_asked`; both are replaced at will."""

    daemon_threads = True

    def __init__(self, target: tuple[str, int], reads: Reads) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.reads = reads
        self.spoil: Spoil = bytes
        self.spoil_asked: Spoil = bytes
        self.passing = _passing()
        self.severed = False
        self._stranded: list[threading.Event] = []
        self._connections: set[socket.socket] = set()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def uri(self) -> str:
        """Of the MongoDB behind the proxy alone: the set's own addresses would lead past it."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    def mend(self) -> None:
        """Spoil nothing more."""
        self.spoil = self.spoil_asked = bytes

    @contextmanager
    def cut(self) -> Iterator[None]:
        """End every connection there is, and take no other, until the block ends."""
        self.severed = True
        try:
            for connection in list(self._connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            yield
        finally:
            self.severed = False

    def strand(self) -> None:
        """From now on nothing goes through the connections that there are, and nobody says so; new ones work."""
        self._stranded.append(self.passing)
        old, self.passing = self.passing, _passing()
        old.clear()

    def release(self) -> None:
        """Let go of those."""
        while self._stranded:
            self._stranded.pop().set()

    @contextmanager
    def known(self, *connections: socket.socket) -> Iterator[None]:
        self._connections.update(connections)
        try:
            yield
        finally:
            self._connections.difference_update(connections)


def _passing() -> threading.Event:
    passing = threading.Event()
    passing.set()
    return passing


class _Connection(BaseRequestHandler):
    request: socket.socket
    server: Proxy

    def handle(self) -> None:
        if self.server.severed:
            _reset(self.request)
            return
        passing = self.server.passing
        with (
            suppress(OSError),
            socket.create_connection(self.server.target) as upstream,
            self.server.known(self.request, upstream),
        ):
            asked = threading.Thread(
                target=self._pass_on, args=(self.request, upstream, passing, "spoil_asked"), daemon=True
            )
            asked.start()
            self._pass_on(upstream, self.request, passing, "spoil")

    def _pass_on(self, source: socket.socket, target: socket.socket, passing: threading.Event, spoil: str) -> None:
        with suppress(OSError):
            messages = source.makefile("rb")
            while message := self.server.reads(messages):
                passing.wait()
                try:
                    target.sendall(getattr(self.server, spoil)(message))
                except Torn as torn:
                    target.sendall(torn.some)
                    _reset(target)
                    source.shutdown(socket.SHUT_RDWR)  # the other direction's thread lets go of it
                    return
            target.shutdown(socket.SHUT_WR)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    connection.close()


@contextmanager
def proxied(target: tuple[str, int], reads: Reads = mongo_message) -> Iterator[Proxy]:
    """A proxy before the server at this host and port, until the block ends."""
    with Proxy(target, reads) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.release()
            proxy.shutdown()
            thread.join()
