"""The servers that are broken: few or many, with proxies before them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cdc.local import port
from cdc.local.stack import Stack
from tests.support import oplog
from tests.support.proxy import Proxy, kafka_message, proxied

Start = Callable[..., Stack]
"""Takes the options of `cdc.local.stack.up`."""


class Kind(Enum):
    """`ONE` of each, behind proxies too; `THREE` of each; a MongoDB that soon is `FORGETFUL`."""

    ONE = "one"
    THREE = "three"
    FORGETFUL = "forgetful"


@dataclass(frozen=True, slots=True)
class Servers:
    """`proxies` are the ways to MongoDB and to Kafka that can be broken, where there are such."""

    stack: Stack
    proxies: tuple[Proxy, Proxy] | None = None

    def environment(self, *, network: bool) -> dict[str, str]:
        """By which a watcher finds them; with `network` through the proxies."""
        if not network:
            return dict(self.stack.environment())
        assert self.proxies is not None
        mongo, kafka = self.proxies
        return {"CDC_MONGO__URI": mongo.uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka.port}"}

    def mend(self) -> None:
        """The network, whatever was done to it."""
        for proxy in self.proxies or ():
            proxy.mend()


@contextmanager
def served(kind: Kind, start: Start) -> Iterator[Servers]:
    """Servers of the kind, until the block ends; who started them deletes them."""
    match kind:
        case Kind.ONE:
            with _behind_proxies(start) as servers:
                yield servers
        case Kind.THREE:
            yield Servers(start(mongo_nodes=3, brokers=3))
        case Kind.FORGETFUL:
            yield Servers(start(mongo_settings=oplog.SMALL))


@contextmanager
def _behind_proxies(start: Start) -> Iterator[Servers]:
    """The broker has a second door, and tells who comes through that one that it is where the proxy is."""
    first = port.free(4)
    doors = {"PLAINTEXT": first, "CONTROLLER": first + 1, "PROXIED": first + 2}
    with ExitStack() as over:
        kafka = over.enter_context(proxied((port.HOST, doors["PROXIED"]), kafka_message))
        settings: dict[str, Any] = {
            "listeners": ",".join(f"{name}://{port.HOST}:{number}" for name, number in doors.items()),
            "advertised.listeners": f"PLAINTEXT://{port.HOST}:{first},PROXIED://{port.HOST}:{kafka.port}",
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in doors),
        }
        stack = start(mongo_port=first + 3, kafka_port=first, kafka_settings=settings)
        mongo = over.enter_context(proxied((port.HOST, stack.mongo[0].port)))
        yield Servers(stack, (mongo, kafka))
