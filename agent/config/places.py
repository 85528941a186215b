"""Where in the file a key stands, for what is found wrong only when the whole file is looked at."""

from __future__ import annotations

import re
from pathlib import Path

from agent.config.document import Items, Node, Scalar, Table, parse_document, problem
from agent.errors import ConfigError

_STEP = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")


def problem_at(file: Path, data: bytes, key: str, reason: str) -> ConfigError:
    """FILE:LINE: KEY: reason for a dotted key such as `cameras[station-1].sdk` of what was read from `file`.

    The line is that of the innermost mapping that is there where the key is left out.
    """
    return problem(file, _line(parse_document(file, data), key), key, reason)


def _line(document: Table, key: str) -> int:
    node: Node = document
    line = 1
    for word, name in _STEP.findall(key):
        found = _entry(node, word) if word else _member(node, name)
        if found is None:
            return line
        line, node = found
    return line


def _entry(node: Node, word: str) -> tuple[int, Node] | None:
    entries = node.entries if isinstance(node, Table) else ()
    return next(((line, value) for key, line, value in entries if key == word), None)


def _member(node: Node, name: str) -> tuple[int, Node] | None:
    """The mapping of a list that has this name."""
    for one in node.nodes if isinstance(node, Items) else ():
        told = _entry(one, "name")
        if told is not None and isinstance(told[1], Scalar) and told[1].text == name:
            return one.line, one
    return None
