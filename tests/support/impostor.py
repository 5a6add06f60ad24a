"""A server that has nothing but a certificate."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

from tests.support.certificates import Certificate


class _Handshake(BaseRequestHandler):
    server: "_Impostor"

    def handle(self) -> None:
        with suppress(OSError), self.server.context.wrap_socket(self.request, server_side=True) as connection:
            connection.recv(1)


class _Impostor(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, certificate: Certificate) -> None:
        super().__init__(("127.0.0.1", 0), _Handshake)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.both)


@contextmanager
def showing(certificate: Certificate) -> Iterator[int]:
    """Its port, until the block ends."""
    with _Impostor(certificate) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
