"""How the demo looks: a line for each step, and what came of it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.text import Text

from tests.demo.outcome import Outcome
from tests.support.topic import Consumed

WIDTH = 100
TELLING = {"read": "after", "insert": "after", "update": "update", "replace": "after", "delete": "key"}
"""The part of a record in which one sees what it is about."""
SHOWN = 5
"""Faults that are shown; the rest is counted."""


class Step:
    """A step under way; `done` is what its line says in the end."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self.done = ""

    def doing(self, text: str) -> None:
        self._status.update(Text(text, style="dim"))


class Screen:
    def __init__(self, console: Console) -> None:
        self._console = console
        console.width = min(WIDTH, console.width) if console.is_terminal else WIDTH

    def title(self) -> None:
        self._console.print()
        self._console.print(Text.assemble("  ", ("cdc", "bold"), "  changes of a real MongoDB in a real Kafka"))
        self._console.print()

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[Step]:
        """A spinner while it is under way, a line with its seconds when it ends."""
        begun = time.monotonic()
        mark = ("✗", "bold red")
        with self._console.status("", spinner="dots", spinner_style="dim") as status:
            step = Step(status)
            step.doing(doing)
            try:
                yield step
                mark = ("✓", "green")
            finally:
                status.stop()
                self._line(mark, name, step.done or doing, time.monotonic() - begun)

    def outcome(self, found: Outcome) -> None:
        self._console.print()
        self._console.print(Padding(_kinds(found), (0, 2)))
        self._console.print()
        self._console.print(Padding(_numbers(found), (0, 2)))
        self._console.print()
        self._console.print(Padding(_verdict(found), (0, 2)))
        self._console.print()

    def error(self, message: str, hint: str) -> None:
        self._console.print()
        self._console.print(Text.assemble("  ", ("error", "bold red"), f"  {message}"))
        self._console.print(Text.assemble("  ", ("hint", "dim"), f"   {hint}"))
        self._console.print()

    def _line(self, mark: tuple[str, str], name: str, text: str, seconds: float) -> None:
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(width=3, justify="right")
        line.add_column(width=12)
        line.add_column(ratio=1)
        line.add_column(width=8, justify="right", style="dim")
        line.add_row(Text(*mark), Text(name, style="bold"), Text(text), f"{seconds:.1f} s")
        self._console.print(line)


def _kinds(found: Outcome) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("what a consumer read")
    table.add_column("records", justify="right")
    table.add_column("for example", ratio=1, no_wrap=True, overflow="ellipsis")
    for kind, part in TELLING.items():
        if kind in found.examples:
            table.add_row(Text(kind, style="bold"), f"{found.records[kind]:,}", _example(found.examples[kind], part))
    return table


def _example(record: Consumed, part: str) -> Text:
    return Text.assemble((f'"{part}":', "dim"), orjson.dumps(record.value[part]).decode())


def _numbers(found: Outcome) -> Table:
    kill, latency = found.kill, found.latency
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("first load", f"{found.load_rate:,.0f} records/s", "first to last record at the consumer")
    table.add_row("changes", f"{kill.rate:,.0f} records/s", "what had gathered while the watcher was dead, likewise")
    table.add_row(
        "latency p50", f"{latency.p50:.0f} ms", "insert acknowledged by MongoDB, to its record at the consumer;"
    )
    table.add_row("latency p99", f"{latency.p99:.0f} ms", f"{latency.inserts:,} inserts at {latency.pace:.0f} a second")
    return table


def _verdict(found: Outcome) -> Text:
    if not found.wrong:
        changes = _listed(found.made)
        return Text.assemble(
            ("collection = topic", "bold green"),
            f"   {found.documents:,} documents, one by one; {changes}: none lost, in order",
        )
    lines = [line if len(line) < 4 * WIDTH else f"{line[: 4 * WIDTH]}…" for line in found.wrong[:SHOWN]]
    if more := len(found.wrong) - SHOWN:
        lines += [f"… and {more:,} more"] * (more > 0)
    return Text("\n").join([Text("collection ≠ topic", style="bold red"), *map(Text, lines)])


def _listed(made: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}s" for kind, count in made.items())


__all__: list[Any] = ["Screen", "Step"]
