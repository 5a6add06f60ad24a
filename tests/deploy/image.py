"""What `deploy/Dockerfile` builds, built without a container engine; `make check` runs it where its sources changed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.twins import needs_both

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
TARGET = ROOT / "cdc" / "encode" / "native" / "target"
"""What cargo has compiled already: the crates of others."""


def instructions() -> list[tuple[str, str]]:
    """Those of the first stage, by name and arguments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    stage = re.sub(r"\\\n\s*", "", text).split("\nFROM ")[0]
    return [(name, arguments) for name, _, arguments in (line.partition(" ") for line in stage.splitlines() if line)]


def copied(arguments: str, context: Path, workdir: Path) -> None:
    *sources, target = arguments.split()
    for source in sources:
        found, there = context / source, workdir / target
        if found.is_dir():
            shutil.copytree(found, there)
        else:
            there.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, there)


def admitted(folder: str, names: list[str]) -> set[str]:
    """What `Dockerfile.dockerignore` leaves out of a folder that it lets in."""
    ignored = [line.removeprefix("**/") for line in IGNORED if line.startswith("**/")]
    return set(shutil.ignore_patterns(*ignored)(folder, names))


IGNORED = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()


@needs_both
def test_the_image_s_build_gives_a_native_cdc(tmp_path: Path) -> None:
    context, image = tmp_path / "context", tmp_path / "image"
    for line in IGNORED:
        if line.startswith("!") and (ROOT / line[1:]).is_dir():
            shutil.copytree(ROOT / line[1:], context / line[1:], ignore=admitted)
        elif line.startswith("!"):
            (context / line[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / line[1:], context / line[1:])
    path = f"{image}/bin:{os.environ['PATH']}"
    quick = {"CARGO_TARGET_DIR": str(TARGET), "PIP_NO_COMPILE": "1"}
    (image / "bin").mkdir(parents=True)
    (image / "bin" / "python").symlink_to(Path(sys.base_prefix, "bin", "python3"))

    workdir, ran = image, 0
    for name, arguments in instructions():
        if name == "WORKDIR":
            workdir = image / arguments.lstrip("/")
            workdir.mkdir(parents=True)
        elif name == "COPY":
            copied(arguments, context, workdir)
        elif name == "RUN" and not arguments.startswith("apt-get"):
            script = re.sub(r"/(?:opt|dist)\b", rf"{image}\g<0>", arguments.replace("--no-cache-dir ", ""))
            done = subprocess.run(
                ["/bin/sh", "-ec", script],
                cwd=workdir,
                env={**os.environ, "PATH": path, **quick},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"RUN {arguments}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            ran += 1
    assert ran == 3
    shutil.rmtree(context)
    shutil.rmtree(workdir)
    shown = subprocess.run(
        [image / "opt" / "cdc" / "bin" / "cdc", "types"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert shown.stdout.startswith("information")
