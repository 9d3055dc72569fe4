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
    # A traceback names places, and not what was in the variables there: a password, a payload.
    renderers: tuple[structlog.typing.Processor, ...] = (
        (structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),)
        if text
        else (
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(default=str),
        )
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level]
        ),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)
    # Drivers speak through logging; what they have to say reaches us as errors.
    logging.getLogger().addHandler(logging.NullHandler())
