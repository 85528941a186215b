"""The real Myriad compiler for tests: what is in the cache, or fetched once in a session."""

from __future__ import annotations

import functools

from agent.builder.targets.errors import ToolsMissing
from agent.builder.targets.toolbox import check_toolbox, fetch_toolbox, toolbox_folder


@functools.cache
def why_not() -> str | None:
    """The reason why the compiler cannot be used here; None where it can."""
    folder = toolbox_folder()
    try:
        fetch_toolbox(folder, lambda _line: None)
        check_toolbox(folder)
    except ToolsMissing as exc:
        return str(exc)
    return None
