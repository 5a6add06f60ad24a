"""What is done to the network between the watcher and one of its servers."""

import json
import random
from functools import partial

from tests.chaos.ground import SECONDS, Ground, pause
from tests.support.proxy import Proxy, Torn
from tests.support.waiting import until

CUT_SECONDS, DELAYED_SECONDS = 3.0, 5.0
DELAY_SECONDS = 0.5
SOCKET_SECONDS = 10
"""How long the Kafka client waits for an answer."""

LARGE = 1000
"""Bytes of a message that has more than a heartbeat in it."""

HANGS = {"kafka.properties": json.dumps({"socket.timeout.ms": SOCKET_SECONDS * 1000})}

Way = int
MONGO, KAFKA = 0, 1


def cut(way: Way, ground: Ground) -> None:
    with ground.proxies[way].cut():
        pause(random.random() * CUT_SECONDS)


def delayed(way: Way, ground: Ground) -> None:
    proxy = ground.proxies[way]
    proxy.spoil = _late
    pause(DELAYED_SECONDS)
    proxy.mend()


def reset(way: Way, ground: Ground) -> None:
    """In the middle of a message: of one that is sent to Kafka, of one that comes from MongoDB."""
    proxy = ground.proxies[way]
    torn = partial(_torn, proxy)
    if way == KAFKA:
        proxy.spoil_asked = torn
    else:
        proxy.spoil = torn
    until(lambda: proxy.spoil is bytes is proxy.spoil_asked, seconds=SECONDS, what="a torn message")


def half_open(way: Way, ground: Ground) -> None:
    """What is sent on the connections that there are goes nowhere, for ever, and nobody says so."""
    ground.proxies[way].strand()
    ground.flow()


def _late(message: bytes) -> bytes:
    pause(DELAY_SECONDS)
    return message


def _torn(proxy: Proxy, message: bytes) -> bytes:
    if len(message) < LARGE:
        return message
    proxy.mend()
    raise Torn(message[: len(message) // 2])
