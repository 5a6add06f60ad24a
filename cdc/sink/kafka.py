"""Records into Kafka; acknowledgements back to the batch they belong to."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cdc import metrics
from cdc.config import KafkaSettings
from cdc.errors import CdcError, Fenced, Poison, SinkUnreachable, Unencodable
from cdc.events import Operation, Pending, Records, Rejected, cluster_time
from cdc.kafka.errors import telling, translate
from cdc.kafka.transactions import Transactions
from cdc.metrics import timed
from cdc.sink.topics import Topics

log = structlog.get_logger("cdc")

PROBE_SECONDS = 1.0
HURRY_SECONDS = 0.001
"""The least that librdkafka flushes for; by then its own thread has taken notice."""
PREPARE_SECONDS = 5.0

Letter = tuple[bytes | None, bytes]


class Turn(Protocol):
    """See `cursor.store.Store`."""

    @property
    def patience(self) -> float | None: ...

    def confirm(self) -> None: ...


class KafkaSink:
    """Implements `pipeline.Sink`. Callbacks of the producer run inside `poll` and `flush`, on the caller's thread.

    With `transactions` it produces into those, which the cursor store ends; `explained` says who fenced it out.
    Nothing is sent once another instance may have gone on from the cursor `kept`.
    """

    def __init__(  # noqa: PLR0913 - keywords
        self,
        settings: KafkaSettings,
        topics: Topics,
        *,
        name: str,
        letter: Callable[[Rejected], Letter],
        transactions: Transactions | None = None,
        explained: Callable[[], CdcError] | None = None,
        kept: Turn | None = None,
    ) -> None:
        self._settings = settings
        self._hosts = settings.bootstrap_servers
        self._name = name
        self._topics = topics
        self._letter = letter
        self._transactions = transactions
        self._explained = explained
        self._kept = kept
        self._translate = translate if transactions is None else transactions.translate
        self._letters: deque[tuple[Letter, Pending]] = deque()
        self._failure: CdcError | None = None
        self._half = False
        self._down = False
        self._why: str | None = None
        self._producer: Producer

    @timed("kafka.open")
    def open(self) -> None:
        self._topics.open()
        try:
            self._producer = self._made()
            self._prepare()
        except KafkaException as error:
            raise self._translate(error.args[0], hosts=self._hosts) from error

    def _made(self) -> Producer:
        if self._transactions is not None:
            self._transactions.heard = self._on_error
            return self._transactions.producer
        config: dict[str, Any] = {**self._settings.producer_config(self._name), "error_cb": self._on_error}
        config["batch.size"] = str(self._topics.batch_size)
        if self._kept is not None and self._kept.patience is not None:
            config["message.timeout.ms"] = str(int(self._kept.patience * 1000))
        return Producer(config, logger=logging.getLogger("librdkafka"))

    def _prepare(self) -> None:
        """Have the connection and the producer id that the first record needs.

        librdkafka asks for an id once it knows the brokers, and again when it hears of a topic, else every half second.
        What it hears first may come over the connection to the bootstrap server, which then ends, so it asks in vain.
        https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_idempotence.c
        """
        for _ in range(2):
            self._producer.list_topics(self._topics.one, timeout=PREPARE_SECONDS)

    def produce(self, records: Records, start: int, slot: Pending) -> int:
        if not self._begun():
            return start
        produce = self._producer.produce
        delivered = self._callback(slot)
        namespace, operation, topic, tombstones = None, None, None, False
        sent, index = 0, start
        half, self._half = self._half, False
        try:
            for index in range(start, len(records)):
                if records.namespaces[index] is not namespace or records.operations[index] is not operation:
                    namespace, operation = records.namespaces[index], records.operations[index]
                    topic = self._topics.route(namespace, operation)
                    tombstones = topic is not None and topic.tombstones and operation is Operation.DELETE
                if topic is None:
                    continue
                key, value, ms = records.keys[index], records.values[index], records.times_ms[index]
                fits = len(key) + len(value) <= topic.room
                if not fits and self._set_aside(_place(records, index), slot):
                    continue
                if not half:
                    on_delivery = delivered if fits else partial(self._large, slot, _place(records, index))
                    produce(topic.name, value, key, on_delivery=on_delivery, timestamp=ms)
                    sent += 1
                if tombstones:
                    half = True
                    produce(topic.name, None, key, on_delivery=delivered, timestamp=ms)
                    sent += 1
                half = False
        except BufferError:
            self._half = half
            return index
        except KafkaException as error:
            sent += 1
            self._refused(self._translate(error.args[0], hosts=self._hosts), _place(records, index), slot)
            return index + 1
        finally:
            slot.expect(sent)
        return len(records)

    def _begun(self) -> bool:
        """Whether it is our turn, and there is a transaction where there must be; `poll` raises what is wrong."""
        try:
            if self._kept is not None:
                self._kept.confirm()
            if self._transactions is not None:
                self._transactions.begin()
        except CdcError as error:
            self._failure = error
            return False
        return True

    def reject(self, rejected: Rejected, slot: Pending) -> None:
        self._send_letter(Unencodable, rejected, slot)

    def poll(self, seconds: float) -> None:
        with self._fatal():
            self._producer.poll(seconds)
        self._produce_letters()
        if isinstance(self._failure, Fenced):
            raise self._failure if self._explained is None else self._explained()
        if self._failure is not None:
            raise self._failure

    def hurry(self) -> None:
        """A flush ends the wait for company (`linger.ms`), even one that gives up before the acknowledgements."""
        with self._fatal():
            self._producer.flush(HURRY_SECONDS)

    @timed("kafka.flush")
    def flush(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self.hurry()
        while (len(self._producer) or self._letters) and self._may_settle and time.monotonic() < deadline:
            with self._fatal():
                self._producer.poll(0.05)
            self._produce_letters()

    @contextmanager
    def _fatal(self) -> Iterator[None]:
        """The client raises what it cannot go on after; all else it tells `_on_error`."""
        try:
            yield
        except KafkaException as error:
            self._failure = self._translate(error.args[0], hosts=self._hosts)

    @property
    def _may_settle(self) -> bool:
        """Whether the records in flight can still be acknowledged: a poisoned one leaves the others alone."""
        return self._failure is None or isinstance(self._failure, Poison)

    def missing(self) -> str | None:
        """Asks the brokers only after they were all seen down, since an idle producer does not notice a return."""
        if not self._down:
            return None
        try:
            self._producer.list_topics(timeout=PROBE_SECONDS)
        except KafkaException:
            return self._why or f"Kafka at {self._hosts} cannot be reached"
        self._down, self._why = False, None
        return None

    def close(self) -> None:
        self._letters.clear()
        if hasattr(self, "_producer"):
            self._producer.purge()
            with self._fatal():
                self._producer.poll(0)
        if self._transactions is not None:
            self._transactions.abort()

    def _callback(self, slot: Pending) -> Callable[[KafkaError | None, Message], None]:
        acknowledge = slot.acknowledge

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                acknowledge()
            else:
                self._undelivered(error, message)

        return delivered

    def _large(self, slot: Pending, place: Rejected, error: KafkaError | None, message: Message) -> None:
        """The delivery of a record that the broker may find too large: only it remembers the event's place."""
        if error is None:
            slot.acknowledge()
            return
        ours = self._translate(error, hosts=self._hosts, topic=message.topic())
        if not isinstance(ours, Poison):
            self._undelivered(error, message)
        elif self._transactions is None or self._topics.dead_letter is None:
            self._refused(ours, place, slot)
        else:
            self._transactions.refuse(place, ours)
            self._failure = self._failure or SinkUnreachable(
                f"Kafka at {self._hosts} undoes a transaction: {ours}", hint="a dead letter takes the record's place"
            )

    def _set_aside(self, place: Rejected, slot: Pending) -> bool:
        """Whether a transaction was undone for that record, so that a letter takes its place."""
        known = None if self._transactions is None else self._transactions.leave_out(place)
        if known is None:
            return False
        self._send_letter(type(known), place, slot, reason=str(known))
        return True

    def _undelivered(self, error: KafkaError, message: Message) -> None:
        if self._failure is None:
            self._failure = self._translate(error, hosts=self._hosts, topic=message.topic())

    def _refused(self, error: CdcError, place: Rejected, slot: Pending) -> None:
        """A record that can never be delivered becomes a dead letter; anything else ends the attempt.

        The slot waits for the record until the letter has taken its place, so that no cursor moves past it (I1).
        """
        if not isinstance(error, Poison):
            self._failure = error
            return
        try:
            self._send_letter(type(error), place, slot, reason=str(error))
        except Poison as poison:
            self._failure = poison
        else:
            slot.acknowledge()

    def _send_letter(self, kind: type[Poison], rejected: Rejected, slot: Pending, *, reason: str | None = None) -> None:
        rejected = rejected if reason is None else rejected._replace(reason=reason)
        if self._topics.dead_letter is None:
            happened = cluster_time({"_data": rejected.token})
            when = f"at {happened.as_datetime()}" if happened else "in the load"
            raise kind(
                f"{rejected.namespace}: {rejected.operation} {when}: {rejected.reason}",
                hint="set --dead-letter-topic to go on without such events; the cursor stays before this one",
            )
        metrics.DEAD_LETTERS.labels(self._name, kind.__name__).inc()
        slot.expect(1)
        self._letters.append((self._letter(rejected), slot))

    def _produce_letters(self) -> None:
        while self._letters and self._topics.dead_letter is not None:
            (key, value), slot = self._letters[0]
            if not self._begun():
                return
            try:
                self._producer.produce(self._topics.dead_letter, value, key, on_delivery=self._callback(slot))
            except BufferError:
                return
            except KafkaException as error:
                self._failure = self._translate(error.args[0], hosts=self._hosts, topic=self._topics.dead_letter)
                return
            self._letters.popleft()

    def _on_error(self, error: KafkaError) -> None:
        ours = self._translate(error, hosts=self._hosts)
        if error.fatal() or not isinstance(ours, SinkUnreachable):
            self._failure = ours
        elif telling(error):
            self._why = str(ours)
        elif error.code() == KafkaError._ALL_BROKERS_DOWN and not self._down:  # noqa: SLF001 - a public code
            self._down = True
            log.warning("Kafka cannot be reached; records wait", kafka=self._hosts, why=self._why, pipeline=self._name)


def _place(records: Records, index: int) -> Rejected:
    return Rejected(
        records.namespaces[index], records.operations[index], records.keys[index], records.tokens[index], reason=""
    )
