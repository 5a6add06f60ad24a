"""What is logged, as it arrives on standard error."""

import json
import subprocess
import sys

LINES = 500
TALKERS = 4
TALK = f"""
from concurrent.futures import ThreadPoolExecutor
import structlog
from cdc.ops import logs

logs.configure("json", debug=False)

def talk(talker):
    for line in range({LINES}):
        structlog.get_logger().info("said", talker=talker, line=line)

with ThreadPoolExecutor({TALKERS}) as talkers:
    list(talkers.map(talk, range({TALKERS})))
"""


def test_lines_of_several_threads_stay_lines() -> None:
    done = subprocess.run([sys.executable, "-c", TALK], capture_output=True, text=True, check=True)
    said = {(line["talker"], line["line"]) for line in map(json.loads, done.stderr.splitlines())}
    assert said == {(talker, line) for talker in range(TALKERS) for line in range(LINES)}
