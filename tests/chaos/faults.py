"""What is done to a running watcher, to its servers, and to what lies between, and how often."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.chaos import disk, kafka, mongo, network, watcher
from tests.chaos.ground import Ground
from tests.chaos.servers import Kind

EXACTLY_ONCE = {"guarantee": "exactly-once"}
STANDBY = {"cursor_store": "mongo", "standby": "true"}
POLICIES = ("fail", "resnapshot", "skip-to-now")


@dataclass(frozen=True, slots=True)
class Fault:
    """Done `times`, several in a run; `prepare` is done before the watcher is first started.

    `suite` is whether it is done once in the suite, too.
    """

    name: str
    do: Callable[[Ground], None]
    times: int = 10
    runs: int = 1
    kind: Kind = Kind.ONE
    settings: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Ground], None] | None = None
    network: bool = False
    suite: bool = False

    @property
    def exactly_once(self) -> bool:
        return self.settings.get("guarantee") == "exactly-once"


def _networks() -> list[Fault]:
    ways = [
        ("MongoDB", network.MONGO, {}),
        ("Kafka", network.KAFKA, network.HANGS),
        ("Kafka", network.KAFKA, network.HANGS | EXACTLY_ONCE),
    ]
    kinds = [
        ("cut", network.cut),
        ("delayed by 500 ms", network.delayed),
        ("reset in the middle of a message", network.reset),
        ("half open", network.half_open),
    ]
    return [
        Fault(
            f"the network to {server} {what}{_once(settings)}",
            partial(do, way),
            settings=settings,
            network=True,
            suite=do is not network.half_open and settings in ({}, network.HANGS | EXACTLY_ONCE),
        )
        for server, way, settings in ways
        for what, do in kinds
    ]


def _once(settings: Mapping[str, Any]) -> str:
    return ", exactly once" if "guarantee" in settings else ""


FAULTS = [
    Fault("SIGKILL of the watcher", watcher.killed, times=200, runs=4, prepare=watcher.loading),
    Fault(
        "SIGKILL of the watcher, exactly once",
        watcher.killed,
        times=100,
        runs=4,
        settings=EXACTLY_ONCE,
        prepare=watcher.loading,
    ),
    Fault("SIGKILL of the watcher amid changes, exactly once", watcher.killed, times=50, runs=2, settings=EXACTLY_ONCE),
    Fault("asleep, another instance takes over", watcher.replaced, runs=2, settings=STANDBY, suite=True),
    Fault(
        "asleep, another instance takes over, exactly once",
        watcher.replaced,
        runs=2,
        settings=EXACTLY_ONCE,
        prepare=watcher.hasty,
    ),
    Fault(
        "asleep, nobody takes over, exactly once",
        watcher.slept,
        runs=2,
        settings=EXACTLY_ONCE,
        prepare=watcher.hasty,
    ),
    Fault("the clock set on, back and right again", watcher.clock_set, times=4, prepare=watcher.clocked),
    Fault(
        "the clock set on, back and right again, exactly once",
        watcher.clock_set,
        times=4,
        settings=EXACTLY_ONCE,
        prepare=watcher.clocked,
    ),
    Fault("the cursor's disk full", disk.full, times=4, prepare=disk.small),
    Fault("the cursor's disk read-only", disk.read_only, times=4),
    Fault("the cursor torn at each byte", disk.torn, times=1),
    *(
        Fault(
            f"the collection dropped while stopped, {policy}",
            mongo.dropped,
            times=4,
            settings={"on_history_lost": policy},
        )
        for policy in POLICIES
    ),
    *(
        Fault(
            f"the oplog rolled over while stopped, {policy}",
            mongo.history_lost,
            times=4,
            kind=Kind.FORGETFUL,
            settings={"on_history_lost": policy},
        )
        for policy in POLICIES
    ),
    Fault("the primary killed", mongo.primary_killed, runs=2, kind=Kind.THREE, suite=True),
    Fault("the primary stepped down", mongo.stepped_down, runs=2, kind=Kind.THREE, suite=True),
    Fault("the primary cut off and rolled back", mongo.rolled_back, runs=2, kind=Kind.THREE, suite=True),
    Fault("a leader of three brokers killed", kafka.leader_killed, runs=2, kind=Kind.THREE, suite=True),
    Fault(
        "a leader of three brokers killed, exactly once",
        kafka.leader_killed,
        runs=2,
        kind=Kind.THREE,
        settings=EXACTLY_ONCE,
        suite=True,
    ),
    Fault("a topic's leader moved", kafka.leader_moved, runs=2, kind=Kind.THREE),
    Fault("a topic's leader moved, exactly once", kafka.leader_moved, runs=2, kind=Kind.THREE, settings=EXACTLY_ONCE),
    Fault("all brokers stopped for 60 s", kafka.brokers_stopped, runs=2),
    Fault(
        "all brokers stopped for 60 s, exactly once", kafka.brokers_stopped, runs=2, settings=EXACTLY_ONCE, suite=True
    ),
    Fault("a broker that answers slowly", kafka.broker_slow, settings=kafka.IMPATIENT),
    Fault(
        "a broker that answers slowly, exactly once",
        kafka.broker_slow,
        settings=EXACTLY_ONCE | kafka.IMPATIENT,
        suite=True,
    ),
    *_networks(),
]
