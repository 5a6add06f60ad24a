"""What must not be found in anything that a run leaves."""

from collections.abc import Iterable
from pathlib import Path

import psutil

from tests.support.child import Child
from tests.support.endpoint import Endpoint


def left(child: Child, folder: Path) -> str:
    """All that a running child with an endpoint shows and has written: log, answers, arguments, the folder's files."""
    endpoint = Endpoint(child)
    answers = [endpoint.get(path)[1] for path in ("/metrics", "/readyz", "/healthz", "/")]
    arguments = psutil.Process(child.process.pid).cmdline()
    return "\n".join([child.text, *answers, *arguments, *files(folder)])


def files(folder: Path) -> Iterable[str]:
    """Name and text of every file in the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{path}\n{path.read_text(errors='replace')}"
