"""The figures as bars, in an SVG that brings its own background, light or dark as its reader's screen is."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.bench.peers.bars import Medians, Results, cpu, p50, p99, peak, rate, start
from tests.bench.peers.contenders import Cdc
from tests.bench.peers.rounds import LIMIT

COLUMNS, GAP, MARGIN = 2, 28, 20
WIDTH, LABEL, VALUE = 446, 204, 62
TITLE, ROW, BAR = 30, 21, 14
LESS = "less is better"

STYLE = """\
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px }
.soft { fill: #59636e; font-weight: 400 }
.end { text-anchor: end }
.value { stroke: #ffffff; stroke-width: 4; stroke-linejoin: round; paint-order: stroke }
.page { fill: #ffffff; stroke: #d1d9e0 }
.ours { fill: #1f6feb }
.peer { fill: #afb8c1 }
.limit { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 3 2 }
.named { fill: #bc4c00; font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .soft { fill: #9198a1 }
  .value { stroke: #0d1117 }
  .page { fill: #0d1117; stroke: #3d444d }
  .ours { fill: #4493f8 }
  .peer { fill: #59636e }
  .limit { stroke: #f0883e }
  .named { fill: #f0883e }
}"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure of everyone."""

    title: str
    medians: Medians
    note: str = ""
    form: str = ",.0f"

    @property
    def rows(self) -> Medians:
        return _without_limit(self.medians)

    @property
    def height(self) -> int:
        return TITLE + ROW * len(self.rows)

    def draw(self, x: int, y: int) -> Iterator[str]:
        limit = self.medians.get(LIMIT)
        most = max(self.medians.values()) or 1
        scale = (WIDTH - LABEL - VALUE) / most
        named = f'  <tspan class="named">┆ limit {limit:{self.form}}</tspan>' if limit is not None else ""
        note = f'  <tspan class="soft">{self.note}</tspan>' if self.note else ""
        yield f'<text class="title" x="{x}" y="{y + 14}">{escape(self.title)}{note}{named}</text>'
        if limit is not None:
            at, top = x + LABEL + limit * scale, y + TITLE - 4
            yield f'<path class="limit" d="M{at:.1f} {top}V{y + self.height - ROW + BAR + 4}"/>'
        for place, (who, value) in enumerate(self.rows.items()):
            left, top, width = x + LABEL, y + TITLE + place * ROW, max(1.0, value * scale)
            kind, line = "ours" if who == Cdc.name else "peer", top + BAR - 3
            yield f'<text class="end" x="{left - 8}" y="{line}">{escape(who)}</text>'
            yield f'<rect class="{kind}" x="{left}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2"/>'
            yield f'<text class="value" x="{left + width + 6:.1f}" y="{line}">{value:{self.form}}</text>'


def panels(results: Results) -> list[Panel]:
    drains = [_rates(results, name) for name in results.works]
    slow, fast = min(results.latencies), max(results.latencies)
    return [
        *drains,
        Panel("CPU of an insert, µs", _without_limit(results.of("insert", cpu)), LESS),
        Panel("Peak memory of the insert drain, MB", _without_limit(results.of("insert", peak)), LESS),
        Panel("Start to first record, s", _without_limit(results.of("insert", start)), LESS, ".1f"),
        Panel(f"Latency p50 at {slow}/s, ms", results.latency(slow, p50), LESS, ".1f"),
        Panel(f"Latency p99 at {slow}/s, ms", results.latency(slow, p99), LESS, ".1f"),
        Panel(f"Latency p99 at {fast:,}/s, ms", results.latency(fast, p99), LESS, ".1f"),
    ]


def _rates(results: Results, name: str) -> Panel:
    work = results.works[name]
    if not work.in_megabytes:
        return Panel(f"{work.title}, events a second", results.of(name, rate))
    medians = {who: each * work.event_bytes / 1e6 for who, each in results.of(name, rate).items()}
    return Panel(f"{work.title}, MB a second", medians)


def _without_limit(medians: Medians) -> Medians:
    return {who: value for who, value in medians.items() if who != LIMIT}


def draw(results: Results) -> str:
    """As SVG."""
    shapes: list[str] = []
    y = MARGIN
    several = panels(results)
    for first in range(0, len(several), COLUMNS):
        row = several[first : first + COLUMNS]
        for column, panel in enumerate(row):
            shapes.extend(panel.draw(MARGIN + column * (WIDTH + GAP), y))
        y += max(panel.height for panel in row) + GAP
    width, height = 2 * MARGIN + COLUMNS * WIDTH + (COLUMNS - 1) * GAP, y - GAP + MARGIN
    page = f'<rect class="page" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>'
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    )
    title = "<title>This project beside its peers: rates, CPU, memory, start and latency</title>"
    return "\n".join([opening, title, f"<style>\n{STYLE}\n</style>", page, *shapes, "</svg>", ""])
