"""Where log lines go and how they look: standard error, for a person on a terminal, as JSON elsewhere."""

import logging
import sys
from typing import Literal

import structlog


def configure(log_format: Literal["console", "json"] | None, *, debug: bool) -> None:
    """Send every line to standard error; standard output belongs to the command's own result."""
    console = log_format == "console" or (log_format is None and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if console else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
            structlog.processors.StackInfoRenderer(),
            *([] if console else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=_StderrLogger,
        cache_logger_on_first_use=False,
    )
    for name in ("librdkafka", "pymongo"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [_Relay()], False
        library.setLevel(logging.INFO if debug else logging.CRITICAL)


class _Relay(logging.Handler):
    """What libraries log, among our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger("cdc").debug(record.getMessage(), library=record.name)


class _StderrLogger(structlog.PrintLogger):
    """Looks `sys.stderr` up for each line, so that the live line can stand below the log.

    A line is one write with its end, so that those of several threads do not run into each other.
    """

    def __init__(self, *_: object) -> None:
        super().__init__(sys.stderr)

    def msg(self, message: str) -> None:
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg
