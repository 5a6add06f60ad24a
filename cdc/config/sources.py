"""What the flags, the environment and the file say: each as dotted settings, with how the user wrote them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from cdc.config import data_types
from cdc.config.misfit import quoted
from cdc.config.settings import Settings
from cdc.config.values import nearest
from cdc.errors import ConfigInvalid

PREFIX = "CDC_"
_IGNORED = ("CDC_TEST_", "CDC_CONFIG")
_FLAGS = {
    "mongo.database": "--database",
    "kafka.bootstrap_servers": "--kafka",
    "source.url": "--source",
    "sink.url": "--sink",
}
_SCHEMA_HINT = "`cdc config schema` has every setting there is"


class Stated(NamedTuple):
    """A value, `written` as an error names it, and the `origin` that `cdc config show` prints."""

    value: Any
    written: str
    origin: str


def _fields(model: type[BaseModel], group: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{name}.")
        else:
            yield group + (field.alias or name), field


def _is_secret(kind: object) -> bool:
    """Whether `SecretStr` is in an annotation, however wrapped."""
    return kind is SecretStr or any(_is_secret(part) for part in get_args(kind))


_FIELDS = dict(_fields(Settings))
SETTINGS = tuple(_FIELDS)
SECRETS = frozenset(name for name, field in _FIELDS.items() if _is_secret(field.annotation))


def describe(setting: str) -> str:
    """One sentence on a setting, by its dotted name."""
    return _FIELDS[setting].description or ""


def flag_name(setting: str, value: object = None) -> str:
    """The flag of `cdc watch` for a setting."""
    flag = _FLAGS.get(setting) or f"--{setting.replace('.', '-').replace('_', '-')}"
    return f"--no-{flag[2:]}" if value is False else flag


def env_name(setting: str) -> str:
    return PREFIX + setting.replace(".", "__").upper()


def from_flags(flags: Mapping[str, object]) -> dict[str, Stated]:
    """Flags by dotted setting; None and an empty list are flags that were not given."""
    given = {name: value for name, value in flags.items() if value is not None and value not in ([], ())}
    return {name: Stated(value, flag := flag_name(name, value), f"flag {flag}") for name, value in given.items()}


def from_environment(environ: Mapping[str, str]) -> dict[str, Stated]:
    """`CDC_GROUP__NAME` variables; one that is empty was not given; `…_FILE` names a file that holds a secret."""
    stated: dict[str, Stated] = {}
    in_files: list[str] = []
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(_IGNORED) or not text:
            continue
        name = variable.removeprefix(PREFIX).lower().replace("__", ".")
        in_file = name not in SETTINGS and name.removesuffix("_file") in SECRETS
        name = name.removesuffix("_file") if in_file else name
        if name not in SETTINGS:
            near = nearest(name, SETTINGS)
            raise _unknown(variable, "the environment", env_name(near) if near else None)
        if name in stated:
            raise ConfigInvalid(
                f"{stated[name].written} and {variable} say the same setting", hint="leave out one of them"
            )
        stated[name] = Stated(text, variable, f"environment {variable}")
        in_files += [name] if in_file else []
    return stated | {name: _secret(stated[name]) for name in in_files}


def from_data_type(name: str, written: str, *, collection: bool, topic: bool) -> dict[str, Stated]:
    """What a data type says where nobody else does: increment field, with `collection` and `topic` these, too.

    `written` is what named it.
    """
    found, origin = data_types.find(name, written), f"data type {name}"
    return {
        setting: Stated(getattr(found, setting), f"the {setting} of {origin}", origin)
        for setting, wanted in (("collection", collection), ("topic", topic), ("increment_field", True))
        if wanted
    }


def _secret(named: Stated) -> Stated:
    """What the file it names holds, less the newline that editors end it with.

    A path that is not absolute is not repeated: it may be the secret itself, written in the wrong place.
    """
    path = named.value if named.value.startswith("/") and "@" not in named.value else "its file"
    try:
        secret = Path(named.value).read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        raise ConfigInvalid(
            f"{named.written}: {path} cannot be read: {error.strerror}",
            hint="write the path of a file with the secret in it",
        ) from None
    except UnicodeDecodeError:
        raise ConfigInvalid(
            f"{named.written}: {path} is not UTF-8 text", hint="save the secret as UTF-8 text"
        ) from None
    if not secret:
        raise ConfigInvalid(f"{named.written}: {path} is empty", hint="save the secret in it")
    return named._replace(value=secret)


def from_file(path: Path, option: str) -> dict[str, Stated]:
    """A YAML file's settings, in groups or by dotted name; `option` is what named the file."""
    stated: dict[str, Stated] = {}
    for name, value in _flat(_document(path, option), path):
        if name not in SETTINGS:
            raise _unknown(name, str(path), nearest(name, SETTINGS))
        if value is not None:
            stated[name] = Stated(value, f"{name!r} in {path}", f"file {path}")
    return stated


def _document(path: Path, option: str) -> dict[Any, Any]:
    import yaml  # noqa: PLC0415 - few have a file, and every start would wait for it

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigInvalid(
            f"{option}: {path} cannot be read: {error.strerror}", hint="write a YAML file's path"
        ) from None
    except UnicodeDecodeError:
        raise ConfigInvalid(f"{path} is not UTF-8 text", hint="save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigInvalid(
            f"{path} is not YAML{place}", hint="check the indentation, and quote values with special characters"
        ) from None
    except yaml.YAMLError:
        raise ConfigInvalid(
            f"{path} has a character that YAML does not allow", hint="save the file as plain text"
        ) from None
    except RecursionError:
        raise ConfigInvalid(f"{path} is nested too deeply", hint="write settings, in one level of groups") from None
    except ValueError as error:
        raise ConfigInvalid(
            f"{path} has a date or a number that cannot be: {error}", hint="mend it, or put text in quotes"
        ) from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigInvalid(f"{path} holds no settings", hint="write `name: value` lines, such as `topic: temp5`")
    return document


def _flat(document: dict[Any, Any], path: Path) -> Iterator[tuple[str, Any]]:
    """Dotted settings and their values; librdkafka's own properties (`kafka` keys with a dot) gathered as one."""
    groups = {name.partition(".")[0] for name in SETTINGS if "." in name}
    properties: dict[str, Any] = {}
    for key, value in document.items():
        if key not in groups:
            yield str(key), value
            continue
        if not isinstance(value, dict | None):
            raise ConfigInvalid(f"{key!r} in {path} is a group of settings", hint=f"write them indented under `{key}:`")
        for inner, setting in (value or {}).items():
            if key == "kafka" and "." in str(inner):
                properties[str(inner)] = setting
            elif (key, inner) != ("kafka", "properties") or not isinstance(setting, dict):
                yield f"{key}.{inner}", setting
            else:
                properties |= setting
    if properties:
        yield "kafka.properties", properties


def _unknown(name: str, place: str, near: str | None) -> ConfigInvalid:
    meant = f": did you mean {near!r}?" if near else ""
    return ConfigInvalid(f"unknown setting {quoted(name)} in {place}{meant}", hint=_SCHEMA_HINT)
