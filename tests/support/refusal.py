"""What a user is told when a command is refused."""

from subprocess import CompletedProcess


def refusal(done: CompletedProcess[str], code: int) -> str:
    """`error | hint` of a command that ended with `code`, having written nothing beside them but its log in JSON."""
    assert done.returncode == code, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert [line.partition(": ")[0] for line in said] == ["error", "hint"], done.stderr
    return " | ".join(line.partition(": ")[2] for line in said)
