"""Daemon and replay agree: one trace, one seed, one policy. What may differ is said in `tests.support.agreement`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from agent.config.schema import ResultsFrom
from agent.replay.line import Line, Noise
from agent.replay.lineshift import FIRST_TUNING_SEED as TUNING_SEED
from agent.replay.lineshift import JITTER, RUNGS, SCENARIOS, lineshift
from agent.replay.policies.shipped import profiles
from agent.replay.simulation import Run, simulate
from agent.replay.trace import Trace, parse_trace
from agent.sim.spec import SimulationSpec, TransportSpec, VpuSpec
from tests.support.agreement import Reasoned, differences, worth_difference
from tests.support.rung_libraries import Rung, TrueLadder, publish_rungs, true_ladder, without_fixed_costs
from tests.support.swap_times import measured_swap_s
from tests.support.trace_line import Played, play_trace, trace_config

AT_ONCE_S = 1e-5  # the line says first whether it stands, then what it asks for
NOISE = Noise(*JITTER, seed=3)
SMALL = (
    Rung("fast", 40.0, 0.71, 90_000),
    Rung("middle", 65.0, 0.75, 120_000),
    Rung("good", 110.0, 0.79, 160_000),
    Rung("best", 145.0, 0.81, 200_000),
)
# Level steps, a slow-down that drives the active net out of its budget, a stop with another budget after it, and a
# spell at which no net keeps pace.
TEN_MINUTES = """t_s,parts_per_minute,max_latency_ms,slowdown,stopped
0,700,,1,0
100.3,300,,,
250.1,900,,,
310.2,380,,,
350.7,,,1.6,
410.7,,,1,
450.4,,,,1
480.4,750,,,0
530.6,1600,,,
560.9,400,,,
620,,,,
"""


# Limits below a part interval, which a result that waits for the next frame cannot keep.
SHORT_LIMITS = """t_s,parts_per_minute,max_latency_ms,slowdown,stopped
0,300,100,1,0
20.3,300,140,1,0
40.1,300,60,1,0
60,,,,
"""


@dataclass(frozen=True)
class Station:
    """A camera's specification, a library for it, and its truth."""

    spec: SimulationSpec
    library: Path
    true: TrueLadder

    @classmethod
    def of(cls, folder: Path, rungs: tuple[Rung, ...], spec: SimulationSpec) -> Station:
        spec = without_fixed_costs(spec)
        library = publish_rungs(folder / "library", rungs, spec)
        swap_s = measured_swap_s(trace_config(folder, library, spec))
        return cls(spec, library, true_ladder(library, spec, swap_s))

    def line(self, trace: Trace, noise: Noise = NOISE) -> Line:
        return Line(trace, self.true.ladder, noise, self.true.sensitivity)

    def both(
        self, folder: Path, line: Line, results_from: ResultsFrom = "chunks", notice_s: float = 0.0
    ) -> tuple[Played, Run, list[str]]:
        """What the daemon did on this line, what the replay does, and what is not the same.

        Both know what commissioning has measured.
        """
        measured = profiles(line.ladder, line.noise)
        played = play_trace(trace_config(folder, self.library, self.spec, results_from), line, measured, notice_s)
        policy = Reasoned(line.ladder, notice_s=notice_s, noise=line.noise)
        run = simulate(line, policy, notice_s)
        return played, run, differences(line, played, run, policy.reasons)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Station:
    """Four rungs on a camera with hidden factors."""
    spec = SimulationSpec(seed=7, vpu=VpuSpec(time_scale=20.0), transport=TransportSpec(file_bytes_per_s=1e5))
    return Station.of(tmp_path_factory.mktemp("small"), SMALL, spec)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Station:
    """The ladder of LineShift; its files have a hundredth of the size and go a hundred times as slowly."""
    rungs = tuple(Rung(f"ofa-{ms:g}ms", ms, top1, round(mb * 1e4)) for ms, top1, mb in RUNGS)
    vpu = VpuSpec(time_scale=20.0, digest_sigma=0.0)
    spec = SimulationSpec(seed=7, vpu=vpu, transport=TransportSpec(file_bytes_per_s=1e-2 / 0.22e-6))
    return Station.of(tmp_path_factory.mktemp("published"), rungs, spec)


def excerpt(trace: Trace, end_s: float) -> Trace:
    """The first `end_s` of a trace."""
    rows = slice(int(np.searchsorted(trace.t_s, end_s)))
    rate, limit_ms, slowdown = trace.parts_per_minute[rows], trace.max_latency_ms[rows], trace.slowdown[rows]
    return Trace(trace.t_s[rows], rate, limit_ms, slowdown, trace.stopped[rows], end_s)


def test_ten_minutes_of_a_line_end_in_the_same_decisions(tmp_path: Path, small: Station) -> None:
    line = small.line(parse_trace(TEN_MINUTES.splitlines()))
    played, run, found = small.both(tmp_path, line)
    assert found == []
    assert len(run.swaps) >= 5
    at_rows = [swap for swap in played.swaps if np.any(np.abs(line.trace.t_s - swap.at_s) < AT_ONCE_S)]
    assert len(at_rows) >= 3


def test_limits_below_a_part_interval_are_answered_alike_with_results_as_events(tmp_path: Path, small: Station) -> None:
    line = small.line(parse_trace(SHORT_LIMITS.splitlines()))
    played, run, found = small.both(tmp_path, line, "events")
    assert found == []
    assert (played.first, [swap.to_net for swap in run.swaps]) == (1, [0])


@pytest.mark.parametrize("notice_s", [0.0, 5.0])
def test_an_excerpt_of_the_benchmark_ends_in_the_same_decisions(
    tmp_path: Path, published: Station, notice_s: float
) -> None:
    full = lineshift("infeasible", TUNING_SEED)
    line = published.line(excerpt(full.trace, 150.0), full.noise)
    _, run, found = published.both(tmp_path, line, notice_s=notice_s)
    assert found == []
    assert len(run.swaps) >= 1


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("notice_s", [0.0, 5.0])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_hour_of_the_benchmark_is_worth_the_same(
    tmp_path: Path, published: Station, scenario: str, notice_s: float
) -> None:
    """Over an hour one decision that falls on the other side of an even choice makes all later ones differ."""
    full = lineshift(scenario, TUNING_SEED)
    line = published.line(full.trace, full.noise)
    played, run, _ = published.both(tmp_path, line, notice_s=notice_s)
    assert played.first == run.first
    assert worth_difference(line, played, run) == []
