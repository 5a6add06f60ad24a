"""A TCP proxy between a child and MongoDB: hands on whole messages, and spoils what it is told to.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

HEADER_BYTES = 16

Spoil = Callable[[bytes], bytes]


class Proxy(ThreadingTCPServer):
    """Each message of the server passes `spoil` first, which is replaced while it runs."""

    daemon_threads = True

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.spoil: Spoil = bytes

    @property
    def uri(self) -> str:
        """Of the server behind the proxy alone: the set's own addresses would lead past it."""
        return f"mongodb://127.0.0.1:{self.server_address[1]}/?directConnection=true"


class _Connection(BaseRequestHandler):
    request: socket.socket
    server: Proxy

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as upstream, suppress(OSError):
            threading.Thread(target=_copy, args=(self.request, upstream), daemon=True).start()
            answers = upstream.makefile("rb")
            while header := answers.read(HEADER_BYTES):
                rest = answers.read(int.from_bytes(header[:4], "little") - HEADER_BYTES)
                self.request.sendall(self.server.spoil(header + rest))


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
