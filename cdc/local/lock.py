"""One at a time, across processes."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdc.errors import ConfigInvalid


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock file at `path`, waiting for whoever has it; freed by the kernel if this process dies.

    Raises:
        ConfigInvalid: the folder cannot be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise ConfigInvalid(
            f"the folder {path.parent} cannot be written: {error.strerror}",
            hint="mend its rights, or name another --dir",
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
