"""The limits that the documentation tells are those of the code."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from agent.api.limits import ApiLimits
from agent.api.profile import MAX_WAIT_S
from agent.api.reasons import REJECTIONS
from agent.errors import ReaderStalled
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "api-limits.md"
DEAD_PEER_S = 30.0


def table(page: Path, heading: str) -> list[list[str]]:
    """The rows of the first table under that heading, without its head."""
    text = page.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


def test_the_page_has_every_limit_with_its_number() -> None:
    told = {row[0].strip("`"): float(row[1]) for row in table(PAGE, "Numbers")}
    assert told == {name: float(value) for name, value in asdict(ApiLimits()).items()}


def test_the_page_names_reasons_and_codes_that_there_are() -> None:
    codes: dict[str, str] = {reason: meaning.code.name for reason, meaning in REJECTIONS.items()}
    codes[ReaderStalled.reason] = "RESOURCE_EXHAUSTED"
    told = [(reason, row[1]) for row in table(PAGE, "What a client hears") for reason in re.findall(r"`(\w+)`", row[0])]
    assert len(told) == 8
    assert [(reason, codes[reason]) for reason, _ in told] == told


def test_the_limits_fit_together() -> None:
    limits = ApiLimits()
    options = dict(limits.options())
    assert limits.keepalive_s + limits.keepalive_timeout_s <= DEAD_PEER_S
    assert options["grpc.http2.ping_timeout_ms"] == options["grpc.keepalive_timeout_ms"]
    assert limits.max_streams_each < limits.max_streams_unnamed < limits.max_streams_user < limits.max_streams
    assert limits.max_calls_each < limits.max_calls_unnamed < limits.max_calls_user < limits.max_calls
    assert limits.max_connections_each < limits.max_connections_users < limits.max_connections
    assert options["grpc.max_concurrent_streams"] >= limits.max_streams_unnamed + limits.max_calls_unnamed
    assert limits.wait_s > MAX_WAIT_S
    assert limits.max_streams_unnamed >= 200
