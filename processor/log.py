"""The only place that configures and writes logs.

Place in the flow: anyone may `say` a dotted constant with fields; `app` sets it up once.
Readable on a terminal, one JSON object a line otherwise; always on stderr.

A line that cannot be written (a full disk, a closed pipe) is lost and nothing else is: what
happened is in the ledger. Only `announce`, for whom the line is the deed, hears of it.
"""

import logging
import sys
from contextlib import AbstractContextManager, suppress

import structlog
import structlog.tracebacks
import structlog.typing


def set_up(*, pretty: bool | None = None, level: str = "info") -> None:
    """Configure logging once; `pretty` None means "when stderr is a terminal"."""
    readable = sys.stderr.isatty() if pretty is None else pretty
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_READABLE if readable else _LINES),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


# Tracebacks never show locals: those of a frame may be a token, a password, a header.
_LINES: tuple[structlog.typing.Processor, ...] = (
    structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
    ),
    structlog.processors.JSONRenderer(ensure_ascii=False),
)
_READABLE: tuple[structlog.typing.Processor, ...] = (
    structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
)


_UNWRITABLE = (OSError, ValueError)  # the second from a stream that was closed


def say(event: str, **fields: object) -> None:
    """Write one line: a dotted constant and its fields."""
    with suppress(*_UNWRITABLE):
        structlog.get_logger().info(event, **fields)


def warn(event: str, **fields: object) -> None:
    """Write one line somebody should read."""
    with suppress(*_UNWRITABLE):
        structlog.get_logger().warning(event, **fields)


def failed(event: str, **fields: object) -> None:
    """Write one line with the exception being handled."""
    with suppress(*_UNWRITABLE):
        structlog.get_logger().exception(event, **fields)


def announce(event: str, **fields: object) -> None:
    """Write one line that somebody counts on. Raises OSError when nobody takes it."""
    try:
        structlog.get_logger().info(event, **fields)
    except ValueError as closed:
        raise OSError(str(closed)) from closed


def about(**fields: str) -> AbstractContextManager[None]:
    """Name event, model, version and handler on every line said inside."""
    return structlog.contextvars.bound_contextvars(**fields)
