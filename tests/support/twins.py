"""The encoder in Rust and the one in Python, which must say the same."""

import os
from typing import Any

import pytest

from cdc.encode import ENCODER, Encoder
from cdc.errors import UnknownOperation
from cdc.events import Batch, Records

CI = os.environ.get("CI") == "true"
BOTH = CI or ENCODER == "native"

needs_both = pytest.mark.skipif(not BOTH, reason="the encoder in Rust was not built: install cargo, then make clean")


class Twins:
    """Takes what `Encoder` takes; the one in Python is alone where the other was not built."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - whatever the encoder takes
        self._encoders = [Encoder(**options, native=native) for native in {False, BOTH}]

    def encode(self, batch: Batch) -> Records:
        first, *others = [_outcome(encoder, batch) for encoder in self._encoders]
        for other in others:
            assert other == first
        if isinstance(first, str):
            raise UnknownOperation(first, hint="--match")
        return first


def _outcome(encoder: Encoder, batch: Batch) -> Records | str:
    try:
        return encoder.encode(batch)
    except UnknownOperation as error:
        return str(error)
