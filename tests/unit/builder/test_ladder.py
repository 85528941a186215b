"""A ladder has few rungs, none beaten by another, evenly apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.builder.arch import Arch
from agent.builder.candidates import Candidate, Candidates
from agent.builder.counts import Counts
from agent.builder.ladder import Rung, in_rounds, latency_steps, pareto, thin
from agent.builder.predict import LatencyLaw
from agent.builder.supernet import Supernet, load_supernet
from tests.support.supernets import write_supernet


def _rungs(*points: tuple[float, float]) -> list[Rung]:
    arch, counts = Arch((), (), (), 32), Counts(0, 0, 0, 0)
    return [Rung(Candidate(arch, counts, predicted_ms), top1) for predicted_ms, top1 in points]


def _points(rungs: list[Rung] | tuple[Rung, ...]) -> list[tuple[float, float]]:
    return [(rung.candidate.predicted_ms, rung.top1) for rung in rungs]


def test_the_front_drops_what_another_beats() -> None:
    rungs = _rungs((30, 0.7), (10, 0.5), (20, 0.5), (20, 0.6), (25, 0.55), (40, 0.7))
    assert _points(pareto(rungs)) == [(10, 0.5), (20, 0.6), (30, 0.7)]
    assert pareto([]) == []


def test_thinning_keeps_the_ends_and_even_steps() -> None:
    front = _rungs((10, 0.1), (11, 0.2), (20, 0.3), (22, 0.4), (40, 0.5), (80, 0.6))
    assert [point[0] for point in _points(thin(front, 4))] in ([10, 20, 40, 80], [10, 22, 40, 80])
    assert [point[0] for point in _points(thin(front, 2))] == [10, 80]
    assert [point[0] for point in _points(thin(front, 1))] == [80]


def test_steps_below_the_jitter_are_dropped_only_while_enough_remain() -> None:
    front = _rungs((10, 0.1), (10.1, 0.2), (20, 0.3), (20.1, 0.4), (40, 0.5))
    assert len(thin(front, 9)) == 3
    assert len(thin(front, 9, least=4)) == 4
    assert len(thin(front, 9, least=5)) == 5


def test_candidates_start_with_the_fastest_and_lead_with_the_most_macs() -> None:
    arch, counts = Arch((), (), (), 32), Counts(0, 0, 0, 0)
    pool = [Candidate(arch, replace(counts, macs_dense=i), 10.0 + i) for i in range(20)]
    order = in_rounds(latency_steps(pool, 4), 6)
    assert order[0] == pool[0]
    assert [candidate.macs for candidate in order[1:5]] == sorted(candidate.macs for candidate in order[1:5])
    assert order[4] == pool[-1]
    assert len(order) == len(set(order)) == 12
    assert in_rounds(latency_steps(pool[:1], 4), 6) == pool[:1]


@pytest.fixture
def supernet(tmp_path: Path) -> Supernet:
    return load_supernet(write_supernet(tmp_path / "s.safetensors"))


@pytest.mark.parametrize("family", ["mbv3", "proxyless", "resnet"])
def test_published_spaces_give_a_pool_too(shared_data: Path, family: str) -> None:
    supernet = load_supernet(shared_data / "ofa-oracle" / f"{family}_supernet.npz")
    pool = Candidates(supernet, LatencyLaw()).pool(130, seed=0)
    assert len(pool) > 100
    assert pool[-1].predicted_ms > 2 * pool[0].predicted_ms
    assert {candidate.arch.r for candidate in pool} <= set(supernet.space.r)


def test_the_pool_is_reproducible_canonical_and_holds_the_extremes(supernet: Supernet) -> None:
    law = LatencyLaw()
    pool = Candidates(supernet, law).pool(60, seed=3)
    assert pool == Candidates(supernet, law).pool(60, seed=3)
    assert pool != Candidates(supernet, law).pool(60, seed=4)
    archs = [candidate.arch for candidate in pool]
    assert len(archs) == len(set(archs))
    assert supernet.space.smallest(24) in archs
    assert supernet.space.largest(32) in archs
    times = [candidate.predicted_ms for candidate in pool]
    assert times == sorted(times)
    assert all(candidate.macs > 0 for candidate in pool)
