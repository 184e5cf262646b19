"""Structured logs: one line an event, JSON where a program reads it, coloured text on a terminal.

Line breaks in values are escaped by both renderers, so a message cannot forge a second line. Card numbers, passwords,
tokens and full mail addresses are never given to a log call.
"""

import logging
import sys

import structlog


def configure() -> None:
    """Sets structlog up for this process; harmless when called again."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
