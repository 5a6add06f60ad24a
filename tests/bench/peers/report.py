"""What `PEERS.md` says."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median

from tests.bench.peers import connect, jars
from tests.bench.peers.bars import Results, cpu, peak, rate, start
from tests.bench.peers.contenders import Cdc
from tests.bench.peers.latency import Latency, Span
from tests.bench.peers.rounds import LIMIT, Measured
from tests.bench.peers.settings import CONNECTORS, JVM, OURS, TUNED_WORKER, WORKER, Connector, Images, Properties
from tests.bench.results import Bar

HEAD = """\
# What `{command}` measured

Written by the command itself on {date}. {versions} · Debezium {debezium} · MongoDB Kafka connector {connector} ·
Kafka Connect {connect}. {machine}; load before the run {load:.2f}.

`cdc` is this project with its default settings. MongoDB (one member, 0.25 GB of cache), Kafka (one broker) and whoever
is measured run on the same machine, one after the other in each round, on the same collection. Figures are medians of
{rounds}, after first loads that warm up the servers and do not count; MongoDB has written all down before the first.
Before a figure counts, the topic is read: every change of every document must be in it once, in the order in which it
was made, and with its images where the work asks for them.
"""

BARS = """\
| bar | measured | |
|---|---|---|
{bars}

"The best peer" is the best of all peers' settings, for each figure on its own.
"""

DRAINS = """\
## First load and drains

A drain is a backlog: the position is saved, everyone is stopped, the changes are made, and the time counts until the
topic has them all. A rate counts from the first record on, by the time at which the broker appended it. Start is from
the start of the process to its first record. CPU and peak memory are those of the whole process, its start included,
for a peer until the topic is complete. `limit` is PyMongo's `find_raw_batches` for the first load and
`aggregate_raw_batches` for a drain: it decodes nothing and sends nothing. MB is 10^6 bytes.
"""

LATENCIES = """\
## Latency

From an insert's acknowledgement to the consumer's poll, in milliseconds, after {warm} s of warming up at each
rate. `limit` is a process that reads the change stream and does nothing with it. Each figure is the median of
{rounds}.
"""

SETTINGS = """\
## Settings

`cdc watch --once` and for latency `cdc watch`, and for images {ours}.

A peer runs in Kafka Connect's own standalone worker, `{main}`, with the options of Kafka's own
`connect-standalone.sh`: `{jvm}`. That worker opens a REST listener, which it cannot do without.
Every worker has

```properties
{worker}
```

and a tuned one also

```properties
{tuned}
```
"""


def text(
    results: Results, bars: Sequence[Bar], *, command: str, versions: str, machine: str, load: float, span: Span
) -> str:
    """As Markdown; without bars where nothing is to be compared."""
    times = len(next(iter(results.works.values())).runs[Cdc.name])
    rounds = f"{times} rounds" if times > 1 else "one round"
    head = HEAD.format(
        command=command,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        versions=versions,
        debezium=jars.DEBEZIUM,
        connector=f"{jars.CONNECTOR} (driver {jars.DRIVER})",
        connect=jars.CONNECT,
        machine=machine,
        load=load,
        rounds=rounds,
    )
    compared = [BARS.format(bars="\n".join(map(str, bars)))] if bars else []
    works = [_work(measured) for measured in results.works.values()]
    latencies = LATENCIES.format(warm=span.warm, rounds=rounds)
    waits = [_latency(rate, span.seconds[rate], several) for rate, several in results.latencies.items()]
    return "\n".join([head, *compared, DRAINS, *works, latencies, *waits, _settings()])


def _work(measured: Measured) -> str:
    times = len(measured.runs[Cdc.name])
    size, large = measured.event_bytes, measured.in_megabytes
    numbers = " | ".join(f"round {number}" for number in range(1, times + 1))
    unit = "MB a second" if large else "events a second"
    lines = [
        f"### {measured.title}: {measured.events:,} of {size:,} bytes",
        "",
        f"| {unit} | {numbers} | median | CPU an event, µs | peak memory, MB | start, s |",
        f"|---|{'---|' * times}---|---|---|---|",
    ]
    scale = size / 1e6 if large else 1
    for who, runs in measured.runs.items():
        rates = [f"{scale * each:,.0f}" for each in (*map(rate, runs), median(map(rate, runs)))]
        rest = [f"{median(map(cpu, runs)):.1f}", f"{median(map(peak, runs)):.0f}", f"{median(map(start, runs)):.2f}"]
        lines.append(f"| {_name(who)} | {' | '.join([*rates[:-1], f'**{rates[-1]}**', *rest])} |")
    return "\n".join([*lines, ""])


def _latency(asked: int, seconds: int, several: Mapping[str, list[Latency]]) -> str:
    lines = [
        f"### At {asked:,} inserts a second, for {seconds} s",
        "",
        "| ms | p50 | p95 | p99 | max | written a second |",
        "|---|---|---|---|---|---|",
    ]
    for who, each in several.items():
        columns = zip(*((one.p50, one.p95, one.p99, one.most, one.rate) for one in each), strict=True)
        *waits, kept = (median(column) for column in columns)
        lines.append(f"| {_name(who)} | {' | '.join(f'{wait:.1f}' for wait in waits)} | {kept:,.0f} |")
    return "\n".join([*lines, ""])


def _settings() -> str:
    told = SETTINGS.format(
        ours=" or ".join(f"`{' '.join(options)}`" for options in OURS.values() if options),
        main=connect.MAIN,
        jvm=" ".join(JVM),
        worker=_properties(WORKER),
        tuned=_properties(TUNED_WORKER),
    )
    return "\n".join([told, *(part for connector in CONNECTORS for part in _connector(connector))])


def _connector(connector: Connector) -> Iterator[str]:
    yield f"{connector.title}, beside where it reads:\n\n```properties"
    yield _properties(connector.always)
    yield f"# tuned\n{_properties(connector.tuned)}"
    yield f"# first load\n{_properties(connector.load)}"
    yield f"# drain and latency\n{_properties(connector.follow)}"
    yield f"# full document\n{_properties(connector.images[Images.AFTER])}"
    yield f"# full document and the one before\n{_properties(connector.images[Images.BOTH])}\n```\n"


def _properties(properties: Properties) -> str:
    return "\n".join(f"{name}={value}" for name, value in properties.items())


def _name(who: str) -> str:
    return f"`{who}`" if who in {Cdc.name, LIMIT} else who
