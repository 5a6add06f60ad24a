"""The settings in force under the options that were given."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_GROUPED = {
    "database": "mongo.database",
    "mongo_uri": "mongo.uri",
    "source": "source.url",
    "sink": "sink.url",
    "bootstrap_servers": "kafka.bootstrap_servers",
}
_REVERSED = {"no_snapshot": "snapshot", "no_create_topics": "create_topics"}


def settings(given: Mapping[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})) -> Any:  # noqa: ANN401 - the type is imported when a command runs
    """The settings in force under a command's options, by the names of its parameters; see `load`."""
    from cdc.config import SETTINGS, load  # noqa: PLC0415 - `cdc --help` stays fast

    flags = {}
    for option, value in given.items():
        if option in _REVERSED:
            flags[_REVERSED[option]] = False if value else None
        elif (setting := _GROUPED.get(option, option.rstrip("_"))) in SETTINGS:
            flags[setting] = value
    loaded = load(flags, config=given["config"], defaults=defaults)
    for flag, variable in loaded.visible:
        _warn(flag, variable, loaded.settings)
    return loaded.settings


def _warn(flag: str, variable: str, settings: Any) -> None:  # noqa: ANN401 - see above
    import structlog  # noqa: PLC0415

    from cdc.ops import logs  # noqa: PLC0415

    logs.configure(settings.log_format, debug=settings.debug)
    structlog.get_logger("cdc").warning(
        f"the password in {flag} stands in the list of processes, for every user of this machine",
        hint=f"name it by {variable}, {variable}_FILE or --config",
    )
