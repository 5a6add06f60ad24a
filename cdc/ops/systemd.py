"""What a unit of `Type=notify` tells systemd: that it is ready, how it is, that it lives, that it ends.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from cdc.beside import beside
from cdc.ops import live
from cdc.ops.stall import Standstill
from cdc.progress import Progress

log = structlog.get_logger("cdc")

LOOK_SECONDS = 0.1
STATUS_SECONDS = 5.0
SEND_SECONDS = 1.0
STATUS_LENGTH = 200


@contextmanager
def told(progress: Progress, stop: threading.Event, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Tell it, until `stop` is set or the block ends; nothing where systemd does not ask for it."""
    if not (address := environ.get("NOTIFY_SOCKET")):
        yield
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.settimeout(SEND_SECONDS)
        unit = Unit(progress, notify, address, beat(environ))

        def tell(over: threading.Event) -> None:
            while not over.wait(LOOK_SECONDS) and not stop.is_set():
                unit.tell()
            unit.end()

        with beside(tell, name="systemd"):
            yield


class Unit:
    """Says of the progress what has yet to be said. `beat` is how often it is to say that it lives, in seconds."""

    def __init__(self, progress: Progress, notify: socket.socket, address: str, beat: float | None) -> None:
        self._progress = progress
        self._notify = notify
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._beat = beat
        self._beaten = time.monotonic()
        self._standstill = Standstill(progress)
        self._ready = False
        self._status = ""
        self._told = -STATUS_SECONDS

    def tell(self) -> None:
        """It is alive only where the loop has turned since the last beat."""
        now = time.monotonic()
        if not self._ready and self._progress.stood.is_set():
            self._ready = True
            self._send("READY=1")
        if now >= self._told + STATUS_SECONDS and (status := self._words()) != self._status:
            self._status, self._told = status, now
            self._send(f"STATUS={status}")
        if self._beat is not None and now >= self._beaten + self._beat and not self._standstill.look(self._beat):
            self._beaten = now
            self._send("WATCHDOG=1")

    def end(self) -> None:
        self.tell()
        self._send("STOPPING=1")

    def _words(self) -> str:
        return " ".join(live.words(self._progress).split())[:STATUS_LENGTH]

    def _send(self, state: str) -> None:
        try:
            self._notify.sendto(state.encode(), self._address)
        except OSError as error:
            log.debug("systemd was not told", state=state, error=error.strerror)


def beat(environ: Mapping[str, str]) -> float | None:
    """How often systemd is to hear that this process lives, in seconds: twice as often as it waits for it at most."""
    waits = environ.get("WATCHDOG_USEC", "")
    ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(waits) / 2e6 if ours and waits.isdecimal() and int(waits) else None
