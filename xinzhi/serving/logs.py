"""Structured logs: one JSON object a line on stderr, without texts."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timezone
from typing import Any

from pydantic_core import to_json


class JsonFormatter(logging.Formatter):
    """Writes a record as JSON; what is passed as `extra={"facts": {…}}` becomes members."""

    def format(self, record: logging.LogRecord) -> str:
        """RETURNS (str): One line."""
        time = datetime.fromtimestamp(record.created, timezone.utc)
        members: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            members["traceback"] = self.formatException(record.exc_info)
        return to_json(members, fallback=str).decode()


class NoRepetition(logging.Filter):
    """Drops the traceback that uvicorn adds when a model cannot be served: that was logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """RETURNS (bool): Whether the record is written."""
        message = record.getMessage()
        return not (message.startswith("Traceback") and "SystemExit" in message)


def log_config(level: str) -> dict[str, Any]:
    """RETURNS (dict): Settings for `logging.config.dictConfig`: ours, uvicorn's, and warnings of
    all others."""
    logger = {"handlers": ["stderr"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "filters": {"no_repetition": {"()": NoRepetition}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "filters": ["no_repetition"],
            }
        },
        "loggers": {"xinzhi": logger, "uvicorn": logger},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }


def fingerprint(text: str) -> dict[str, Any]:
    """What may be said of a text: enough to find it again for those who have it.

    text (str): The text.
    RETURNS (dict): text_sha256 (its first 16 digits) and characters.
    """
    digest = hashlib.sha256(text.encode("utf8", "surrogatepass")).hexdigest()
    return {"text_sha256": digest[:16], "characters": len(text)}
