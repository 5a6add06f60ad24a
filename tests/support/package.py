"""A package of a team's own, as an installer leaves it."""

from collections.abc import Mapping
from pathlib import Path


def install(folder: Path, name: str, code: str, **data_types: str) -> None:
    """One module of the package's name in `folder`, which a `sys.path` must have, with its data types' entry points."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(_group(data_types), encoding="utf-8")


def _group(data_types: Mapping[str, str]) -> str:
    return "\n".join(["[cdc.data_types]", *(f"{name} = {value}" for name, value in data_types.items()), ""])
