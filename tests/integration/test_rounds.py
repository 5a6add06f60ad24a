"""Rounds at a time that the server cannot read any more."""

from collections.abc import Iterator

import pytest
from bson.timestamp import Timestamp

from cdc.errors import SourceUnreachable
from cdc.events import DONE, Load
from cdc.source import keys
from cdc.source.change_stream import Scope
from cdc.source.snapshot import MOST_FRUITLESS, Loader, Loads
from tests.support.loads import Source

pytestmark = pytest.mark.servers

FORGOTTEN = Timestamp(1, 1)
DOCUMENTS = 5 * MOST_FRUITLESS


@pytest.fixture
def source(mongo_uri: str, database: str) -> Iterator[Source]:
    made = Source(mongo_uri, database)
    made.info.insert_many({"_id": number, "at": number} for number in range(DOCUMENTS))
    yield made
    made.client.close()


def refused(error: Exception, load: Load) -> Load:
    del load
    raise error


@pytest.fixture(params=["_id", "at"])
def loader(request: pytest.FixtureRequest, source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loader]:
    """Of rounds of a few documents, each of which waits for its keys."""
    monkeypatch.setattr(keys, "WAIT_SECONDS", 20)
    loads = Loads(request.param, 1, max_rate=1, read_preference="primary", round_seconds=1)
    scope = Scope(source.database.name, ["info"])
    made = Loader(source.database, scope, loads, batch_size=1000, level="snapshot", refused=refused)
    yield made
    made.close()


START = Load(collections=("info",))


def test_a_time_that_is_forgotten_gives_nothing_and_a_later_one_goes_on(source: Source, loader: Loader) -> None:
    load, rounds = START, 0
    while load.ended is None:
        assert list(loader.round(load, FORGOTTEN)) == [] or load.documents == DOCUMENTS
        for _, _, now in loader.round(load, source.now):
            load = now
        rounds += 1
    assert (load.ended, load.documents) == (DONE, DOCUMENTS)
    assert rounds > MOST_FRUITLESS


def test_a_server_that_forgets_every_time_is_no_source(loader: Loader) -> None:
    for _ in range(MOST_FRUITLESS):
        assert list(loader.round(START, FORGOTTEN)) == []
    with pytest.raises(SourceUnreachable, match="cannot read"):
        list(loader.round(START, FORGOTTEN))
