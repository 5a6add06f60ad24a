"""How long an insert takes from its acknowledgement to a consumer, at several rates."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import IO, Any, cast

from bson import ObjectId
from confluent_kafka import Consumer, Message
from pymongo.collection import Collection

from cdc.local.install import Tell
from tests.bench.children import measured
from tests.bench.ground import DATABASE, Ground
from tests.bench.peers import listening, topics, writing
from tests.bench.peers.contenders import Contender
from tests.bench.peers.rounds import LIMIT, turned
from tests.bench.peers.spoken import Parse
from tests.support.child import environment

PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Span:
    """How long is measured, by the rate, after so long at that rate that is left out: code is still being compiled."""

    warm: int
    seconds: Mapping[int, int]

    def whole(self, rate: int) -> int:
        return self.warm + self.seconds[rate]


@dataclass(frozen=True, slots=True)
class Latency:
    """In milliseconds; `rate` is what the writer kept in fact."""

    p50: float
    p95: float
    p99: float
    most: float
    rate: float


Latencies = Mapping[int, Mapping[str, list[Latency]]]
"""In order of the rounds, by the rate and by who ran."""


class Arrivals(threading.Thread):
    """When each record reached a consumer, by the monotonic clock; what it says is read later."""

    def __init__(self, consumer: Consumer) -> None:
        super().__init__(daemon=True)
        self._consumer = consumer
        self._over = threading.Event()
        self.messages: list[tuple[float, Message]] = []

    def run(self) -> None:
        while not self._over.is_set():
            message = self._consumer.poll(0.5)
            if message is not None and message.error() is None:
                self.messages.append((time.monotonic(), message))

    def end(self) -> None:
        self._over.set()
        self.join()


def rounds(ground: Ground, contenders: Sequence[Contender], span: Span, times: int, tell: Tell) -> Latencies:
    """Everyone follows in turn while documents are written at each of the rates."""
    found: dict[int, dict[str, list[Latency]]] = {rate: {} for rate in span.seconds}
    collection = ground.collection()
    for turn in range(times):
        _add(found, LIMIT, _bare(ground, collection, span), tell)
        for contender in turned(contenders, turn):
            _add(found, contender.name, _measure(ground, contender, collection, span), tell)
    return found


def _add(found: dict[int, dict[str, list[Latency]]], who: str, several: Mapping[int, Latency], tell: Tell) -> None:
    for rate, each in several.items():
        found[rate].setdefault(who, []).append(each)
        tell(f"Latency at {rate:,}/s, {who}: p50 {each.p50:.1f}, p95 {each.p95:.1f}, p99 {each.p99:.1f} ms")


def _measure(
    ground: Ground, contender: Contender, collection: Collection[dict[str, Any]], span: Span
) -> Mapping[int, Latency]:
    with (
        topics.fresh(ground, contender.topic(collection.name), {}) as topic,
        ground.consumer(topic) as consumer,
        contender.follow(ground, collection.name) as check,
    ):
        arrivals = Arrivals(consumer)
        arrivals.start()
        try:
            _prime(collection, arrivals, check)
            written = {rate: _write(ground, collection, rate, span.whole(rate)) for rate in span.seconds}
            came = _settle(arrivals, contender.parse, set().union(*(told["acknowledged"] for told in written.values())))
        finally:
            arrivals.end()
    return {rate: _latency(told, came, span.warm * rate) for rate, told in written.items()}


def _prime(collection: Collection[dict[str, Any]], arrivals: Arrivals, check: Callable[[], None]) -> None:
    """Inserts documents until one arrives."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE
    while not arrivals.messages:
        check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"no document arrives within {PATIENCE} s")
        collection.insert_one({"_id": ObjectId()})
        pause.wait(0.2)


def _settle(arrivals: Arrivals, parse: Parse, written: set[str]) -> dict[str, float]:
    """When each of the documents arrived, once all have."""
    pause, deadline, read = threading.Event(), time.monotonic() + PATIENCE, 0
    came: dict[str, float] = {}
    while missing := len(written - came.keys()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{missing} of {len(written)} documents did not reach the consumer")
        pause.wait(0.2)
        several = arrivals.messages[read:]
        read += len(several)
        came |= {parse(message).identity: when for when, message in several}
    return came


def _write(ground: Ground, collection: Collection[dict[str, Any]], rate: int, seconds: int) -> dict[str, Any]:
    uri = ground.env["CDC_MONGO__URI"]
    arguments = [uri, DATABASE, collection.name, str(rate), str(seconds)]
    used = measured([sys.executable, "-m", writing.__name__, *arguments], ground.empty(), ground.env)
    told: dict[str, Any] = json.loads(used.output)
    return told


def _latency(told: Mapping[str, Any], came: Mapping[str, float], warm: int) -> Latency:
    measured = list(told["acknowledged"].items())[warm:]
    waits = [1e3 * (came[identity] - when) for identity, when in measured]
    percentiles = quantiles(waits, n=100)
    return Latency(percentiles[49], percentiles[94], percentiles[98], max(waits), told["rate"])


def _bare(ground: Ground, collection: Collection[dict[str, Any]], span: Span) -> Mapping[int, Latency]:
    with _listening(ground, collection.name, sum(rate * span.whole(rate) for rate in span.seconds)) as listener:
        written = {rate: _write(ground, collection, rate, span.whole(rate)) for rate in span.seconds}
        output, _ = listener.communicate(timeout=PATIENCE)
    came = json.loads(output)
    return {rate: _latency(told, came, span.warm * rate) for rate, told in written.items()}


@contextmanager
def _listening(ground: Ground, collection: str, count: int) -> Iterator["subprocess.Popen[str]"]:
    """The bare reader, once its stream is open."""
    arguments = [ground.env["CDC_MONGO__URI"], DATABASE, collection, str(count)]
    command = [sys.executable, "-m", listening.__name__, *arguments]
    with subprocess.Popen(command, env=environment(ground.env), stdout=subprocess.PIPE, text=True) as listener:
        try:
            if not cast("IO[str]", listener.stdout).readline():
                raise RuntimeError("the bare reader does not open its stream")
            yield listener
        finally:
            listener.kill()
