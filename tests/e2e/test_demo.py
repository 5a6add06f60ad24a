"""The demo, smaller: what it shows is true, and nothing of it stays."""

from io import StringIO
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from tests.demo.main import run
from tests.demo.screen import Screen
from tests.demo.story import Size
from tests.support.waiting import until

pytestmark = pytest.mark.servers

SMALL = Size(documents=2_000, changes=2_000, paced=100)


@pytest.mark.usefixtures("stack")  # skips or fails where servers cannot be had; the demo starts its own
def test_the_demo_finds_every_change_and_leaves_no_process(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    text = StringIO()
    screen = Screen(Console(file=text))

    found = run(tmp_path, SMALL, screen)

    assert found.wrong == []
    assert found.made["read"] == SMALL.documents
    assert sum(found.made.values()) == 2_000 + SMALL.changes + SMALL.paced
    assert all(found.records[kind] >= made > 0 for kind, made in found.made.items())
    assert found.examples.keys() == found.made.keys()
    assert found.documents == 2_000 + found.made["insert"] - found.made["delete"]
    assert found.kill.seen >= SMALL.changes // 4
    assert found.kill.while_down >= SMALL.changes // 4
    assert found.load_rate > 0
    assert found.kill.rate > 0
    assert 0 < found.latency.p50 <= found.latency.p99
    until(lambda: set(psutil.Process().children(recursive=True)) <= before, what="the end of every process")

    screen.outcome(found)
    assert "collection = topic" in text.getvalue()
