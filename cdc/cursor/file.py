"""Cursors as files: one JSON file for a pipeline."""

import shlex
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from cdc.cursor import disk
from cdc.cursor.cursor import WatchedSource
from cdc.cursor.standby import Standby
from cdc.cursor.store import Store
from cdc.errors import StoreUnreachable


class FileStore(Store):
    """`DIR/NAME.json`."""

    def __init__(self, directory: Path, name: str, source: WatchedSource) -> None:
        super().__init__(directory, name, source)
        self.path = directory / f"{name}.json"

    @property
    def where(self) -> str:
        return str(self.path)

    @property
    def options(self) -> str:
        return f"--cursor-dir {shlex.quote(str(self.path.parent))}"

    def text(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnreachable(
                f"cursor {self.path} cannot be read: {error.strerror}", hint="mend --cursor-dir"
            ) from error

    def keep(self, text: str | None) -> None:
        """Aside, fsync, rename, fsync of the folder (I2)."""
        try:
            if text is None:
                disk.remove(self.path)
            else:
                disk.replace(self.path, text)
        except OSError as error:
            done, hint = ("saved", "free its disk") if text is not None else ("forgotten", "delete the file")
            raise StoreUnreachable(
                f"cursor {self.path} cannot be {done}: {error.strerror}", hint=f"mend --cursor-dir or {hint}"
            ) from error

    def leased(self, *, standby: Standby | None) -> AbstractContextManager[None]:
        """The lock of the name is all there is: the folder is one machine's."""
        del standby
        return nullcontext()

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.path.parent.glob("*.json"))
