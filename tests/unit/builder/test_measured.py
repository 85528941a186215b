"""Measured service times replace the latency law, with an error that is what it says."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.builder.counts import Counts
from agent.builder.measured import Measurement, fit_law, law_from
from agent.builder.predict import PRIOR_SIGMA, LatencyLaw
from agent.errors import BuildError

# A camera that is not at all as the prior has it: dense work thrice as slow, depthwise faster, more pre-processing.
REAL = LatencyLaw(
    dense_mmacs_per_ms=10.0, depthwise_mmacs_per_ms=4.0, layer_ms=0.12, layer_area_ms=0.45, preprocessing_ms=2.0
)


def _measured(count: int, jitter: float = 0.0, seed: int = 0, law: LatencyLaw = REAL) -> list[Measurement]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        side_px = int(random.choice([128, 160, 192, 224]))
        area = (side_px / 224) ** 2
        counts = Counts(
            0,
            int(random.uniform(80e6, 500e6) * area),
            int(random.uniform(8e6, 50e6) * area),
            int(random.integers(60, 140)),
        )
        service_ms = law.service_ms(counts, side_px) * math.exp(random.normal(0, jitter))
        found.append(Measurement(counts, side_px, service_ms))
    return found


def _errors(law: LatencyLaw, seed: int = 9) -> list[float]:
    return [math.log(law.service_ms(one.counts, one.side_px) / one.service_ms) for one in _measured(200, seed=seed)]


def test_many_measurements_without_noise_give_the_real_law_back() -> None:
    law = fit_law(_measured(40), LatencyLaw())
    assert max(map(abs, _errors(law))) < 0.02
    assert law.relative_sigma <= 0.02
    assert law.source == "fit: 40 measured sub-nets, error 1.0 % (each left out once)"


@pytest.mark.parametrize("count", [3, 6, 9])
def test_few_measurements_are_much_better_than_none(count: int) -> None:
    before = float(np.sqrt(np.mean(np.square(_errors(LatencyLaw())))))
    after = float(np.sqrt(np.mean(np.square(_errors(fit_law(_measured(count, 0.01), LatencyLaw()))))))
    assert before > 0.15
    assert after < before / 3


def test_the_stated_error_is_that_of_sub_nets_that_were_not_measured() -> None:
    law = fit_law(_measured(12, jitter=0.03), LatencyLaw())
    real = float(np.sqrt(np.mean(np.square(_errors(law)))))
    inside = [abs(error) < 1.96 * law.relative_sigma for error in _errors(law)]
    assert law.relative_sigma < PRIOR_SIGMA / 4
    assert law.relative_sigma == pytest.approx(0.035, abs=0.03)
    assert real < law.relative_sigma
    assert sum(inside) > 180


def test_a_camera_that_is_only_slower_scales_the_law_even_by_three_measurements() -> None:
    slow = LatencyLaw(time_scale=1.7)
    law = fit_law(_measured(3, law=slow), LatencyLaw())
    for one in _measured(20, seed=5, law=slow):
        assert law.service_ms(one.counts, one.side_px) == pytest.approx(one.service_ms, rel=0.06)


def test_the_interval_of_a_fit_is_narrower_than_that_of_the_model() -> None:
    law = fit_law(_measured(9, jitter=0.02), LatencyLaw())
    low, high = law.interval_ms(20.0)
    wide_low, wide_high = LatencyLaw().interval_ms(20.0)
    assert wide_low < low < 20.0 < high < wide_high


def _file(path: Path, **changes: object) -> Path:
    rows = {
        f"net-{number}": {
            "service_ms": one.service_ms,
            "macs_dense": one.counts.macs_dense,
            "macs_depthwise": one.counts.macs_depthwise,
            "layers": one.counts.layers,
            "side_px": one.side_px,
        }
        for number, one in enumerate(_measured(5))
    }
    path.write_text(json.dumps({"schema": "ofa-agent.measured/1", "subnets": rows} | changes))
    return path


def test_a_file_that_tells_the_work_of_its_sub_nets_needs_no_library(tmp_path: Path) -> None:
    law = law_from(_file(tmp_path / "m.json"), tmp_path / "none", LatencyLaw())
    assert law.source.startswith("fit: 5 measured sub-nets")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subnets": {"r1": {"service_ms": 3.0}}}, "subnets.r1: not in the library"),
        ({"subnets": {}}, "0 measured sub-nets, a fit needs 3"),
        ({"subnets": {"r1": {"service_ms": -3.0}}}, "not a file of measured service times"),
        ({"subnets": {"r1": {"service": 3.0}}}, "not a file of measured service times"),
        ({"schema": "other"}, "not a file of measured service times"),
        ({"shaves": 8}, "measured with 8 SHAVEs, the library is built for 12"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(BuildError, match=r"m\.json") as caught:
        law_from(_file(tmp_path / "m.json", **changes), tmp_path / "none", LatencyLaw())
    assert words in str(caught.value)
    with pytest.raises(BuildError, match="cannot be read"):
        law_from(tmp_path / "none.json", tmp_path, LatencyLaw())


def test_shaves_of_the_prior_stretch_the_fit_as_they_stretch_the_law() -> None:
    eight = replace(LatencyLaw(), shaves=8)
    law = fit_law(_measured(30, law=replace(REAL, shaves=8)), eight)
    for one in _measured(20, seed=5, law=replace(REAL, shaves=8)):
        assert law.service_ms(one.counts, one.side_px) == pytest.approx(one.service_ms, rel=0.03)
