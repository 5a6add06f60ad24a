"""Ports on 127.0.0.1."""

import contextlib
import secrets
import socket

HOST = "127.0.0.1"
FIRST, LAST = 15000, 32767
"""Below the ports Linux gives to outgoing connections: there, a client that keeps calling a stopped server can be given
the server's own port, connect to itself, and keep the server from coming back."""


def free(count: int) -> int:
    """The first of `count` free ports in a row."""
    while True:
        first = FIRST + secrets.randbelow(LAST - FIRST - count)
        if not any(obstacle(first + offset) for offset in range(count)):
            return first


def obstacle(port: int) -> str | None:
    """Why a server cannot listen there, in the system's words; None when it can."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            return error.strerror
    return None


def accepts(port: int) -> bool:
    """Whether somebody listens."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False
