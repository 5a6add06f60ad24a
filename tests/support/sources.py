"""A source without a pipeline, whose batches a test reads itself."""

import pytest

from cdc.config import MongoSettings
from cdc.source.change_stream import Images, Scope
from cdc.source.snapshot import Loads
from cdc.source.watch import MongoSource

LOOKED_UP = Images("lookup", "off")
LOADS = Loads("_id", 1, None, "primary", 0.5)


def source_of(settings: MongoSettings, *, images: Images = LOOKED_UP, loads: Loads = LOADS) -> MongoSource:
    """That of `info` in the settings' database; whoever asks for it closes it."""
    return MongoSource(
        settings,
        Scope(settings.database, ["info"]),
        images,
        name="tests",
        loads=loads,
        polls=None,
        requests=list,
        notify=pytest.fail,
    )
