"""Named data types, found among the installed packages by the entry point group `cdc.data_types`."""

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from cdc.config.misfit import quoted
from cdc.config.values import nearest
from cdc.errors import ConfigInvalid

if TYPE_CHECKING:
    from cdc.models import DataType

GROUP = "cdc.data_types"


def known() -> dict[str, list[EntryPoint]]:
    """Every data type's name, and who registers it; nothing is imported."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, package(entry))):
        found.setdefault(entry.name, []).append(entry)
    return found


def find(name: str, written: str = "data_type") -> "DataType":
    """The data type of that name; `written` is how the user named the setting.

    Raises:
        ConfigInvalid: there is none, or more than one, or its package cannot be imported.
    """
    types = known()
    if name not in types:
        near = nearest(name, tuple(types))
        raise ConfigInvalid(
            f"{written}: unknown data type {quoted(name)}" + (f": did you mean {near!r}?" if near else ""),
            hint=f"the data types are {', '.join(types)}; `cdc types` tells what each is",
        )
    first, *others = types[name]
    if others:
        packages = " and ".join(map(package, types[name]))
        raise ConfigInvalid(f"{written}: {name!r} comes from the packages {packages}", hint="uninstall all but one")
    return loaded(first)


def listed() -> tuple[list[tuple[str, "DataType", str]], ConfigInvalid | None]:
    """Name, data type and package of all that can be loaded, and what is wrong with the first that cannot."""
    rows, broken = [], None
    for entry in (entry for entries in known().values() for entry in entries):
        try:
            rows.append((entry.name, loaded(entry), package(entry)))
        except ConfigInvalid as error:
            broken = broken or error
    return rows, broken


def loaded(entry: EntryPoint) -> "DataType":
    """What an entry point names; `ConfigInvalid` names the package of one that is broken."""
    from cdc.models import DataType  # noqa: PLC0415 - few name one, and every start would wait for it

    try:
        found = entry.load()
    except Exception as error:
        raise _broken(entry, f"cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, DataType):
        raise _broken(entry, f"is not a DataType: {entry.value}")
    return found


def package(entry: EntryPoint) -> str:
    """The name of the installed package that has the entry point."""
    return entry.dist.name if entry.dist else entry.module


def _broken(entry: EntryPoint, problem: str) -> ConfigInvalid:
    line = " ".join(problem.split())
    return ConfigInvalid(
        f"data type {entry.name!r} of the package {package(entry)} {line}",
        hint=f"mend or uninstall {package(entry)}",
    )
