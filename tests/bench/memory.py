"""How much memory large documents take."""

from tests.bench import documents
from tests.bench.ground import Ground

DOCUMENTS = 1000
CONFIG = "kafka: {topic_config: {max.message.bytes: 16777216}}\n"


def peak(ground: Ground) -> int:
    """Bytes at the peak of `cdc watch --once` while 1,000 documents of 1 MB go through it."""
    collection = ground.collection()
    cursors = ground.cursors(collection.name)
    documents.insert(collection, documents.megabytes(DOCUMENTS), chunk=10)
    config = ground.empty() / "config.yaml"
    config.write_text(CONFIG)
    topic = f"{collection.name}-large"
    used = ground.drain(collection.name, topic, cursors, "--config", str(config))
    ground.require(topic, DOCUMENTS)
    ground.forget(collection, topic)
    return used.peak_bytes
