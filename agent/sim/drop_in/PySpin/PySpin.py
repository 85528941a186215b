"""All names of the simulated SDK, in the generation and with the cameras that the environment asks for."""

from __future__ import annotations

import importlib.util as _imports
import sys as _sys
from pathlib import Path as _Path

if _imports.find_spec("agent") is None:
    # A checkout that was not installed: the program started elsewhere and does not see it.
    _sys.path.append(str(_Path(__file__).resolve().parents[4]))

from agent.sim.binding import bind as _bind

_names = _bind()
globals().update(_names)
__all__ = sorted(_names)  # noqa: PLE0605 - the names depend on the generation
