"""Records on standard output."""

import subprocess
import sys

ENDLESS = """
from cdc.events import Namespace, Operation, Records
from cdc.sink.stdout import StdoutSink

class Slot:
    def expect(self, records: int) -> None: ...
    def acknowledge(self) -> None: ...

records = Records([Namespace("shop", "info")], [Operation.INSERT], [b"1"], [b"2"], [3], ["t"])
sink = StdoutSink(lambda db, coll: coll, ddl=None)
while True:
    sink.produce(records, 0, Slot())
"""


def test_once_nobody_reads_it_ends_quietly() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=pipe, stderr=pipe) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == b'{"topic":"info","key":1,"value":2}\n'
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0
