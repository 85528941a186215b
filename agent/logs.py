"""Transition-only logging: an event name and key=value pairs, one line each, on standard error."""

from __future__ import annotations

import logging
import sys

_ROOT = "ofa_agent"


def logger(room: str) -> logging.Logger:
    """The logger of a room, for example `camera`."""
    return logging.getLogger(f"{_ROOT}.{room}")


def event(log: logging.Logger, level: int, name: str, **fields: object) -> None:
    """Log `name key=value …`; values with blanks or quotes are quoted, so that a line stays one record."""
    log.log(level, "%s", " ".join([name, *(f"{key}={_value(value)}" for key, value in fields.items())]))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value).replace("\n", " ")
    return repr(text) if not text or " " in text or '"' in text else text


def configure(level: int = logging.INFO) -> None:
    """Send the agent's records to standard error; the journal of the service manager adds the time."""
    root = logging.getLogger(_ROOT)
    root.setLevel(level)
    root.propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root.handlers[:] = [handler]
