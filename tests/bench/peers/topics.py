"""Fresh topics, and whether they hold what they should."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic

from tests.bench.drain import messages
from tests.bench.ground import Ground
from tests.bench.peers.spoken import Change, Parse
from tests.support.waiting import until

TIMED = {"message.timestamp.type": "LogAppendTime"}
SECONDS = 30


@contextmanager
def fresh(ground: Ground, name: str, config: Mapping[str, str]) -> Iterator[str]:
    """An empty topic of one partition, which is gone when the block ends."""
    wanted = NewTopic(name, 1, 1, config=dict(config))
    ground.admin.create_topics([wanted])[name].result(SECONDS)
    until(lambda: _empty(ground, name), what=f"the topic {name}")
    try:
        yield name
    finally:
        ground.admin.delete_topics([name])[name].result(SECONDS)


def _empty(ground: Ground, topic: str) -> bool:
    """Whether it is there, as the broker tells a new client, and its forerunner of that name is not."""
    with suppress(KafkaException), ground.consumer(topic) as consumer:
        return consumer.get_watermark_offsets(consumer.assignment()[0], timeout=SECONDS) == (0, 0)
    return False


def appended(ground: Ground, topic: str, parse: Parse, expected: Sequence[Change], *, images: bool) -> list[int]:
    """When the broker appended each change, in milliseconds since 1970; raises unless they are all there.

    Every change of every document must be there once, in its order, and with its images where `images` are certain.
    """
    times: list[int] = []
    found: list[Change] = []
    for message in messages(ground, topic):
        if message.value() is not None:
            times.append(message.timestamp()[1])
            found.append(parse(message))
    if _by_document(found, images=images) != _by_document(expected, images=images):
        raise RuntimeError(f"{topic} has {len(found)} changes that are not the {len(expected)} that were made")
    return times


def _by_document(changes: Iterable[Change], *, images: bool) -> dict[str, list[tuple[object, ...]]]:
    several = defaultdict(list)
    for identity, *rest in changes:
        several[identity].append(tuple(rest if images else rest[:1]))
    return several
