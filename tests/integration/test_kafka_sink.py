"""What a full queue of the Kafka client does to a delete and its tombstone."""

from collections import Counter

import pytest

from cdc.config import KafkaSettings, load
from cdc.events import Namespace, Operation, Position, Records
from cdc.ledger import Ledger
from cdc.ops import targets
from tests.support import topic as topics

pytestmark = pytest.mark.servers

DELETES = 50


def test_a_delete_and_its_tombstone_are_sent_once_each_where_the_queue_is_full_between_them(
    kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = KafkaSettings.producer_config
    full = {"queue.buffering.max.messages": "3"}
    monkeypatch.setattr(KafkaSettings, "producer_config", lambda *given: config(*given) | full)
    flags = {"collection": ["c"], "topic": topic, "tombstones": True, "kafka.bootstrap_servers": kafka}
    sink = targets.target(load(flags, environ={}).settings, None).sink()
    keys = [b"%d" % number for number in range(DELETES)]
    records = Records(
        [Namespace("d", "c")] * DELETES, [Operation.DELETE] * DELETES, keys, keys, [0] * DELETES, [""] * DELETES
    )
    sink.open()
    slot = Ledger(lambda _: None).open(Position(), 0, Counter())
    sent = 0
    while sent < DELETES:
        sent = sink.produce(records, sent, slot)
        sink.poll(0.01)
    sink.flush(30)
    sink.close()
    assert slot.pending == 0
    assert [record.raw is None for record in topics.read(kafka, topic)] == [False, True] * DELETES
