"""Heat: a first-order lag of work and surroundings, and a clock that is stepped down above a limit (item 13)."""

from __future__ import annotations

import math

import pytest

from agent.errors import BadInput
from agent.sim.spec import SimulationSpec, ThermalSpec, VpuSpec
from agent.sim.thermal import Thermal
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

SPEC = ThermalSpec(ambient_c=20, idle_rise_c=10, load_rise_c=40, tau_s=100, limit_c=60, resume_c=50, slowdown=2)
S = 1_000_000_000


def test_it_starts_settled_and_follows_work_with_its_time_constant() -> None:
    body = Thermal(SPEC)
    assert body.read(1000 * S) == 30
    body.work(1000 * S)
    assert body.read(1100 * S) == pytest.approx(70 - 40 * math.exp(-1))
    body.rest(1100 * S)
    warm = body.read(1100 * S)
    assert body.read(1200 * S) == pytest.approx(30 + (warm - 30) * math.exp(-1))


def test_reading_changes_nothing() -> None:
    asked, silent = Thermal(SPEC), Thermal(SPEC)
    for body in (asked, silent):
        body.work(0)
        for at_s in range(100) if body is asked else ():
            body.read(at_s * S)
            body.slowdown(at_s * S)
        body.rest(100 * S)
    assert asked.read(150 * S) == silent.read(150 * S)


def test_half_of_the_work_gives_half_of_the_rise() -> None:
    body = Thermal(SPEC)
    for tick in range(0, 20_000, 2):
        body.work(tick * S // 10)
        body.rest((tick + 1) * S // 10)
    assert body.read(2000 * S) == pytest.approx(50, abs=0.1)


def test_the_clock_steps_down_at_the_limit_and_up_at_the_lower_one() -> None:
    body = Thermal(SPEC)
    body.set_ambient(49.0, 0)
    assert body.slowdown(10_000 * S) == 1.0  # settles at 59
    body.set_ambient(51.0, 10_000 * S)
    assert body.slowdown(20_000 * S) == 2.0  # 61
    body.set_ambient(41.0, 20_000 * S)
    assert body.slowdown(30_000 * S) == 2.0  # 51: between the two limits nothing changes
    body.set_ambient(39.0, 30_000 * S)
    assert body.slowdown(40_000 * S) == 1.0  # 49
    body.set_ambient(45.0, 40_000 * S)
    assert body.slowdown(50_000 * S) == 1.0  # 55


def test_the_lower_limit_cannot_lie_above_the_upper_one() -> None:
    with pytest.raises(BadInput, match="resume_c"):
        SimulationSpec.from_mapping({"vpu": {"thermal": {"limit_c": 50, "resume_c": 60}}})


def _service_ms(camera: LocalBench) -> float:
    camera.camera.BeginAcquisition()
    camera.grab(20)
    camera.camera.EndAcquisition()
    return camera.real("InferenceTime").GetValue()


def test_a_hot_camera_infers_more_slowly_and_recovers() -> None:
    vpu = VpuSpec(jitter_sigma=0.0, digest_sigma=0.0, thermal=SPEC)
    with bench(SimulationSpec(vpu=vpu)) as camera:
        camera.load(tiny_ir())
        cool_ms = _service_ms(camera)
        assert camera.real("DeviceTemperature").GetValue() == pytest.approx(30, abs=1)
        camera.device.set_ambient(80.0)
        camera.clock.sleep(1000)
        assert camera.real("DeviceTemperature").GetValue() == pytest.approx(90, abs=1)
        hot_ms = _service_ms(camera)
        # Each network has its own exponent (0.8 to 1.2) for the slow-down; pre-processing has none.
        assert 1.7 < hot_ms / cool_ms < 2.3
        assert camera.device.counters()["throttled_inferences"] > 0
        camera.device.set_ambient(20.0)
        camera.clock.sleep(1000)
        assert _service_ms(camera) == pytest.approx(cool_ms)


def test_the_default_camera_never_throttles() -> None:
    spec = ThermalSpec()
    assert spec.ambient_c + spec.idle_rise_c + spec.load_rise_c < spec.limit_c
