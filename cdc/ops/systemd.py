"""What a unit of `Type=notify` tells systemd: that it is ready, how it is, that it lives, that it ends.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

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


Tell = Callable[[str], None]


@contextmanager
def told(progress: Progress, stop: threading.Event, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Tell it, until `stop` is set or the block ends; nothing where systemd does not ask for it."""
    with _listening(environ) as send:
        if send is None:
            yield
            return
        unit = Unit(progress, send, beat(environ))

        def tell(over: threading.Event) -> None:
            while not over.wait(LOOK_SECONDS) and not stop.is_set():
                unit.tell()
            unit.end()

        with beside(tell, name="systemd"):
            yield


@contextmanager
def standing_by(environ: Mapping[str, str] = os.environ) -> Iterator[Tell]:
    """Gives what tells it, of who has the turn, that this process is ready to take over, and from then on lives.

    To wait is all that a standby does, so it is started; it lives until the block ends.
    """
    with _listening(environ) as send, ExitStack() as waiting:
        every = beat(environ)

        def live(over: threading.Event) -> None:
            while send is not None and every is not None and not over.wait(every):
                send("WATCHDOG=1")

        def begun(holder: str) -> None:
            if send is not None:
                send("READY=1")
                send(f"STATUS=standing by: {holder} has it"[:STATUS_LENGTH])
                waiting.enter_context(beside(live, name="systemd"))

        yield begun


@contextmanager
def _listening(environ: Mapping[str, str]) -> Iterator[Tell | None]:
    """What sends to it; None where it does not listen."""
    if not (address := environ.get("NOTIFY_SOCKET")):
        yield None
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.settimeout(SEND_SECONDS)
        yield partial(_send, notify, f"\0{address[1:]}" if address.startswith("@") else address)


def _send(notify: socket.socket, address: str, state: str) -> None:
    try:
        notify.sendto(state.encode(), address)
    except OSError as error:
        log.debug("systemd was not told", state=state, error=error.strerror)


class Unit:
    """Says of the progress what has yet to be said. `beat` is how often it is to say that it lives, in seconds."""

    def __init__(self, progress: Progress, send: Tell, beat: float | None) -> None:
        self._progress = progress
        self._send = send
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


def beat(environ: Mapping[str, str]) -> float | None:
    """How often systemd is to hear that this process lives, in seconds: twice as often as it waits for it at most."""
    waits = environ.get("WATCHDOG_USEC", "")
    ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(waits) / 2e6 if ours and waits.isdecimal() and int(waits) else None
