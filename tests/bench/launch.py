"""Runs a command and writes what it used: `launch.py REPORT COMMAND…`.

The kernel lets a new program begin with the peak memory of the process it was started from, so a command that is
measured is started from this small one.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    report, *command = sys.argv[1:]
    started = time.time()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    used = {"started": started, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}
    Path(report).write_text(json.dumps(used))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
