"""Where everyone stands before the changes are made: as each saves it itself when it is stopped."""

import time
from contextlib import ExitStack
from typing import Any

from bson import ObjectId
from confluent_kafka import Consumer
from pymongo.collection import Collection

from tests.bench.ground import Ground
from tests.bench.peers import connect, topics
from tests.bench.peers.connect import Worker
from tests.bench.peers.contenders import Cdc, Peer, Positions
from tests.bench.peers.settings import CONNECTORS

SECONDS = 120
PAUSE_SECONDS = 0.5


class _Follower:
    """A running peer, and the documents that made it through."""

    def __init__(self, peer: Peer, worker: Worker, consumer: Consumer) -> None:
        self.peer = peer
        self.worker = worker
        self.seen: set[str] = set()
        self._consumer = consumer

    def look(self) -> None:
        """For a moment."""
        self.worker.check()
        for message in self._consumer.consume(1000, PAUSE_SECONDS):
            self.seen.add(self.peer.parse(message).identity)


def saved(ground: Ground, collection: Collection[dict[str, Any]]) -> Positions:
    """Every peer follows until a document made it through all of them, and is stopped; then this project likewise.

    So all have the same changes before them.
    """
    with ExitStack() as stack:
        followers = []
        for peer in (Peer(connector, tuned=True) for connector in CONNECTORS):
            topic = stack.enter_context(topics.fresh(ground, peer.topic(collection.name), {}))
            consumer = stack.enter_context(ground.consumer(topic))
            chosen = {**peer.settings, **peer.connector.follow}
            worker = stack.enter_context(connect.running(ground, peer.connector, collection.name, chosen))
            followers.append(_Follower(peer, worker, consumer))
        _prime(collection, followers)
        for follower in followers:
            follower.worker.stop()
        found = {follower.peer.connector.name: connect.saved(follower.worker) for follower in followers}
    return {**found, Cdc.name: ground.cursors(collection.name)}


def _prime(collection: Collection[dict[str, Any]], followers: list[_Follower]) -> None:
    """Inserts documents until each has seen one, then waits until each has seen the last."""
    deadline = time.monotonic() + SECONDS
    last = ""
    while not all(last in follower.seen for follower in followers):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not everyone follows {collection.name} after {SECONDS} s")
        if not last or not all(follower.seen for follower in followers):
            identity = ObjectId()
            collection.insert_one({"_id": identity})
            last = str(identity)
        for follower in followers:
            follower.look()
