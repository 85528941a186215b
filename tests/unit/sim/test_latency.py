"""The law of service times and its hidden factors (facts/myriad-blobs.md section 6)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.sim.latency import LatencyModel, law_ms
from agent.sim.network import Network, Work, load_network
from agent.sim.spec import VpuSpec
from tests.support.networks import tiny_ir


def _network(work: Work, size: int, digest: str = "a") -> Network:
    return Network(digest, digest, 1, 3, size, size, 1000, 1, work, b"", b"")


@pytest.mark.parametrize(
    ("work", "expected_ms"),
    [(Work(551_000_000, 17_400_000, 28), 38.5), (Work(281_000_000, 20_400_000, 63), 48.3)],
    ids=["MobileNet v1 on NCS", "MobileNet v2 on NCS"],
)
def test_the_law_meets_the_two_published_points(work: Work, expected_ms: float) -> None:
    assert law_ms(_network(work, 224)) == pytest.approx(expected_ms, rel=0.02)


def test_the_same_seed_draws_the_same_times_and_another_one_does_not() -> None:
    network = load_network(tiny_ir(), {})
    first, again, other = (LatencyModel(VpuSpec(), seed) for seed in (1, 1, 2))
    times = [m.draw(network).total_ms for m in (first, again, other)]
    assert times[0] == times[1] != times[2]


def test_a_time_is_law_times_scale_plus_fixed_costs_without_hidden_factors() -> None:
    spec = VpuSpec(time_scale=3.0, digest_sigma=0.0, jitter_sigma=0.0, preprocessing_ms=0.8, scaling_ms=0.4)
    network = _network(Work(30_000_000, 3_000_000, 10), 224)
    time = LatencyModel(spec, 0).draw(network)
    assert time.inference_ms == pytest.approx(3 * (1 + 1 + 5.1) + 0.8)
    assert time.total_ms == pytest.approx(time.inference_ms + 0.4)


def test_hidden_factors_spread_as_specified() -> None:
    spec = VpuSpec(jitter_sigma=0.0, preprocessing_ms=0.0, scaling_ms=0.0)
    model, work = LatencyModel(spec, 5), Work(30_000_000, 0, 10)
    networks = [_network(work, 224, f"{k}") for k in range(400)]
    logs = np.log([model.draw(n).total_ms / law_ms(n) for n in networks])
    assert abs(logs.mean()) < 0.02
    assert logs.std() == pytest.approx(0.12, rel=0.15)


def test_slowdown_acts_with_an_exponent_of_its_own_for_each_network() -> None:
    spec = VpuSpec(jitter_sigma=0.0, preprocessing_ms=0.0, scaling_ms=0.0)
    cold, hot = LatencyModel(spec, 5), LatencyModel(replace(spec, slowdown=2.0), 5)
    networks = [_network(Work(30_000_000, 0, 10), 224, f"{k}") for k in range(50)]
    gammas = [float(np.log2(hot.draw(n).total_ms / cold.draw(n).total_ms)) for n in networks]
    assert 0.8 <= min(gammas) < 0.9
    assert 1.1 < max(gammas) <= 1.2


def test_given_factors_of_parts_stand_in_for_the_jitter_of_those_parts_only() -> None:
    spec = VpuSpec(preprocessing_ms=0.0, scaling_ms=0.0)
    network = load_network(tiny_ir(), {})
    free, bound = LatencyModel(spec, 5), LatencyModel(spec, 5)
    bound.part_factors = (1.5, 0.75)
    base_ms, _ = bound.undisturbed(network)
    times = [bound.draw(network, part=part).total_ms for part in (1, 0, 0)]
    assert times == pytest.approx([0.75 * base_ms, 1.5 * base_ms, 1.5 * base_ms])
    others = [bound.draw(network, part=part).total_ms for part in (2, -1)]
    assert others == [free.draw(network).total_ms for _ in range(2)]
