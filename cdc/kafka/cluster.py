"""The Kafka cluster, asked and told: whether it answers, what a topic is configured as, that there be one."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from cdc.config import KafkaSettings
from cdc.errors import CdcError, Fatal, SinkUnreachable
from cdc.kafka.errors import telling, translate

log = structlog.get_logger("cdc")

REACH_SECONDS = 5.0
ANSWER_SECONDS = 0.5
"""After which we look whether a broker has refused us meanwhile; the connection being made goes on."""
REQUEST_SECONDS = 10.0
SETTLE_SECONDS = 15.0
"""How long a topic that was just made may take to show up at the broker that is asked."""
ERRORS_ONLY = 3
"""librdkafka's `log_level`, as in syslog: what an admin client logs when it is closed is no news."""


class Cluster:
    """One admin client, kept for its owner's life."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._why: CdcError | None = None
        config: dict[str, Any] = {**settings.client_config("cdc-admin"), "error_cb": self._on_error}
        try:
            self._admin = AdminClient(config | {"log_level": ERRORS_ONLY}, logger=logging.getLogger("librdkafka"))
        except KafkaException as error:
            raise self._translate(error) from error

    def reach(self) -> None:
        """Raises `SinkUnreachable` when no broker answers, and `AccessDenied`, at once, when one refuses us."""
        deadline = time.monotonic() + REACH_SECONDS
        while True:
            try:
                self._admin.list_topics(timeout=ANSWER_SECONDS)
            except KafkaException as error:
                self._admin.poll(0)
                if self._why is not None or time.monotonic() >= deadline:
                    raise self._why or self._translate(error) from error
            else:
                return

    def describe(self, topic: str) -> Mapping[str, str] | None:
        """The topic's configuration: nothing where we may not know it, None where there is no such topic."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        try:
            found = self._admin.describe_configs([resource], request_timeout=REQUEST_SECONDS)[resource].result()
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                return self._undescribed(topic)
            raise self._translate(error, topic) from error
        return {name: str(entry.value) for name, entry in found.items()}

    def _undescribed(self, topic: str) -> Mapping[str, str] | None:
        """The same where we may not read the configuration: whether there is such a topic we may still ask."""
        try:
            self._admin.describe_topics(TopicCollection([topic]), request_timeout=REQUEST_SECONDS)[topic].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise self._translate(error, topic) from error
        log.warning("may not read the topic's configuration; taken as not compacted", topic=topic)
        return {}

    def create(
        self, topic: str, *, partitions: int | None = None, config: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Make the topic, as the settings say where nothing is said here, and wait until it is there.

        Gives its configuration.
        """
        settings = self._settings
        partitions = settings.partitions if partitions is None else partitions
        config = settings.topic_config if config is None else config
        wanted = NewTopic(topic, partitions, settings.replication_factor, config=dict(config))
        try:
            self._admin.create_topics([wanted], request_timeout=REQUEST_SECONDS)[topic].result()
            log.info("topic made", topic=topic, partitions=partitions, replication=settings.replication_factor)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise self._translate(error, topic) from error
        deadline = time.monotonic() + SETTLE_SECONDS
        while (found := self.describe(topic)) is None:
            if time.monotonic() > deadline:
                raise SinkUnreachable(f"topic {topic!r} was made but does not show up", hint="it is tried again")
            time.sleep(0.05)
        return found

    def end(self, topic: str) -> int | None:
        """The offset behind the last record of the topic's only partition, committed or not; None without the topic."""
        partition = TopicPartition(topic, 0)
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = self._admin.list_offsets({partition: latest}, request_timeout=REQUEST_SECONDS)
        try:
            end: int = asked[partition].result().offset
        except KafkaException as error:
            if error.args[0].code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._NOENT}:  # noqa: SLF001 - public
                return None
            raise self._translate(error, topic) from error
        return end

    def _translate(self, error: KafkaException, topic: str | None = None) -> CdcError:
        return translate(error.args[0], hosts=self._settings.bootstrap_servers, topic=topic)

    def _on_error(self, error: KafkaError) -> None:
        """Keep why nobody answers, and before all that we are refused."""
        if telling(error) and not isinstance(self._why, Fatal):
            self._why = translate(error, hosts=self._settings.bootstrap_servers)
