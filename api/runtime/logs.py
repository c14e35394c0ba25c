"""Logs on standard error: lines for people, or JSON for machines. Never a key, card or body."""

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

from api.runtime.log_limits import LimitedHandler
from api.runtime.log_values import bound_values, write_traceback
from api.runtime.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Send what structlog and the standard library log the same way."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[Processor]
    # A traceback without its local variables: among them are bodies, cards and keys.
    if settings.log_format == "json":
        render = [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            bound_values,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        render = [
            bound_values,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=write_traceback
            ),
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = LimitedHandler(sys.stderr, settings.log_lines_per_minute)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("uvicorn", "alembic", "asyncio"):
        # They log every step of a start; only their warnings are worth reading.
        logging.getLogger(name).setLevel(logging.WARNING)


def count_lines_left_out() -> int:
    """Lines that were not written since too many of their kind were."""
    handlers = logging.getLogger().handlers
    return sum(handler.left_out for handler in handlers if isinstance(handler, LimitedHandler))
