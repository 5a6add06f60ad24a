"""One `Settings` from flags, environment, file and defaults, and where each value came from."""

import os
import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from cdc.config.kafka import is_secret_property
from cdc.config.misfit import MisfitError, quoted
from cdc.config.mongo import DEFAULT_DATABASE, MASK, masked
from cdc.config.settings import Settings
from cdc.config.sources import (
    SECRETS,
    SETTINGS,
    Stated,
    describe,
    env_name,
    from_data_type,
    from_environment,
    from_file,
    from_flags,
)
from cdc.errors import ConfigInvalid

ADDRESSES: Mapping[str, Callable[[Settings], SecretStr | None]] = {
    "mongo.uri": lambda settings: settings.mongo.uri,
    "source.url": lambda settings: settings.source.url,
    "sink.url": lambda settings: settings.sink.url,
}
"""Settings of which all but the password may be shown."""


class Row(NamedTuple):
    """A setting in force, as it may be shown: its value is JSON, its secrets are masked."""

    setting: str
    value: Any
    origin: str


@dataclass(frozen=True)
class Loaded:
    """Settings, and by dotted name their origin: `flag --topic`, `environment CDC_TOPIC`, `file F`, `default`."""

    settings: Settings
    origin: dict[str, str]

    @property
    def visible(self) -> list[tuple[str, str]]:
        """The flags by which a password stands in the list of processes, and the variable that could name it."""
        return [
            (origin.removeprefix("flag "), env_name(name))
            for name in ADDRESSES
            if (address := self._address(name)) and masked(address) != address
            if (origin := self.origin[name]).startswith("flag ")
        ]

    def rows(self) -> list[Row]:
        """Every setting, in the order of the schema."""
        dumped = self.settings.model_dump(mode="json", by_alias=True)
        return [Row(name, self._shown(name, dumped), self.origin[name]) for name in SETTINGS]

    def _shown(self, name: str, dumped: dict[str, Any]) -> object:
        group, _, leaf = name.rpartition(".")
        value = dumped[group][leaf] if group else dumped[leaf]
        if address := self._address(name):
            return masked(address)
        if name in SECRETS:
            return value and MASK
        if name == "kafka.properties":
            return {key: MASK if is_secret_property(key) else it for key, it in value.items()}
        return value

    def _address(self, name: str) -> str | None:
        """What one of `ADDRESSES` is, password and all."""
        secret: SecretStr | None = ADDRESSES[name](self.settings) if name in ADDRESSES else None
        return None if secret is None else secret.get_secret_value()


def load(
    flags: Mapping[str, object],
    *,
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    defaults: Mapping[str, Stated] = MappingProxyType({}),
) -> Loaded:
    """Settings from flags (dotted name → value, None: not given), `CDC_…` variables, the YAML file, and defaults.

    Where a data type is named, its collection, topic (without a `sink`) and increment field are the defaults, and then
    `defaults`.

    Without `config`, `CDC_CONFIG` names the file; without either there is none.

    Raises:
        ConfigInvalid: naming the option, variable or key as the user wrote it, and never a secret.
    """
    layers = [from_flags(flags), from_environment(environ)]
    if config:
        layers.append(from_file(config, "--config"))
    elif path := environ.get("CDC_CONFIG"):
        layers.append(from_file(Path(path), "CDC_CONFIG"))
    given = ChainMap(*layers, dict(defaults))
    named = ChainMap(*layers).get("data_type")
    if named and isinstance(named.value, str):
        tables, topic = "source.url" in given, "sink.url" not in given
        layers.append(from_data_type(named.value, named.written, collection=not tables, topic=topic))
    stated = ChainMap(*layers, dict(defaults))
    try:
        settings = Settings.model_validate(_nested(stated))
    except ValidationError as error:
        raise _explain(error.errors()[0], stated) from None
    if flags.get("mongo.uri") and settings.source.given and settings.store != "mongo":
        raise ConfigInvalid("--mongo-uri and --source: only one of them can be read", hint="drop one of them")
    return Loaded(settings, _origins(settings, stated))


def _nested(layer: Mapping[str, Stated]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, stated in layer.items():
        group, _, leaf = name.rpartition(".")
        (tree.setdefault(group, {}) if group else tree)[leaf] = stated.value
    return tree


def _origins(settings: Settings, stated: Mapping[str, Stated]) -> dict[str, str]:
    origin = {name: stated[name].origin if name in stated else "default" for name in SETTINGS}
    if "mongo.database" not in stated and settings.mongo.database != DEFAULT_DATABASE:
        origin["mongo.database"] = origin["mongo.uri"]
    return origin


def _explain(error: ErrorDetails, stated: Mapping[str, Stated]) -> ConfigInvalid:
    """The first thing wrong, as one line that names each setting as the user wrote it."""
    misfit = error.get("ctx", {}).get("error")
    if isinstance(misfit, MisfitError):
        named = misfit.settings or (_setting(error["loc"]),)
        return ConfigInvalid(f"{' and '.join(_written(name, stated) for name in named)}: {misfit}", hint=misfit.hint)
    setting = _setting(error["loc"])
    value = "the value" if setting in SECRETS else quoted(error["input"])
    expected = re.sub("^(Input|Path) ", "", error["msg"])
    hint = "put the value in quotes" if error["type"] == "string_type" else f"{setting}: {describe(setting)}"
    return ConfigInvalid(f"{_written(setting, stated)}: {value} {expected}", hint=hint)


def _setting(place: tuple[int | str, ...]) -> str:
    """The dotted setting at, or above, the place of an error."""
    path = [str(part) for part in place]
    return path[0] if path[0] in SETTINGS else ".".join(path[:2])


def _written(setting: str, stated: Mapping[str, Stated]) -> str:
    return stated[setting].written if setting in stated else setting
