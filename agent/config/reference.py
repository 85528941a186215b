"""docs/reference/config.md: every key with its values, its default and what changing it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.config.diff import shown
from agent.config.keys import AGENT
from agent.config.table import REQUIRED, Key, KeyTable, Many, Sub

_HEAD = """\
# Keys of the config file

Made from the tables that the agent itself reads by (`agent/config/keys.py`) with `python tools/config_reference.py`.
What is left out has its default; `ofa-agent check --config FILE --print-effective` prints them all. An unknown key, a
wrong unit and a value out of range are errors, `FILE:LINE: KEY: reason`. `ofa-agent check --print-schema` prints a JSON
Schema for editors, `config.schema.json` beside this page. Relative file names count from the folder of the config file.
How to use the keys: `../how-to/tune-by-config.md`.

**Reload** says what another value needs to take effect in a running agent (`ofa-agent reload`, SIGHUP, `reload.watch`):

| class | needs |
|---|---|
| LIVE | nothing: it holds at once, and nothing stops for it |
| SWAP | nothing: it holds at once, but cameras may have to swap for it |
| RESTART | a start of the agent; a file with such a change is refused as a whole |
"""


def reference() -> str:
    """The page."""
    return _HEAD + "".join(_sections("", AGENT))


def _sections(path: str, table: KeyTable[Any]) -> Iterator[str]:
    title = f"`{path}`" if path else "Top of the file"
    rows = "".join(_row(key) for key in table.keys)
    yield f"\n## {title}\n\n| key | value | default | reload | meaning |\n|---|---|---|---|---|\n{rows}"
    for key in table.keys:
        inner = f"{path}.{key.name}" if path else key.name
        if isinstance(key.kind, Sub) and not key.kind.overrides:
            yield from _sections(inner, key.kind.table)
        elif isinstance(key.kind, Many):
            yield from _sections(f"{inner}[]", key.kind.table)


def _row(key: Key) -> str:
    value = key.kind.words if key.default is not REQUIRED else f"{key.kind.words}; required"
    reload = "by key" if key.reload is None else key.reload.value
    cells = (f"`{key.name}`", value, _default(key), reload, key.says)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(key: Key) -> str:
    if key.default is REQUIRED:
        return ""
    if key.default_says:
        return key.default_says
    if isinstance(key.kind, Sub) and key.default is not None and key.kind.table.inherits:
        return "by key"
    plain = key.kind.plain(key.default)
    return "left out" if plain is None else f"`{shown(plain)}`"
