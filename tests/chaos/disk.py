"""What is done to the disk of the cursor, and to the cursor on it."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from cdc.errors import CursorCorrupt
from tests.chaos.ground import SECONDS, CannotRun, Ground
from tests.support.waiting import until

SIZE = "64k"
REFUSED = "cannot be saved"


def small(ground: Ground) -> None:
    """The cursor has a disk of its own."""
    ground.cursors.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(ground.cursors))
    ground.over.callback(_unmount, ground.cursors)
    ground.over.callback(ground.close)


def full(ground: Ground) -> None:
    """Full while it watches, and while it is started again."""
    filler = ground.cursors / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 512):
            pass
    _refused(ground)
    ground.child.kill()
    ground.watch()
    _refused(ground)
    filler.unlink()


def read_only(ground: Ground) -> None:
    """While it watches, which goes on later; a start then names the folder and ends."""
    folder = str(ground.cursors)
    _mount("--bind", folder, folder)
    try:
        _mount("-o", "remount,bind,ro", folder)
        _refused(ground)
        ground.child.kill()
        child = ground.watch()
        assert child.wait(SECONDS) == 2, child.text[-3000:]
        assert f"--cursor-dir: {folder} cannot be written: Read-only file system" in child.text
    finally:
        _unmount(ground.cursors)
    ground.watch()


def torn(ground: Ground) -> None:
    """A cursor that is cut short is refused, wherever it is cut, and left as it is; a whole one is gone on with."""
    ground.child.kill()
    (path,) = ground.cursors.glob("*.json")
    whole = path.read_bytes()
    for length in range(len(whole.rstrip())):
        path.write_bytes(whole[:length])
        with pytest.raises(CursorCorrupt):
            ground.cursor()
        ground.hits["cut"] += 1
    child = ground.watch()
    assert child.wait(SECONDS) == 4, child.text[-3000:]
    assert path.read_bytes() == whole[:length]
    path.write_bytes(whole)
    ground.watch()


def _refused(ground: Ground) -> None:
    """Wait until two attempts in a row could not save."""
    told = ground.child.text.count(REFUSED)
    again = lambda: ground.child.text.count(REFUSED) >= told + 2 or not ground.child.alive  # noqa: E731
    until(again, seconds=SECONDS, what="a position that cannot be saved")
    assert ground.child.alive, ground.child.text[-3000:]


def _mount(*arguments: str) -> None:
    done = subprocess.run(["/usr/bin/mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"no disk of its own: {done.stderr.strip().splitlines()[-1]}")


def _unmount(folder: Path) -> None:
    subprocess.run(["/usr/bin/umount", str(folder)], check=False)
