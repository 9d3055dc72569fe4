"""Structured logs: JSON to a pipe, colours to a terminal.

Events are constant phrases, what varies are keys. Nothing is said at info per message,
and no payload, token or secret is ever said.
"""

import logging
import sys

import structlog

from voxtrude.settings import Log


def configure(settings: Log, service: str) -> None:
    """Set up structlog once, from a composition root and nowhere else."""
    text = settings.format == "text" or (settings.format == "auto" and sys.stderr.isatty())
    renderer = (
        structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level]
        ),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)
    # Drivers speak through logging; what they have to say reaches us as errors.
    logging.getLogger().addHandler(logging.NullHandler())
