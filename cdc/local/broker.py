"""One Apache Kafka node in KRaft mode: broker and controller in one process."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from cdc.errors import Retryable, SinkUnreachable
from cdc.local import install, port
from cdc.local.process import wait_for
from cdc.local.server import Server, Settings, written

_CLUSTER = "Y2RjLWxvY2FsLWNsdXN0ZQ"
"""The cluster's id: 16 bytes in base64."""

_JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")
_LOGGING = """\
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
"""
_EXCEPTION = re.compile(r"(?:Caused by: |Exception in thread \S+ )?[\w.$]+(?:Exception|Error): (.+)")
_CALL_SECONDS = 2
_MEETING_SECONDS = 30


@dataclass
class Broker(Server):
    """`settings` are those of Kafka's `server.properties`; `controllers` are every node's controller ports, in order.

    https://kafka.apache.org/43/configuration/broker-configs/
    """

    number: int = 1
    controllers: Sequence[int] = ()

    port_option: ClassVar[str] = "--kafka-port"
    unreachable: ClassVar[type[Retryable]] = SinkUnreachable

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        scratch = self.home / "tmp"
        scratch.mkdir(exist_ok=True)
        logging = self.home / "log4j2.properties"
        logging.write_text(_LOGGING)
        properties = self.home / "server.properties"
        properties.write_text("".join(f"{name}={written(value)}\n" for name, value in self._properties().items()))
        options = (*_JVM, f"-Djava.io.tmpdir={scratch}", f"-Dlog4j2.configurationFile={logging}")
        java = [str(install.java()), *options, "-cp", f"{install.kafka()}/*"]
        if not (self.home / "data" / "meta.properties").exists():
            self.prepare([*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(properties)])
        return [*java, "kafka.Kafka", str(properties)], {}

    def answers(self) -> bool:
        return self.number in self.members()

    def members(self) -> set[int]:
        """The brokers it knows to be alive; empty where it does not answer."""
        quiet: dict[str, str | int | float | bool] = {"bootstrap.servers": self.address, "log_level": 0}
        with suppress(KafkaException):
            return set(AdminClient(quiet).list_topics(timeout=_CALL_SECONDS).brokers)
        return set()

    def last_words(self, lines: list[str]) -> str:
        reasons = [found[1] for line in lines if (found := _EXCEPTION.match(line))]
        return reasons[-1] if reasons else lines[-1]

    def _properties(self) -> Settings:
        nodes = len(self.controllers)
        replicas, quorum = min(nodes, 3), min(nodes, 2)
        voters = (f"{number}@{port.HOST}:{controller}" for number, controller in enumerate(self.controllers, 1))
        return {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": ",".join(voters),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{port.HOST}:{self.controllers[self.number - 1]}",
            "log.dirs": str(self.home / "data"),
            "auto.create.topics.enable": False,
            "default.replication.factor": replicas,
            "min.insync.replicas": quorum,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": quorum,
            "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0,
            # A killed broker is let in again only after the session it left behind.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 500,
            **self.settings,
        }


def meet(brokers: Sequence[Broker]) -> None:
    """Waits until every broker knows every other."""
    if not wait_for(lambda: all(len(broker.members()) == len(brokers) for broker in brokers), _MEETING_SECONDS):
        raise SinkUnreachable(
            f"the {len(brokers)} brokers do not all know each other after {_MEETING_SECONDS} s",
            hint=f"their logs are in {brokers[0].folder}",
        )
