"""`cdc` as pip installs it: its wheel, compiled, with what that needs and no more, in an environment of its own.

From a checkout it starts slower: drivers import what only the tests need, since it is there, and a Python that may not
write beside the sources compiles them each time.
"""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = Path(".venv", "installed")

PYTHON = str(ROOT / FOLDER / "bin" / "python")
COMMAND = [str(ROOT / FOLDER / "bin" / "cdc")]


def install() -> None:
    """Build and install it, where that is not yet done for the sources as they are."""
    subprocess.run(["make", "--silent", str(FOLDER / ".ready")], cwd=ROOT, check=True)  # noqa: S607 - of whoever asks for it


def script(path: str) -> list[str]:
    """The command of a script whose imports are those of that environment."""
    return [PYTHON, "-P", path]
