"""Small files that survive a crash at any instant, and what is wrong with one that does not fit."""

import json
import os
from pathlib import Path

from pydantic import ValidationError


def replace(path: Path, text: str) -> None:
    """Aside, fsync, rename, fsync of the folder (I2)."""
    aside = path.with_name(f"{path.name}.new")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    _sync(path.parent)


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _sync(path.parent)


def damage(text: bytes, error: ValidationError) -> str:
    """Why a versioned file could not be read, as the end of a sentence about it."""
    try:
        version = json.loads(text).get("version")
    except (ValueError, AttributeError):
        return "is cut short or is not JSON"
    if version != 1:
        return f"is of version {version}, and this cdc reads version 1"
    first = error.errors(include_input=False, include_url=False)[0]
    return f"is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
