"""A package of a team's own, as an installer leaves it."""

from collections.abc import Mapping
from pathlib import Path


def install(
    folder: Path, name: str, code: str, *, migrations: Mapping[str, str] | None = None, **data_types: str
) -> None:
    """One module of the package's name in `folder`, which a `sys.path` must have, with its entry points."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    groups = _group("cdc.data_types", data_types) + _group("cdc.migrations", migrations or {})
    (metadata / "entry_points.txt").write_text(groups, encoding="utf-8")


def _group(group: str, entries: Mapping[str, str]) -> str:
    return "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), ""])
