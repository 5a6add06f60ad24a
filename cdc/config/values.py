"""Values that need reading: collections, topics, times, filters and tables, as a person writes them."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from string import Formatter
from typing import Annotated, Any, Literal

from bson import json_util
from bson.errors import BSONError
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from cdc.config.misfit import MisfitError, quoted

# https://www.mongodb.com/docs/manual/reference/change-events/
MATCHABLE_OPERATIONS = (
    "insert",
    "update",
    "replace",
    "delete",
    "create",
    "createIndexes",
    "drop",
    "dropDatabase",
    "dropIndexes",
    "invalidate",
    "modify",
    "refineCollectionShardKey",
    "rename",
    "reshardCollection",
    "shardCollection",
)

_DEEPEST = 100  # https://www.mongodb.com/docs/manual/reference/limits/#mongodb-limit-Nested-Depth-for-BSON-Documents
_TOPIC_LENGTH = 249  # org.apache.kafka.common.internals.Topic.MAX_NAME_LENGTH
_TOPIC_HINT = "write letters, digits, '.', '_' and '-', at most 249 of them, and {db} or {coll} where a name goes in"
_TIME_HINT = "write `now`, a time such as 2026-01-31T12:00:00Z, or Unix seconds"
_FILTER_HINT = """write a JSON object such as '{"NAME": "value"}'"""


def nearest(word: str, known: Iterator[str] | tuple[str, ...] | frozenset[str]) -> str | None:
    """The known word that was most likely meant."""
    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def is_topic_name(name: str) -> bool:
    """Whether Kafka takes it as a topic's name (`org.apache.kafka.common.internals.Topic.validate`)."""
    return bool(re.fullmatch(r"[A-Za-z0-9._-]+", name)) and len(name) <= _TOPIC_LENGTH and name not in {".", ".."}


def _topic_template(template: str) -> str:
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        raise MisfitError(f"{quoted(template)} has a brace without its partner", hint=_TOPIC_HINT) from None
    for _, name, spec, conversion in parts:
        if name is not None and (name not in {"db", "coll"} or spec or conversion):
            raise MisfitError(
                f"{quoted(template)} has an unknown placeholder", hint="the placeholders are {db} and {coll}"
            )
    return _topic(template.format(db="d", coll="c"), template)


def _topic(name: str, written: str | None = None) -> str:
    if not is_topic_name(name):
        raise MisfitError(f"{quoted(written or name)} is not a Kafka topic name", hint=_TOPIC_HINT)
    return written or name


def _collections(value: object) -> object:
    if isinstance(value, str):
        value = _json(value, list) if value.lstrip().startswith("[") else value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise MisfitError(f"{quoted(value)} is not a list of collection names", hint="write a name, or a list of names")
    names = tuple(dict.fromkeys(name.strip() for name in value))
    for name in names:
        if (
            not name
            or any(part in name for part in ("$", "\0", ".."))
            or name.startswith((".", "system."))
            or name.endswith(".")
        ):
            raise MisfitError(
                f"{quoted(name)} is not a collection that can be watched",
                hint="write the collection's name alone, without the database and without '$'",
            )
    return names


def _tables(value: object) -> object:
    if isinstance(value, str):
        value = _json(value, list) if value.lstrip().startswith("[") else value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise MisfitError(f"{quoted(value)} is not a list of tables", hint="write a name, or a list of names")
    names = tuple(dict.fromkeys(name.strip() for name in value))
    for name in names:
        if not re.fullmatch(r"[^.\0]+(\.[^.\0]+)?", name):
            raise MisfitError(f"{quoted(name)} is not a table", hint="write TABLE, or SCHEMA.TABLE")
    return names


def _json(text: str, kind: type[list[Any]] | type[dict[str, Any]]) -> Any:  # noqa: ANN401 - JSON is what it is
    what = "list" if kind is list else "object"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MisfitError(
            "the value is not JSON", hint=f"write a JSON {what}, in single quotes for the shell"
        ) from None
    if not isinstance(value, kind):
        raise MisfitError(f"the value is not a JSON {what}", hint=f"write a JSON {what}")
    return value


def _start(value: object) -> object:
    """Where to start: `now`, or a moment in UTC. A time without a zone is UTC; a number is Unix seconds."""
    return value if value is None or value == "now" else past(value)


def past(value: object) -> datetime:
    """A moment since 1970 that is not in the future; raises `MisfitError`."""
    moment = _moment(value)
    if moment > datetime.now(UTC):
        raise MisfitError(f"{quoted(str(value))} is in the future", hint=_TIME_HINT)
    if moment.timestamp() < 0:
        raise MisfitError(f"{quoted(str(value))} is before 1970", hint=_TIME_HINT)
    return moment


