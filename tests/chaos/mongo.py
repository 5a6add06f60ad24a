"""What is done to MongoDB."""

from contextlib import suppress

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure

from cdc.local.mongod import Mongod
from tests.chaos.ground import SECONDS, Ground, start
from tests.chaos.writers import KEYS, WRITERS, Document
from tests.support import oplog
from tests.support.members import primary
from tests.support.suspending import suspended
from tests.support.waiting import until

MOST = WRITERS * KEYS


def primary_killed(ground: Ground) -> None:
    first = _primary(ground)
    first.kill()
    ground.flow(50)
    start(first)


def stepped_down(ground: Ground) -> None:
    with suppress(ConnectionFailure):  # it hangs up on everyone
        _primary(ground).run({"replSetStepDown": 5, "force": True})


def rolled_back(ground: Ground) -> None:
    """The primary is left alone with writes that only it has, the others elect one of them, and it comes back.

    The others are killed, since one that sleeps still finds those writes in its sockets.
    """
    first = _primary(ground)
    others = [node for node in ground.stack.mongo if node is not first]
    alone = [f"alone-{ground.log.mark()}" for _ in range(100)]
    with MongoClient[Document](first.uri, w=1) as client:
        client.admin.command("ping")  # it steps down 2 s after the others are gone
        for node in others:
            node.kill()
        client[ground.database].info.insert_many([{"_id": key, "w": 0} for key in alone])
    with suspended(first):
        start(*others)
        _primary(ground, less=first)
        ground.flow(50)
    until(lambda: first.hello().get("secondary"), seconds=SECONDS, what="the end of the rollback")
    with MongoClient[Document](ground.stack.mongo_uri) as client:
        assert not client[ground.database].info.count_documents({"_id": {"$in": alone}})


def dropped(ground: Ground) -> None:
    """The collection is dropped while nobody watches, and made again by who writes on."""
    with ground.log.hush():
        ground.caught_up()
        assert ground.child.stop(seconds=60) == 0, ground.child.text[-3000:]
        with MongoClient[Document](ground.stack.mongo_uri) as client:
            client[ground.database].drop_collection("info")
    _written_again(ground)
    ground.watch()
    ground.flow()


def history_lost(ground: Ground) -> None:
    """The oplog goes on until it has forgotten the position, while nobody watches and the writers go on."""
    with ground.log.hush() as before:
        ground.caught_up()
        assert ground.child.stop(seconds=60) == 0, ground.child.text[-3000:]
    saved = ground.cursor()
    assert saved is not None
    assert saved.position.time is not None
    with MongoClient[Document](ground.stack.mongo_uri) as client:
        oplog.roll(client, saved.position.time)
    child = ground.watch()
    if ground.settings["on_history_lost"] == "fail":
        assert child.wait(SECONDS) == 4, child.text[-3000:]
        assert ground.cursor() == saved
        child = ground.watch("--on-history-lost", "resnapshot")
    until(lambda: "history lost" in child.text or not child.alive, seconds=SECONDS, what="a lost position")
    until(lambda: ground.cursor() != saved or not child.alive, seconds=SECONDS, what="a new position")
    assert child.alive, child.text[-3000:]
    with ground.log.hush():
        ground.log.forget(before)
    _written_again(ground)


def _written_again(ground: Ground) -> None:
    """Every document is written again, so that the topic must be the collection after all."""
    with ground.log.hush():
        ground.log.renewed = set()
    ground.renewed(MOST)


def _primary(ground: Ground, less: Mongod | None = None) -> Mongod:
    return primary((node for node in ground.stack.mongo if node is not less), seconds=SECONDS)
