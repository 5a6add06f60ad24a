"""How the demo looks: a line for each step, and what came of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tests.demo.outcome import Outcome
from tests.support.topic import Consumed

WIDTH = 100
TELLING = {"read": "after", "insert": "after", "update": "update", "replace": "after", "delete": "key"}
"""The part of a record in which one sees what it is about."""
SHOWN = 5
"""Faults that are shown; the rest is counted."""
LONG = 400
"""Characters of a fault that are shown."""


class Step:
    """A step under way; `done` is what its line says in the end."""

    def __init__(self, name: str, doing: str) -> None:
        self.done = ""
        self._name = name
        self._doing = doing
        self._begun = time.monotonic()
        self._spinner = Spinner("dots", style="dim")

    def doing(self, text: str) -> None:
        self._doing = text

    def running(self) -> Table:
        return self._line(self._spinner, Text(self._doing, style="dim"))

    def ended(self, mark: Text) -> Table:
        return self._line(mark, Text(self.done or self._doing))

    def _line(self, mark: RenderableType, text: Text) -> Table:
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(width=3)
        line.add_column(width=12, style="bold")
        line.add_column(ratio=1)
        line.add_column(width=8, justify="right", style="dim")
        line.add_row(Padding(mark, (0, 0, 0, 2)), self._name, text, f"{time.monotonic() - self._begun:.1f} s")
        return line


class Screen:
    def __init__(self, console: Console) -> None:
        self._console = console
        console.width = min(WIDTH, console.width) if console.is_terminal else WIDTH

    def title(self, command: str) -> None:
        self._console.print()
        self._console.print(Text.assemble("  ", ("$ ", "dim"), (command, "bold")))
        self._console.print()

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[Step]:
        """A spinner while it is under way, a line with its seconds when it ends."""
        step, mark = Step(name, doing), Text("✗", style="bold red")
        try:
            with Live(get_renderable=step.running, console=self._console, transient=True, refresh_per_second=10):
                yield step
            mark = Text("✓", style="green")
        finally:
            self._console.print(step.ended(mark))

    def outcome(self, found: Outcome) -> None:
        self._console.print()
        self._console.print(Padding(_kinds(found), (0, 2)))
        self._console.print()
        self._console.print(Padding(_numbers(found), (0, 2)))
        self._console.print()
        self._console.print(Padding(_verdict(found), (0, 2)))
        self._console.print()

    def error(self, message: str, hint: str) -> None:
        lines = Table.grid(padding=(0, 2))
        lines.add_row(Text("error", style="bold red"), message)
        lines.add_row(Text("hint", style="dim"), hint)
        self._console.print()
        self._console.print(Padding(lines, (0, 2)))
        self._console.print()


def _kinds(found: Outcome) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("kind", style="bold")
    table.add_column("made", justify="right")
    table.add_column("read", justify="right")
    table.add_column("from Kafka, for example", ratio=1, no_wrap=True, overflow="ellipsis")
    for kind, part in TELLING.items():
        if kind in found.examples:
            example = _example(found.examples[kind], part)
            table.add_row(kind, f"{found.made[kind]:,}", f"{found.records[kind]:,}", example)
    return table


def _example(record: Consumed, part: str) -> Text:
    return Text.assemble((f'"{part}":', "dim"), orjson.dumps(record.value[part]).decode())


def _numbers(found: Outcome) -> Table:
    kill, latency = found.kill, found.latency
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("first load", f"{found.load_rate:,.0f} records/s", "from the first to the last at the consumer")
    table.add_row("catching up", f"{kill.rate:,.0f} records/s", "likewise, after the kill")
    table.add_row("latency p50", f"{latency.p50:.1f} ms", "from insert acknowledged to record read")
    table.add_row("latency p99", f"{latency.p99:.1f} ms", f"{latency.inserts:,} inserts at {latency.pace:.0f} a second")
    return table


def _verdict(found: Outcome) -> Text:
    if not found.wrong:
        compared = f"   {found.documents:,} documents, one by one; no change missing, in order"
        return Text.assemble(("collection = topic", "bold green"), compared)
    lines = [line if len(line) < LONG else f"{line[:LONG]}…" for line in found.wrong[:SHOWN]]
    if len(found.wrong) > SHOWN:
        lines.append(f"and {len(found.wrong) - SHOWN:,} more")
    return Text("\n").join([Text("collection ≠ topic", style="bold red"), *map(Text, lines)])
