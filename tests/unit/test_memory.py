"""Garbage and the pools of the C library, in processes of their own, since they are a matter of a whole process."""

import os
import platform
import subprocess
import sys

import pytest

from cdc import memory

GARBAGE = """
import gc, weakref
before = gc.get_threshold()
from cdc import memory

class Node:
    pass

def cycle():
    node = Node()
    node.itself = node
    return node

memory.starting()
kept = cycle()
assert gc.isenabled() and gc.get_threshold()[0] == memory.STARTING
memory.running()
assert gc.get_threshold() == before
assert gc.is_tracked(kept) and not any(each is kept for each in gc.get_objects())
gone = weakref.ref(cycle())
several = [[] for _ in range(10 * before[0])]
assert gone() is None
"""

POOLS = """
import ctypes, threading
from cdc import memory

memory.pooled()
held = threading.Barrier(9)
threads = [threading.Thread(target=lambda: (bytearray(100_000), held.wait(), held.wait())) for _ in range(8)]
for thread in threads:
    thread.start()
held.wait()
c = ctypes.CDLL(None)
c.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(c.fdopen(1, b"w"))
c.malloc_info(0, out)
c.fflush(out)
held.wait()
"""


def run(script: str, **environment: str) -> str:
    """What it prints."""
    env = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has pools")
def test_threads_share_two_pools_of_memory_or_as_many_as_the_user_says() -> None:
    assert run(POOLS).count("<heap nr=") == memory.ARENAS
    assert run(POOLS, MALLOC_ARENA_MAX="4").count("<heap nr=") == 4


def test_a_start_is_hardly_looked_at_and_what_runs_is_as_ever() -> None:
    run(GARBAGE)
