"""What the commands that measure have in common: their flag, their progress, and how they end."""

import argparse
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.bench.results import Bar


def quick(name: str, description: str | None, shorter: str) -> bool:
    """Whether `--quick` is asked for, which `shorter` explains; a SIGTERM ends the process as an exit does."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--quick", action="store_true", help=shorter)
    asked: bool = parser.parse_args().quick
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return asked


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


def answer(text: str, bars: Iterable[Bar], file: Path | None) -> int:
    """Print the text and keep it in the file, if there is one; gives the exit code."""
    print(text)  # noqa: T201 - its answer
    if file is not None:
        file.write_text(text)
    return 0 if all(bar.met for bar in bars) else 1
