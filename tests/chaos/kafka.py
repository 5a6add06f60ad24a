"""What is done to Kafka."""

import random
from contextlib import suppress

from confluent_kafka import ElectionType, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from cdc.local.broker import Broker
from tests.chaos.ground import SECONDS, Ground, pause, start
from tests.support.suspending import suspended
from tests.support.waiting import until

SLOW_SECONDS, SLOW_TIMES = 3.0, 2
IMPATIENT = {"stall_timeout": 2}
"""A loop may stand for that long: to wait for Kafka is not to stand still."""


def leader_killed(ground: Ground) -> None:
    leader = _leader(ground)
    leader.kill()
    ground.flow(50)
    start(leader)


def leader_moved(ground: Ground) -> None:
    """By a broker that ends in good order, and back to it by an election."""
    leader = _leader(ground)
    leader.stop()
    ground.flow(50)
    start(leader)
    admin = _admin(ground)
    partition = TopicPartition(ground.topic, 0)

    def back() -> bool:
        with suppress(KafkaException):  # it has yet to catch up
            done = admin.elect_leaders(ElectionType.PREFERRED, [partition]).result()
            error = done[partition]
            return error is None or error.code() == KafkaError.ELECTION_NOT_NEEDED
        return False

    until(back, seconds=SECONDS, what="an election")
    ground.hits["moved back" if _leader(ground) is leader else "stayed"] += 1


def brokers_stopped(ground: Ground) -> None:
    for broker in ground.stack.brokers:
        broker.kill()
    pause(ground.outage)
    start(*ground.stack.brokers)


def broker_slow(ground: Ground) -> None:
    """It answers late, again and again."""
    for _ in range(SLOW_TIMES):
        with suspended(random.choice(ground.stack.brokers)):
            pause(SLOW_SECONDS)
        pause(0.3)


def _leader(ground: Ground) -> Broker:
    """Of the topic's first partition."""

    def found() -> int:
        with suppress(KafkaException):
            return int(_admin(ground).list_topics(ground.topic, timeout=5).topics[ground.topic].partitions[0].leader)
        return 0

    number = until(lambda: max(found(), 0), seconds=SECONDS, what="a leader of the topic")
    return next(broker for broker in ground.stack.brokers if broker.number == number)


def _admin(ground: Ground) -> AdminClient:
    return AdminClient({"bootstrap.servers": ground.stack.kafka, "log_level": 2})
