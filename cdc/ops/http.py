"""`/metrics` for Prometheus, `/healthz` for a supervisor, `/readyz` for who wants to know what is missing."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import structlog
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from cdc.errors import ConfigInvalid
from cdc.progress import Progress

log = structlog.get_logger("cdc")

STALLED_SECONDS = 60.0
"""A loop that has not turned for so long is taken for stuck; retries and a full Kafka queue turn far more often."""


@contextmanager
def serving(progress: Progress, host: str, port: int) -> Iterator[None]:
    """Serve until the block ends, from a thread of its own."""

    class Endpoint(_Endpoint):
        pass

    Endpoint.progress = progress
    try:
        server = ThreadingHTTPServer((host, port), Endpoint)
    except (OSError, OverflowError) as error:
        raise ConfigInvalid(
            f"--metrics-port: cannot listen on {host}:{port}: {error}", hint="name a free port"
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    log.info("serving /metrics, /healthz and /readyz", address=f"http://{host}:{server.server_port}")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Endpoint(BaseHTTPRequestHandler):
    progress: Progress

    def do_GET(self) -> None:
        answers = {"/metrics": self._metrics, "/healthz": self._health, "/readyz": self._readiness}
        answer = answers.get(self.path.partition("?")[0])
        if answer is None:
            self._reply(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics /healthz /readyz\n")
        else:
            answer()

    def _metrics(self) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        self._reply(HTTPStatus.OK, content_type, encode(REGISTRY))

    def _health(self) -> None:
        still = time.monotonic() - self.progress.turned
        if still < STALLED_SECONDS:
            self._json(HTTPStatus.OK, {"status": "alive"})
        else:
            self._json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "stalled", "seconds": round(still)})

    def _readiness(self) -> None:
        missing = self.progress.missing
        notice = {"notice": self.progress.notice} if self.progress.notice else {}
        if missing is None:
            self._json(HTTPStatus.OK, {"status": "ready", "lag_seconds": round(self.progress.lag, 3), **notice})
        else:
            self._json(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "missing": missing, **notice})

    def _json(self, status: HTTPStatus, body: dict[str, object]) -> None:
        self._reply(status, "application/json", orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE))

    def _reply(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        log.debug("request", line=format % args)
