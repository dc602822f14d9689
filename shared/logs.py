"""Structured logs: one JSON object a line on standard error, with the service's name.

An error is logged by its type and where it happened. Its text stays out unless it is one of ours: texts of
libraries may hold SQL, addresses with passwords or people's data.
"""

import logging
import sys
import traceback
from pathlib import Path
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.errors import FarelarkError

_FRAMES: Final = 6
# They say on every reconnect, with the address, what our own logs say in one line.
_NOISY: Final = ("aio_pika", "aiormq")


def configure(service: str, level: str) -> None:
    """Send our logs and the libraries' through one JSON formatter."""
    steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(steps))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _formatter(steps: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=steps,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _name_error,
            structlog.processors.JSONRenderer(),
        ],
    )


def _name_error(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its type, its place and, if it is ours, its text."""
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["error"] = type(error).__name__ + (f": {error}" if isinstance(error, FarelarkError) else "")
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        event["where"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1]
    return sys.exc_info()[1] if exc_info else None
