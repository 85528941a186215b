"""Which series a PromQL expression reads: names, and the labels that it asks of each. promtool says whether it parses.

For the plain expressions of deploy/: every selector names its metric.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"\b((?:ofa|process|up)(?:[_:][a-z0-9_:]*)?)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"\s*(\w+)\s*(?:=~|!~|!=|=)\s*§\s*,?")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Read:
    """One selector of an expression."""

    name: str
    labels: frozenset[str]


def reads(expression: str) -> Iterator[Read]:
    """Every selector; a matcher that cannot be told apart is an error."""
    plain = _GROUPING.sub(" ", _STRING.sub("§", expression))
    for name, matchers in _SELECTOR.findall(plain):
        assert _MATCHER.sub("", matchers) == "", f"cannot read {{{matchers}}} of {expression}"
        yield Read(name, frozenset(_MATCHER.findall(matchers)))


def groupings(expression: str) -> frozenset[str]:
    """Labels that it groups or joins by."""
    told = _GROUPING.findall(_STRING.sub("§", expression))
    return frozenset(label.strip() for labels in told for label in labels.split(",") if label.strip())
