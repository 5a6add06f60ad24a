"""What is done to a running watcher and to its servers."""

import random
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from cdc.local.mongod import Mongod
from tests.chaos.ground import SECONDS, Ground
from tests.chaos.writers import Document
from tests.support.proxy import Proxy, Torn
from tests.support.suspending import suspended
from tests.support.waiting import until

EXACTLY_ONCE = ("--guarantee", "exactly-once")
KILLS = 10
"""In one run of that fault."""

OUTAGE_SECONDS = 10.0
LARGE = 1000
"""Bytes of a message that has more than a heartbeat in it."""

_pause = threading.Event().wait


@dataclass(frozen=True, slots=True)
class Fault:
    """Done `times` to servers in threes where it needs `three` of them; each counts as so `many`.

    `elsewhere` is whether the suite has a test of its own for it.
    """

    name: str
    do: Callable[[Ground], None]
    times: int = 10
    many: int = 1
    more: tuple[str, ...] = ()
    three: bool = False
    proxy: bool = False
    elsewhere: bool = False

    @property
    def exactly_once(self) -> bool:
        return "exactly-once" in self.more


def killed(ground: Ground) -> None:
    """SIGKILL, at a random moment each time."""
    for _ in range(KILLS):
        _pause(random.random() * 1.5)
        ground.child.kill()
        ground.watch()
    ground.flow()


def replaced(ground: Ground) -> None:
    """Stopped for longer than the lease or the transaction lives, while another instance takes over."""
    first = ground.child
    with suspended(first.process):
        second = ground.watch("elsewhere")
        until(lambda: "watching" in second.text or not second.alive, seconds=SECONDS, what="a second instance")
        ground.flow()
    until(lambda: not first.alive, seconds=SECONDS, what="the first one's end")
    assert first.process.returncode == 6, first.text[-3000:]
    assert "taken over by pid" in first.text


def slept(ground: Ground) -> None:
    """Stopped for longer than a transaction lives, and nobody took over."""
    with suspended(ground.child.process):
        _pause(OUTAGE_SECONDS + 5)


def primary_killed(ground: Ground) -> None:
    primary = _primary(ground)
    primary.kill()
    ground.flow(50)
    primary.start()


def stepped_down(ground: Ground) -> None:
    with suppress(ConnectionFailure):  # it hangs up on everyone
        _primary(ground).run({"replSetStepDown": 5, "force": True})


def rolled_back(ground: Ground) -> None:
    """The primary is cut off with writes that only it has, another one is elected, and it comes back."""
    primary = _primary(ground)
    with ExitStack() as asleep:
        for node in ground.stack.mongo:
            if node is not primary:
                asleep.enter_context(suspended(node))
        with MongoClient[Document](primary.uri, w=1) as client:
            client[ground.database].info.insert_many([{"_id": f"lost-{number}", "w": 0} for number in range(100)])
        with suspended(primary):
            asleep.close()
            until(lambda: _primary(ground, less=primary), seconds=SECONDS, what="another primary")
            ground.flow(50)


def leader_killed(ground: Ground) -> None:
    broker = random.choice(ground.stack.brokers)
    broker.kill()
    ground.flow(50)
    broker.start()


def brokers_stopped(ground: Ground) -> None:
    for broker in ground.stack.brokers:
        broker.kill()
    _pause(OUTAGE_SECONDS)
    for broker in ground.stack.brokers:
        broker.launch()
    for broker in ground.stack.brokers:
        broker.wait()


def broker_slow(ground: Ground) -> None:
    """It answers late, again and again."""
    for _ in range(5):
        with suspended(ground.stack.brokers[0]):
            _pause(1)
        _pause(0.3)


def network_cut(ground: Ground) -> None:
    _proxy(ground).cut()


def network_delayed(ground: Ground) -> None:
    proxy = _proxy(ground)
    proxy.spoil = _late
    _pause(5)
    proxy.spoil = bytes


def network_reset(ground: Ground) -> None:
    """In the middle of a message."""
    proxy = _proxy(ground)
    proxy.spoil = partial(_torn, proxy)
    until(lambda: proxy.spoil is bytes, seconds=SECONDS, what="a torn message")


def network_half_open(ground: Ground) -> None:
    """What is sent goes nowhere, and nobody says so."""
    with _proxy(ground).silent():
        _pause(OUTAGE_SECONDS)


FAULTS = [
    Fault("SIGKILL of the watcher", killed, times=20, many=KILLS, elsewhere=True),
    Fault("SIGKILL of the watcher, exactly once", killed, times=10, many=KILLS, more=EXACTLY_ONCE, elsewhere=True),
    Fault("asleep, another instance takes over", replaced, more=("--cursor-store", "mongo", "--standby")),
    Fault("asleep, another instance takes over, exactly once", replaced, more=EXACTLY_ONCE, elsewhere=True),
    Fault("asleep, nobody takes over, exactly once", slept, more=EXACTLY_ONCE, elsewhere=True),
    Fault("the primary killed", primary_killed, three=True),
    Fault("the primary stepped down", stepped_down, three=True),
    Fault("the primary cut off and rolled back", rolled_back, three=True),
    Fault("a broker of three killed", leader_killed, three=True),
    Fault("a broker of three killed, exactly once", leader_killed, three=True, more=EXACTLY_ONCE),
    Fault("all brokers stopped", brokers_stopped, elsewhere=True),
    Fault("all brokers stopped, exactly once", brokers_stopped, more=EXACTLY_ONCE),
    Fault("a broker that answers slowly", broker_slow),
    Fault("the network cut", network_cut, proxy=True),
    Fault("the network delayed by 500 ms", network_delayed, proxy=True),
    Fault("a connection reset in the middle of a message", network_reset, proxy=True),
    Fault("a connection half open", network_half_open, proxy=True),
]


def _proxy(ground: Ground) -> Proxy:
    assert ground.proxy is not None
    return ground.proxy


def _late(message: bytes) -> bytes:
    _pause(0.5)
    return message


def _torn(proxy: Proxy, message: bytes) -> bytes:
    if len(message) < LARGE:
        return message
    proxy.spoil = bytes
    raise Torn(message[: len(message) // 2])


def _primary(ground: Ground, less: Mongod | None = None) -> Mongod:
    def found() -> Mongod | None:
        nodes = [node for node in ground.stack.mongo if node is not less and node.running]
        return next((node for node in nodes if node.hello().get("isWritablePrimary")), None)

    primary = until(found, seconds=SECONDS, what="a primary")
    assert primary is not None
    return primary
