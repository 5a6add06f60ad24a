"""Faults of `make chaos` once, those that no other test has; what has its settings in common shares a run."""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.ground import run
from tests.chaos.servers import Kind, served

if TYPE_CHECKING:
    from cdc.local.stack import Stack

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

OUTAGE_SECONDS = 8.0
SHORT = [fault for fault in FAULTS if fault.suite]
KINDS = [kind for kind in Kind if any(fault.kind is kind for fault in SHORT)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_writers_log_the_topic_and_the_collection_agree(
    own_stack: "Callable[..., Stack]", tmp_path: Path, kind: Kind
) -> None:
    wrong = {}
    with served(kind, own_stack) as servers:
        for number, faults in enumerate(_together(kind)):
            outcome = run(servers, tmp_path / str(number), faults, outage=OUTAGE_SECONDS)
            wrong[", ".join(fault.name for fault in faults)] = outcome.failures(exactly_once=faults[0].exactly_once)
    assert not any(wrong.values()), wrong


def _together(kind: Kind) -> list[list[Fault]]:
    def common(fault: Fault) -> str:
        return repr((fault.settings, fault.network, fault.prepare))

    faults = sorted((fault for fault in SHORT if fault.kind is kind), key=common)
    return [list(group) for _, group in groupby(faults, key=common)]
