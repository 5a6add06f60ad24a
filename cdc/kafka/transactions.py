"""One transactional producer after another, of one name: each fences out the ones before it.

https://cwiki.apache.org/confluence/display/KAFKA/KIP-98+-+Exactly+Once+Delivery+and+Transactional+Messaging
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from cdc.config import KafkaSettings
from cdc.errors import CdcError, Fenced, Poison, SinkUnreachable
from cdc.events import Rejected
from cdc.kafka.errors import ONE_INSTANCE, refused, translate
from cdc.metrics import timed

log = structlog.get_logger("cdc")

READY_SECONDS, END_SECONDS = 30.0, 30.0
"""How long the first word of the coordinator, and the end of a transaction, are waited for."""

MEET_SECONDS, ABORT_SECONDS = 5.0, 5.0


class Transactions:
    """Of the pipeline `name`. `batch_size` gives the most bytes of a batch, asked as each producer is made.

    Whoever produces calls `begin` first; `commit` makes all of it visible at once to those who read what is committed.
    A record that a broker refuses undoes its transaction; it is known until one without it is committed.
    """

    def __init__(self, settings: KafkaSettings, name: str, batch_size: Callable[[], int]) -> None:
        self._settings = settings
        self._name = name
        self._batch_size = batch_size
        self._begun = False
        self._refused: dict[Rejected, Poison] = {}
        self._left_out: set[Rejected] = set()
        self.heard: Callable[[KafkaError], None] = self._unheard
        self.producer: Producer

    @property
    def opened(self) -> bool:
        """Whether there is a producer."""
        return hasattr(self, "producer")

    @timed("kafka.transactions.open")
    def open(self) -> None:
        """A new producer: whoever had the name is fenced out from now on, and what it left open is undone.

        It meets the brokers first: where librdkafka knows none yet, it asks for the coordinator again only after half a
        second. What is in the way of that, the coordinator's answer tells as well.
        https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_idempotence.c
        """
        self._begun, self.heard = False, self._unheard
        self._left_out.clear()
        config: dict[str, Any] = {
            **self._settings.producer_config(self._name),
            "transactional.id": self._name,
            "batch.size": str(self._batch_size()),
            "error_cb": self._on_error,
        }
        try:
            self.producer = Producer(config, logger=logging.getLogger("librdkafka"))
        except KafkaException as error:
            raise self._translate(error) from error
        with suppress(KafkaException):
            self.producer.list_topics(timeout=MEET_SECONDS)
        self._patiently(self.producer.init_transactions, READY_SECONDS)

    def begin(self) -> None:
        """Nothing where one is begun."""
        if self._begun:
            return
        try:
            self.producer.begin_transaction()
        except KafkaException as error:
            raise self._translate(error) from error
        self._begun = True

    def refuse(self, place: Rejected, why: Poison) -> None:
        """A broker has refused the record from there."""
        self._refused[place] = why

    def leave_out(self, place: Rejected) -> Poison | None:
        """Why the record from there is none of this transaction's, if a broker has refused it before."""
        if place in self._refused:
            self._left_out.add(place)
        return self._refused.get(place)

    @timed("kafka.transactions.commit")
    def commit(self) -> None:
        """Raises `Fenced`, or `SinkUnreachable` where it was undone, or may yet be: the next producer finds out."""
        self._patiently(self.producer.commit_transaction, END_SECONDS)
        self._begun = False
        for place in self._left_out:
            del self._refused[place]
        self._left_out.clear()

    def abort(self) -> None:
        """So that readers need not wait for the broker to do it; what cannot be said now is left to that."""
        if not self._begun:
            return
        self._begun = False
        try:
            self.producer.abort_transaction(ABORT_SECONDS)
        except KafkaException as error:
            log.debug("the transaction is left to the broker", error=error.args[0].name(), pipeline=self._name)

    def _patiently(self, call: Callable[[float], None], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.1, deadline - time.monotonic())
            try:
                call(left)
            except KafkaException as error:
                failure = error.args[0]
                if not failure.retriable() or time.monotonic() >= deadline:
                    raise self._translate(error) from error
            else:
                return

    def translate(self, error: KafkaError, *, hosts: str, topic: str | None = None) -> CdcError:
        """As `errors.translate`, but for what ends a transaction or its producer.

        A fatal error may hide its cause, and is most often that another producer has the name.
        """
        if refused(error):
            return translate(error, hosts=hosts, topic=topic)
        if error.txn_requires_abort():
            return SinkUnreachable(
                f"Kafka at {hosts} undid a transaction ({error.name()})",
                hint="it is sent again from the saved position",
            )
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 - a public code
            return Fenced(f"Kafka at {hosts}: the producer cannot go on ({error.name()})", hint=ONE_INSTANCE)
        return translate(error, hosts=hosts, topic=topic)

    def _translate(self, error: KafkaException) -> CdcError:
        return self.translate(error.args[0], hosts=self._settings.bootstrap_servers)

    def _on_error(self, error: KafkaError) -> None:
        self.heard(error)

    def _unheard(self, error: KafkaError) -> None:
        log.debug("kafka", error=error.name(), pipeline=self._name)
