"""Structured logs: JSON lines, or plain ones on a terminal. No secret is ever an argument."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog


def configure(*, json: bool, stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Sets up logging for a process."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge(max(level, logging.WARNING))]


class _Bridge(logging.Handler):
    """What libraries say through ``logging``, in the same form as all else."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(part=record.name).log(
            record.levelno, record.getMessage().strip(), exc_info=record.exc_info or None
        )


def logger(part: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one part of the server."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=part)
    return log
