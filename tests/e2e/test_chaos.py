"""Faults of `make chaos` once, on servers of their own kind: those that no other test has."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.ground import run

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


@pytest.mark.parametrize("three", [False, True], ids=["one", "three"])
def test_the_writers_log_the_topic_and_the_collection_agree(
    own_stack: "Callable[..., Stack]", tmp_path: Path, *, three: bool
) -> None:
    nodes = 3 if three else 1
    stack = own_stack(mongo_nodes=nodes, brokers=nodes)
    wrong = {
        fault.name: _wrong(stack, tmp_path / str(number), fault)
        for number, fault in enumerate(FAULTS)
        if fault.three is three and not fault.elsewhere
    }
    assert not any(wrong.values()), wrong


def _wrong(stack: "Stack", folder: Path, fault: Fault) -> list[str]:
    return run(stack, folder, fault).failures(exactly_once=fault.exactly_once)
