"""Commands that are measured, each in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import launch
from tests.support.child import environment

SECONDS = 600


@dataclass(frozen=True, slots=True)
class Used:
    """What a command took from its start to its end; `started` in seconds since 1970."""

    output: str
    started: float
    cpu_s: float
    peak_bytes: int


def measured(command: Sequence[str], folder: Path, env: Mapping[str, str], seconds: float = SECONDS) -> Used:
    """Run to the end; raises where the command fails, with the last of what it said."""
    report, output, log = folder / "usage.json", folder / "output", folder / "log"
    with output.open("wb") as out, log.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-IS", launch.__file__, str(report), *command],
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if code:
        raise RuntimeError(f"{command} ended with {code}: {log.read_text(errors='replace')[-2000:]}")
    return Used(output.read_text(), **json.loads(report.read_text()))
