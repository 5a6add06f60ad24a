"""What is done to the watcher's process: killed, put to sleep, told another time."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pymongo import MongoClient

from tests.chaos.ground import SECONDS, CannotRun, Ground, pause
from tests.chaos.writers import Document
from tests.support.suspending import suspend, suspended
from tests.support.waiting import until

LOADED, RATE = 2000, 1000
"""Documents of a load that many kills hit, and how many of them are read in a second."""

TRANSACTION_SECONDS = 10
SLEEP_SECONDS = 15.0
"""Longer than a lease and than such a transaction lives."""

HOUR = 3600
STALL_SECONDS = 20
CLOCK = Path(__file__).with_name("clock.c")


def loading(ground: Ground) -> None:
    """Have a load that takes its time."""
    ground.settings |= {"max_rate": RATE}
    documents: list[Document] = [{"_id": f"loaded-{number}", "text": "x" * 200} for number in range(LOADED)]
    with MongoClient[Document](ground.stack.mongo_uri) as client:
        client[ground.database].info.insert_many(documents, ordered=False)


def killed(ground: Ground) -> None:
    """SIGKILL, at a random moment. It is stopped just before, so that it can be seen where that hits it."""
    child = ground.child
    suspend(child.process)
    ground.hits[_where(ground)] += 1
    child.kill()
    ground.watch()


def _where(ground: Ground) -> str:
    names = set(_functions(ground.child.process.pid))
    if "commit" in names:
        return "a commit"
    if "keep" in names:
        return "a save of the position"
    cursor = ground.cursor()
    return "the load" if cursor is not None and cursor.phase == "load" else "the stream"


def _functions(pid: int) -> Iterator[str]:
    """What the loop of a stopped watcher is in."""
    spy = str(Path(sys.executable).with_name("py-spy"))
    dump = [spy, "dump", "--nonblocking", "--json", "--pid", str(pid)]
    found = subprocess.run(dump, capture_output=True, text=True, check=False)
    for thread in json.loads(found.stdout) if found.returncode == 0 else ():
        if thread["thread_name"] == "MainThread":
            yield from (frame["name"].rpartition(".")[2] for frame in thread["frames"])


def hasty(ground: Ground) -> None:
    """Transactions end of themselves before the sleep is over."""
    ground.settings |= {"kafka.properties": json.dumps({"transaction.timeout.ms": TRANSACTION_SECONDS * 1000})}


def replaced(ground: Ground) -> None:
    """Asleep until lease, transaction and MongoDB's cursors are gone, while another instance takes over."""
    first, place = ground.child, f"cursors-{len(ground.children)}"
    with suspended(first.process):
        second = ground.watch(place=place)
        _cursors_expire(ground)
        until(lambda: "watching" in second.text or not second.alive, seconds=SECONDS, what="a second instance")
        ground.flow()
        pause(min(SLEEP_SECONDS, ground.outage))
    until(lambda: not first.alive, seconds=SECONDS, what="the first one's end")
    assert first.process.returncode == 6, first.text[-3000:]
    assert "taken over by pid" in first.text


def slept(ground: Ground) -> None:
    """The same, and nobody took over."""
    with suspended(ground.child.process):
        _cursors_expire(ground)
        pause(SLEEP_SECONDS)


def _cursors_expire(ground: Ground) -> None:
    """MongoDB does that to cursors that nobody asks, after half an hour."""
    with MongoClient[Document](ground.stack.mongo_uri) as client:
        idle = {"type": "idleCursor", "ns": f"{ground.database}.info"}
        pipeline: list[Document] = [{"$currentOp": {"allUsers": True, "idleCursors": True}}, {"$match": idle}]
        found = [each["cursor"]["cursorId"] for each in client.admin.aggregate(pipeline)]
        client[ground.database].command({"killCursors": "info", "cursors": found})


def clocked(ground: Ground) -> None:
    """The watcher's clock is off by what a file says, but for the one that only ever goes on."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise CannotRun("there is no C compiler")
    shifted = ground.folder / "clock.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", shifted, CLOCK, "-ldl"], check=True)
    _clock(ground).write_bytes(bytes(8))
    ground.settings |= {"stall_timeout": STALL_SECONDS}
    ground.environment |= {"LD_PRELOAD": str(shifted), "CLOCK_OFFSET": str(_clock(ground))}


def clock_set(ground: Ground) -> None:
    """On by an hour, back by two, and right again; each time until a position is saved by that clock."""
    for hours in (1, -1, 0):
        _set(ground, hours * HOUR)
        until(partial(_saved_by, ground, hours), seconds=SECONDS, what=f"a position saved {hours} h off")
        ground.hits[f"{hours:+} h"] += 1


def _saved_by(ground: Ground, hours: int) -> bool:
    """A watcher that stands still, as a Kafka client may that waits by the clock, ends, and is started again."""
    child = ground.child
    if not child.alive:
        assert child.process.returncode == 3, child.text[-3000:]
        assert "the loop stands still" in child.text, child.text[-3000:]
        ground.hits["ended as it stood still"] += 1
        ground.watch()
    saved = ground.cursor()
    return saved is not None and round((saved.saved_at.timestamp() - time.time()) / HOUR) == hours


def _clock(ground: Ground) -> Path:
    return ground.folder / "clock"


def _set(ground: Ground, seconds: int) -> None:
    with _clock(ground).open("r+b", buffering=0) as file:
        file.write(seconds.to_bytes(8, sys.byteorder, signed=True))
