"""Kafka Connect's own standalone worker, in a process of its own, with one connector."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import Consumer

from cdc.local import install
from cdc.local.install import Tell
from tests.bench.children import Used
from tests.bench.ground import Ground
from tests.bench.peers import jars
from tests.bench.peers.settings import JVM, WORKER, Connector, Properties
from tests.support.waiting import until

MAIN = "org.apache.kafka.connect.cli.ConnectStandalone"
OFFSETS = "offsets"
STALL_SECONDS = 120
STOP_SECONDS = 60
PAUSE_SECONDS = 0.1


def fetch(connector: Connector, tell: Tell) -> None:
    """Everything it takes, once."""
    jars.worker(tell)
    connector.jars(tell)


@dataclass(frozen=True, slots=True)
class Worker:
    """A running one; `started` in seconds since 1970."""

    process: "subprocess.Popen[bytes]"
    started: float
    folder: Path

    def used(self) -> Used:
        """So far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return Used("", self.started, times.user + times.system, self._peak())

    def reach(self, consumer: Consumer, records: int) -> None:
        """Waits until the consumer's topic holds so many; raises where they do not come."""
        topic = consumer.assignment()[0]
        found, deadline, pause = 0, time.monotonic() + STALL_SECONDS, threading.Event()
        while found < records:
            self.check()
            pause.wait(PAUSE_SECONDS)
            now = consumer.get_watermark_offsets(topic, timeout=STALL_SECONDS)[1]
            if now > found:
                found, deadline = now, time.monotonic() + STALL_SECONDS
            elif time.monotonic() > deadline:
                raise RuntimeError(f"{topic.topic} stays at {found} of {records} records: {self.last_words()}")

    def check(self) -> None:
        if (code := self.process.poll()) is not None:
            raise RuntimeError(f"the worker ended with {code}: {self.last_words()}")

    def stop(self) -> None:
        """In good order, so that it saves its position."""
        self.process.terminate()
        self.process.wait(STOP_SECONDS)

    def last_words(self) -> str:
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if " ERROR " in line][-5:] or lines[-5:])

    def _peak(self) -> int:
        """The kernel's own high-water mark."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the kernel tells no peak memory")


@contextmanager
def running(
    ground: Ground, connector: Connector, collection: str, settings: Properties, offsets: Path | None = None
) -> Iterator[Worker]:
    """A worker that is gone when the block ends, whatever happens in it; from the saved offsets on, if any."""
    folder = ground.empty()
    if offsets is not None:
        shutil.copyfile(offsets / OFFSETS, folder / OFFSETS)
    worker = {"bootstrap.servers": ground.kafka, "offset.storage.file.filename": str(folder / OFFSETS), **WORKER}
    worker |= {name: value for name, value in settings.items() if name.startswith("producer.")}
    told = {name: value for name, value in settings.items() if name not in worker}
    source = {**connector.always, **told, **connector.of(ground.env["CDC_MONGO__URI"], collection)}
    paths = f"{jars.worker(install.silent)}/*:{connector.jars(install.silent)}/*"
    command = [str(install.java()), *JVM, f"-Djava.io.tmpdir={folder}", "-cp", paths, MAIN]
    files = [_written(folder / f"{name}.properties", each) for name, each in (("worker", worker), ("source", source))]
    with (folder / "log").open("wb") as log:
        started = time.time()
        process = subprocess.Popen([*command, *files], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield Worker(process, started, folder)
        finally:
            process.kill()
            process.wait()


def _written(file: Path, properties: Properties) -> str:
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return str(file)


def saved(worker: Worker) -> Path:
    """The folder of the position of a worker that was stopped."""
    until((worker.folder / OFFSETS).exists, what="a saved position")
    return worker.folder
