"""The line with results that come as events: the wait for the next part is gone from every latency."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from agent.domain.budget import Budget
from agent.domain.states import CameraState
from tests.support.virtual_line import Act, line_config, play

SLOW_LINE = 150.0  # parts a minute: 400 ms from one to the next
BUDGET = Budget(parts_per_minute=SLOW_LINE, max_latency_ms=150.0)


@pytest.mark.parametrize(("source", "feasible"), [("events", True), ("chunks", False)])
def test_a_latency_below_one_part_interval_is_feasible_with_events_only(
    tmp_path: Path, ladder: Path, source: Literal["events", "chunks"], feasible: bool
) -> None:
    """A result in chunk data leaves with the next part's frame (design: architecture, ADR 10)."""
    config = line_config(tmp_path, ladder)
    config = replace(config, cameras=(replace(config.cameras[0], results_from=source),))
    outcome = play(config, [Act(0.0, SLOW_LINE), Act(20.0, SLOW_LINE, BUDGET)], 60.0)
    assert outcome.wrong == []
    assert outcome.last is not None
    assert outcome.last.state is CameraState.ACTIVE
    assert outcome.last.decision is not None
    assert outcome.last.decision.feasible is feasible
    assert outcome.last.latency is not None
    if feasible:
        assert outcome.last.latency.latency_p99_ms < 150.0
        assert outcome.last.latency.service_p50_ms > 0.0
    else:
        assert outcome.last.latency.latency_p50_ms > 400.0
    assert sum(outcome.results.values()) > 100
