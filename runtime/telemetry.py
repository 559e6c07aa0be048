"""Logs and error reports: JSON lines on standard output and in rotated files, masked; Sentry with ids only."""

import logging
import sys
from collections.abc import MutableMapping
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.masking import Masker
from runtime.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

FILE_BYTES = 20_000_000
QUIET_LIBRARIES = ("httpx", "httpcore", "urllib3", "websockets", "websocket", "alembic.runtime.migration")
SENTRY_TAGS = frozenset(
    {"process", "trace_id", "user_id", "account_id", "agent_id", "intent_id", "workflow_id", "workflow_type"}
    | {"activity_type", "venue", "instrument", "code"}
)


def masker_of(settings: Settings) -> Masker:
    """Build the masker that knows this deployment's own secrets."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    return Masker(secrets, addresses=settings.log_mask_addresses)


def configure_logging(settings: Settings, process: str) -> None:
    """Send every log line of this process, libraries included, through one masked JSON pipeline."""
    masker = masker_of(settings)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        _stamp(process),
        _mask(masker),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    _install_handlers(settings, process, shared)


def _install_handlers(settings: Settings, process: str, shared: list[Processor]) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    settings.logs.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(
        settings.logs / f"{process}.jsonl", maxBytes=FILE_BYTES, backupCount=settings.log_keep, encoding="utf-8"
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in (logging.StreamHandler(sys.stdout), file):
        handler.setFormatter(formatter)
        root.addHandler(handler)
    root.setLevel(settings.log_level)
    for library in QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)


def _stamp(process: str) -> Processor:
    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return stamp


def _mask(masker: Masker) -> Processor:
    def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        # structlog's own fields are removed by the formatter and must reach it as they are.
        return {name: value if name.startswith("_") else masker.named(name, value) for name, value in event.items()}

    return mask


def bind_trace(**ids: str) -> None:
    """Put ids on every later log line of this thread or task."""
    structlog.contextvars.bind_contextvars(**ids)


def clear_trace() -> None:
    """Forget the ids of `bind_trace`."""
    structlog.contextvars.clear_contextvars()


def init_sentry(settings: Settings, process: str) -> None:
    """Report errors to SENTRY_DSN, if set: type, place and ids, never arguments or local variables."""
    if settings.sentry_dsn is None:
        return
    import sentry_sdk

    masker = masker_of(settings)
    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        environment=settings.holdfast_env.value,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=lambda event, hint: scrubbed(event, hint, masker),
    )
    sentry_sdk.set_tag("process", process)


def scrubbed(event: "Event", _hint: "Hint", masker: Masker) -> "Event":
    """Keep of an error report the allowed tags and the masked text of its exceptions."""
    raw: MutableMapping[str, Any] = event  # type: ignore[assignment]
    for section in ("request", "user", "extra", "breadcrumbs", "contexts", "server_name", "modules"):
        raw.pop(section, None)
    tags = raw.get("tags") or {}
    raw["tags"] = {name: value for name, value in dict(tags).items() if name in SENTRY_TAGS}
    for section in ("exception", "logentry", "message"):
        if section in raw:
            raw[section] = masker.value(raw[section])
    return event
