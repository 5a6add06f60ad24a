"""What installed packages bring under a name, by entry points of one group."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from cdc.config.misfit import quoted
from cdc.config.values import nearest
from cdc.errors import ConfigInvalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plugins(Generic[T]):
    """Those of `group`, each `noun` of which `command` tells more.

    `accepted` gives what an entry point's object stands for; `TypeError` says why it is none.
    """

    group: str
    noun: str
    command: str
    accepted: Callable[[object], T]

    def find(self, name: str, written: str) -> T:
        """The one of that name; `written` is how the user named the setting.

        Raises:
            ConfigInvalid: there is none, or more than one, or its package cannot be imported.
        """
        known = self._known()
        if name not in known:
            near = nearest(name, tuple(known))
            raise ConfigInvalid(
                f"{written}: unknown {self.noun} {quoted(name)}" + (f": did you mean {near!r}?" if near else ""),
                hint=f"the {self.noun}s are {', '.join(known)}; `{self.command}` tells what each is",
            )
        first, *others = known[name]
        if others:
            packages = " and ".join(map(package, known[name]))
            raise ConfigInvalid(f"{written}: {name!r} comes from the packages {packages}", hint="uninstall all but one")
        return self._loaded(first)

    def listed(self) -> tuple[list[tuple[str, T, str]], ConfigInvalid | None]:
        """Name, object and package of all that can be loaded, and what is wrong with the first that cannot."""
        rows, broken = [], None
        for entry in (entry for entries in self._known().values() for entry in entries):
            try:
                rows.append((entry.name, self._loaded(entry), package(entry)))
            except ConfigInvalid as error:
                broken = broken or error
        return rows, broken

    def _known(self) -> dict[str, list[EntryPoint]]:
        """Every name, and who registers it; nothing is imported."""
        found: dict[str, list[EntryPoint]] = {}
        for entry in sorted(entry_points(group=self.group), key=lambda entry: (entry.name, package(entry))):
            found.setdefault(entry.name, []).append(entry)
        return found

    def _loaded(self, entry: EntryPoint) -> T:
        """What an entry point names; `ConfigInvalid` names the package of one that is broken."""
        try:
            found = entry.load()
        except Exception as error:
            raise self._broken(entry, f"cannot be loaded: {type(error).__name__}: {error}") from error
        try:
            return self.accepted(found)
        except TypeError as error:
            raise self._broken(entry, f"{error}: {entry.value}") from error

    def _broken(self, entry: EntryPoint, problem: str) -> ConfigInvalid:
        line = " ".join(problem.split())
        return ConfigInvalid(
            f"{self.noun} {entry.name!r} of the package {package(entry)} {line}",
            hint=f"mend or uninstall {package(entry)}",
        )


def package(entry: EntryPoint) -> str:
    """The name of the installed package that has the entry point."""
    return entry.dist.name if entry.dist else entry.module
