"""Structured logs: JSON lines, or plain ones on a terminal. No secret is ever an argument."""

from __future__ import annotations

import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import TextIO

import structlog

_AGAIN_S = 60.0
_REMEMBERED = 10_000


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


class Seldom:
    """Lets what would be said again and again pass once in a while, for each that it is about."""

    def __init__(self, again_s: float = _AGAIN_S) -> None:
        self._again_s = again_s
        self._passed_s: OrderedDict[Hashable, float] = OrderedDict()

    def passes(self, *about: Hashable) -> bool:
        """Whether it may be said now; if so, it counts as said."""
        now_s = time.monotonic()
        passed_s = self._passed_s.get(about)
        if passed_s is not None and now_s - passed_s < self._again_s:
            return False
        self._passed_s[about] = now_s
        self._passed_s.move_to_end(about)
        if len(self._passed_s) > _REMEMBERED:
            self._passed_s.popitem(last=False)
        return True
