"""What can go wrong, named by what the loop does about it.

CdcError                   exit
├── Retryable                 3   close the attempt, wait, reopen from the cursor
│   ├── SourceUnreachable
│   ├── SinkUnreachable
│   └── StoreUnreachable
├── Poison                    5   this event only: dead letter, or stop where none is set
│   ├── Unencodable
│   └── TooLarge
└── Fatal                         stop; a person must act
    ├── ConfigInvalid         2
    ├── AccessDenied          2
    ├── HistoryLost           4
    ├── CursorCorrupt         4
    ├── UnknownOperation      5
    ├── Fenced                6
    └── Different             7

Exit code 0 is done, 1 is a bug (a traceback). Classify by code and label, never by text.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of every `cdc` command."""

    DONE = 0
    BUG = 1
    CONFIG = 2
    UNREACHABLE = 3
    POSITION_LOST = 4
    POISON = 5
    FENCED = 6
    DIFFERENT = 7


class CdcError(Exception):
    """An expected failure: one line for what is wrong, one `hint` for what to do about it."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Retryable(CdcError):
    """Something is out of reach that may come back."""

    exit_code = ExitCode.UNREACHABLE


class SourceUnreachable(Retryable):
    """The database does not answer, or closed the stream in a way that can be resumed."""


class SinkUnreachable(Retryable):
    """Kafka does not answer, or a record was not acknowledged."""


class StoreUnreachable(Retryable):
    """The cursor could not be read or saved just now."""


class Poison(CdcError):
    """One event cannot become a record; the events around it can."""

    exit_code = ExitCode.POISON


class Unencodable(Poison):
    """The event's BSON is malformed or has no JSON form, or the source cannot hand it over."""


class TooLarge(Poison):
    """The record is larger than the producer or the broker takes."""


class Fatal(CdcError):
    """Retrying cannot help."""


class ConfigInvalid(Fatal):
    """An option, a setting or the server's kind does not fit."""

    exit_code = ExitCode.CONFIG


class AccessDenied(Fatal):
    """The server knows us and says no."""

    exit_code = ExitCode.CONFIG


class HistoryLost(Fatal):
    """The server no longer has the saved position."""

    exit_code = ExitCode.POSITION_LOST


class CursorCorrupt(Fatal):
    """The saved cursor is torn, of another version, or of another source."""

    exit_code = ExitCode.POSITION_LOST


class UnknownOperation(Fatal):
    """The server sent an operation type this version does not know (I5)."""

    exit_code = ExitCode.POISON


class Fenced(Fatal):
    """Another instance owns this pipeline's name."""

    exit_code = ExitCode.FENCED


class Different(Fatal):
    """What was to be equal is not."""

    exit_code = ExitCode.DIFFERENT
