"""When Python looks for garbage: in a process of its own, since it is a matter of the whole process."""

import subprocess
import sys

SCRIPT = """
import gc, weakref
before = gc.get_threshold()
from cdc import garbage

class Node:
    pass

def cycle():
    node = Node()
    node.itself = node
    return node

garbage.starting()
kept = cycle()
assert gc.isenabled() and gc.get_threshold()[0] == garbage.STARTING
garbage.running()
assert gc.get_threshold() == before
assert gc.is_tracked(kept) and not any(each is kept for each in gc.get_objects())
gone = weakref.ref(cycle())
several = [[] for _ in range(10 * before[0])]
assert gone() is None
"""


def test_a_start_is_hardly_looked_at_and_what_runs_is_as_ever() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
