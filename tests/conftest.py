"""Real servers for the tests: one stack for the session, or whole stacks that a test may break."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings
from pymongo import MongoClient

from cdc.errors import CdcError

if TYPE_CHECKING:
    from cdc.local.stack import Stack
    from tests.support.sql import Run


settings.register_profile("machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if os.environ.get("CI") != "true":  # Hypothesis has a profile of its own for that, which says the same and more
    settings.load_profile("machine")


def pytest_configure() -> None:
    """Workers side by side draw from ports of their own: a server binds only seconds after its port was found free."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return
    with suppress(CdcError):
        from cdc.local import port  # noqa: PLC0415 - raises where the extra `local` is missing

        count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        share = (port.LAST - port.FIRST) // count
        port.FIRST += int(worker.removeprefix("gw")) % count * share
        port.LAST = port.FIRST + share


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Stack]":
    folder = tmp_path_factory.mktemp("stack")
    yield _up(folder)
    _remove(folder)


@pytest.fixture
def own_stack(tmp_path: Path) -> "Iterator[Callable[..., Stack]]":
    """Starts a stack of the test's own, to stop, kill and start; takes the options of `cdc.local.stack.up`."""
    with _stacks(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def module_stack(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Callable[..., Stack]]":
    """The same for all tests of a module, none of which breaks it."""
    with _stacks(tmp_path_factory.mktemp("stacks")) as start:
        yield start


@pytest.fixture(scope="session")
def mongo_uri(request: pytest.FixtureRequest) -> str:
    return os.environ.get("CDC_TEST_MONGO_URI") or str(request.getfixturevalue("stack").mongo_uri)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """The bootstrap servers."""
    return os.environ.get("CDC_TEST_KAFKA") or str(request.getfixturevalue("stack").kafka)


@pytest.fixture(scope="session")
def servers(mongo_uri: str, kafka: str) -> dict[str, str]:
    """The environment in which `cdc` finds the servers."""
    return {"CDC_MONGO__URI": mongo_uri, "CDC_KAFKA__BOOTSTRAP_SERVERS": kafka}


@pytest.fixture(scope="session")
def mongo(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        yield client


@pytest.fixture
def database(mongo: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The name of a database that nobody else uses."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield name
    mongo.drop_database(name)


@pytest.fixture
def topic() -> str:
    """The name of a topic that nobody else uses and that does not exist yet."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of its administrator, with an empty database."""
    yield from _database_server("mariadb", tmp_path_factory)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of its administrator, with an empty database."""
    yield from _database_server("postgres", tmp_path_factory)


@pytest.fixture
def sql_database() -> Iterator[Callable[[str], str]]:
    """Makes a database of the test's own on the server at a URL, and gives the database's URL."""
    with ExitStack() as made:
        yield lambda server: made.enter_context(_database(server))


@contextmanager
def _database(server: str) -> Iterator[str]:
    from tests.support.sql import administrator  # noqa: PLC0415 - needs the extra `sql`

    name = f"test_{uuid.uuid4().hex[:12]}"
    with administrator(server) as run:
        run(f"CREATE DATABASE {name}")
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
        run(f"DROP DATABASE {name}{' WITH (FORCE)' if server.startswith('postgres') else ''}")


def _database_server(name: str, folders: pytest.TempPathFactory) -> Iterator[str]:
    if url := os.environ.get(f"CDC_TEST_{name.upper()}"):
        yield url
    else:
        folder = folders.mktemp(name)
        yield _up(folder, mongo_nodes=0, brokers=0, databases=[name]).databases[name].url
        _remove(folder)


@pytest.fixture(params=["mariadb", "postgres"])
def url(request: pytest.FixtureRequest, sql_database: Callable[[str], str]) -> str:
    """A database of the test's own, in each of the servers."""
    return sql_database(request.getfixturevalue(request.param))


@pytest.fixture
def run(url: str) -> "Iterator[Run]":
    from tests.support.sql import administrator  # noqa: PLC0415 - raises where the extra `sql` is missing

    with administrator(url) as run:
        yield run


@contextmanager
def _stacks(within: Path) -> "Iterator[Callable[..., Stack]]":
    folders: list[Path] = []

    def start(**options: Any) -> "Stack":  # noqa: ANN401 - whatever `up` takes
        folders.append(within / f"stack-{len(folders)}")
        return _up(folders[-1], **options)

    yield start
    for folder in folders:
        _remove(folder)


def _up(folder: Path, **options: Any) -> "Stack":  # noqa: ANN401 - whatever `up` takes
    try:
        from cdc.local import stack  # noqa: PLC0415 - raises where the extra `local` is missing
    except CdcError as error:
        _cannot_be_had(error)
    try:
        return stack.up(folder, **options)
    except CdcError as error:
        _cannot_be_had(error)


def _remove(folder: Path) -> None:
    from cdc.local import stack  # noqa: PLC0415 - see above

    stack.reset(folder)


def _cannot_be_had(error: CdcError) -> NoReturn:
    reason = f"{error}; {error.hint}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