def _moment(value: object) -> datetime:
    try:
        match value:
            case datetime():
                moment = value
            case date():
                moment = datetime.combine(value, time())
            case int() | float() if not isinstance(value, bool):
                moment = datetime.fromtimestamp(value, UTC)
            case str() if re.fullmatch(r"-?\d+(\.\d+)?", value):
                moment = datetime.fromtimestamp(float(value), UTC)
            case _:
                moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise MisfitError(f"{quoted(value)} is not a time", hint=_TIME_HINT) from None


def _match(value: object) -> object:
    match = _where(value)
    for operation in _operations(match):
        if operation not in MATCHABLE_OPERATIONS:
            near = nearest(operation, MATCHABLE_OPERATIONS)
            raise MisfitError(
                f"unknown operationType {quoted(operation)}" + (f": did you mean {near!r}?" if near else ""),
                hint=f"the operations are {', '.join(MATCHABLE_OPERATIONS)}",
            )
    return match


def _where(value: object) -> object:
    """A filter in Extended JSON; a mapping from a file is read the same way, so `{$oid: …}` works in both."""
    if value is None:
        return None
    where = _extended(value)
    if not isinstance(where, dict):
        raise MisfitError("not a JSON object", hint=_FILTER_HINT)
    return where


def _extended(value: object) -> object:
    try:
        read = json_util.loads(value if isinstance(value, str) else json_util.dumps(value))
        _shallow(read)
    except json.JSONDecodeError as error:
        raise MisfitError(f"not JSON from character {error.pos + 1} on: {error.msg}", hint=_FILTER_HINT) from None
    except (ValueError, BSONError) as error:
        raise MisfitError(f"not Extended JSON: {error}", hint=_FILTER_HINT) from None
    except (TypeError, KeyError, AttributeError, ArithmeticError):
        raise MisfitError("a typed value ($oid, $date, …) is not in Extended JSON's form", hint=_FILTER_HINT) from None
    except RecursionError:
        raise MisfitError(f"nested deeper than MongoDB's {_DEEPEST} levels", hint="write a flatter filter") from None
    return read


def _shallow(node: object, level: int = 0) -> None:
    """Raises `RecursionError` where the nesting is deeper than MongoDB takes."""
    if level > _DEEPEST:
        raise RecursionError
    for inner in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        _shallow(inner, level + 1)


def _operations(node: object, *, named: bool = False) -> Iterator[str]:
    """The operation types a filter compares with, however deep in `$and`, `$or`, `$in`, `$not`."""
    if isinstance(node, str) and named:
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            comparing = named and key in {"$eq", "$ne", "$in", "$nin", "$not"}
            yield from _operations(value, named=comparing or key == "operationType")
    elif isinstance(node, list):
        for value in node:
            yield from _operations(value, named=named)


def _field_path(path: str) -> str:
    if not path or path.startswith("$") or "\0" in path or "" in path.split("."):
        raise MisfitError(
            f"{quoted(path)} is not a field", hint="write a field's name, or a path such as meta.update_time"
        )
    return path


def _table(value: object) -> object:
    """Names and scalars; the values become strings as Kafka writes them. Values are never repeated: some are secret."""
    if isinstance(value, str):
        value = _json(value, dict)
    if not isinstance(value, Mapping):
        raise MisfitError("not a mapping of names to values", hint="write `name: value` lines, or a JSON object")
    return {str(name): _scalar(str(name), setting) for name, setting in value.items()}


def _scalar(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise MisfitError(f"the value of {quoted(name)} is not a string, a number, true or false", hint="write one value")


def _off(value: object) -> object:
    """YAML 1.1 reads a bare `off` as false."""
    return "off" if value is False else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Collections = Annotated[tuple[str, ...], BeforeValidator(_collections, json_schema_input_type=str | list[str])]
Tables = Annotated[tuple[str, ...], BeforeValidator(_tables, json_schema_input_type=str | list[str])]
TopicName = Annotated[str, AfterValidator(_topic)]
TopicTemplate = Annotated[str, AfterValidator(_topic_template)]
Start = Annotated[
    Literal["now"] | AwareDatetime | None, BeforeValidator(_start, json_schema_input_type=str | float | None)
]
Match = Annotated[dict[str, Any] | None, BeforeValidator(_match, json_schema_input_type=str | dict[str, Any] | None)]
Where = Annotated[dict[str, Any] | None, BeforeValidator(_where, json_schema_input_type=str | dict[str, Any] | None)]
FieldPath = Annotated[str, AfterValidator(_field_path)]
Table = Annotated[
    dict[str, str],
    BeforeValidator(_table, json_schema_input_type=str | dict[str, str | int | float | bool]),
]
Off = BeforeValidator(_off)
Lower = BeforeValidator(_lower)
