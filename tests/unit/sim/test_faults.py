"""Faults by plan and by seed, and what strikes the bus as a whole."""

from __future__ import annotations

import contextlib
import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadInput
from agent.sim import faults
from agent.sim import pyspin as PySpin
from agent.sim.faults import EFFECTS, OPERATIONS, Effect, FaultPlan, FaultSpec, FaultStorm, effects_of
from agent.sim.spec import SimulationSpec, StorageSpec
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench


def _table() -> dict[str, tuple[str, ...]]:
    """Operations and effects of the module's docstring."""
    rows = re.findall(r"^    (\*|[a-z]+(?:\.[a-z]+)?) {2,}([a-z_]+(?:, [a-z_]+)*)$", faults.__doc__ or "", re.MULTILINE)
    return {operation: tuple(effects.split(", ")) for operation, effects in rows if operation != "operation"}


def _reopen(camera: LocalBench) -> None:
    camera.camera.DeInit()
    camera.camera.Init()


def test_the_table_in_the_module_is_what_the_code_takes() -> None:
    table = _table()
    assert table.pop("*") == faults.ANYWHERE
    assert table == EFFECTS


def test_every_effect_is_explained_in_the_module() -> None:
    explained = set(re.findall(r"^    ([a-z_]+) {2,}\S", faults.__doc__ or "", re.MULTILINE))
    assert {e for o in OPERATIONS for e in effects_of(o)} <= explained


ALL_EFFECTS: tuple[Effect, ...] = (
    "stall", "unplug", "reset", "reset_loop", "slow_usb", "io_error", "busy", "wrong_status", "short_write",
    "corrupt", "wrong_output", "frozen",
)  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_effect_that_is_not_listed_for_its_operation_is_refused(operation: str) -> None:
    for effect in ALL_EFFECTS:
        if effect in effects_of(operation):
            assert FaultSpec(operation, effect).effect == effect
        else:
            with pytest.raises(BadInput, match=f"{operation} can have stall, "):
                FaultSpec(operation, effect)


@pytest.mark.parametrize(
    ("mapping", "key"),
    [
        ({"faults": [{"operation": "file.open", "effect": "short_write"}]}, "faults[0].effect"),
        ({"faults": [{"operation": "stream", "effect": "corrupt", "probability": 2}]}, "faults[0].probability"),
        ({"fault_storm": {"rates": {"coffee": 0.5}}}, "fault_storm.rates"),
        ({"fault_storm": {"rates": {"stream": "often"}}}, "fault_storm.rates.stream"),
        ({"fault_storm": {"rates": {"stream": True}}}, "fault_storm.rates.stream"),
        ({"fault_storm": {"effects": ["explode"]}}, "fault_storm.effects"),
        ({"fault_storm": {"effects": ["short_write"], "rates": {"stream": 0.1}}}, "fault_storm.effects"),
    ],
)
def test_a_bad_fault_is_refused_naming_its_key(mapping: dict[str, Any], key: str) -> None:
    with pytest.raises(BadInput) as refused:
        SimulationSpec.from_mapping(mapping)
    assert refused.value.field == key


def _struck(plan: FaultPlan, operation: str, times: int) -> list[str | None]:
    return [fault.effect if (fault := plan.strike(operation)) else None for _ in range(times)]


def test_a_fault_by_chance_strikes_as_the_seed_has_it() -> None:
    fault = FaultSpec("file.write", "io_error", probability=0.2, count=1000)
    first, again, other = (_struck(FaultPlan([fault], seed=s), "file.write", 500) for s in (1, 1, 2))
    assert first == again != other
    assert 60 < sum(e is not None for e in first) < 140


def test_a_fault_by_chance_strikes_from_the_nth_time_on_and_at_most_count_times() -> None:
    fault = FaultSpec("stream", "corrupt", probability=0.9, nth=11, count=5)
    struck = [e is not None for e in _struck(FaultPlan([fault]), "stream", 100)]
    assert not any(struck[:10])
    assert sum(struck) == 5


def test_a_storm_strikes_the_named_operations_with_effects_that_they_can_have() -> None:
    storm = FaultStorm(seed=4, rates={"file.write": 0.5, "stream": 0.5}, effects=("corrupt", "short_write"))
    plan = FaultPlan(storm=storm)
    assert set(_struck(plan, "file.write", 200)) == {None, "corrupt", "short_write"}
    assert set(_struck(plan, "stream", 200)) == {None, "corrupt"}
    assert set(_struck(plan, "register", 200)) == {None}
    assert _struck(FaultPlan(storm=storm), "file.write", 50) == _struck(FaultPlan(storm=storm), "file.write", 50)


def test_a_storm_ends_at_its_limit_and_with_clear() -> None:
    plan = FaultPlan(storm=FaultStorm(rates={"stream": 1.0}, effects=("frozen",), limit=3))
    assert sum(e is not None for e in _struck(plan, "stream", 10)) == 3
    plan = FaultPlan(storm=FaultStorm(rates={"stream": 1.0}, effects=("frozen",)))
    plan.clear()
    assert not any(_struck(plan, "stream", 10))


def test_a_storm_is_part_of_the_specification() -> None:
    spec = SimulationSpec.from_mapping(
        {"fault_storm": {"seed": 3, "rates": {"stream": 1}, "effects": ["corrupt"], "limit": 4}}
    )
    assert SimulationSpec.from_mapping(spec.to_mapping()) == spec
    with bench(spec) as camera:
        camera.camera.BeginAcquisition()
        broken = []
        for _ in range(8):
            image = camera.camera.GetNextImage(1000)
            broken.append(image.IsIncomplete())
            image.Release()
        assert broken == [True] * 4 + [False] * 4


# -- the bus -----------------------------------------------------------------------------------------------------------


def test_a_pulled_cable_may_be_put_back_after_a_while() -> None:
    with bench() as camera:
        camera.device.inject_fault(FaultSpec("register", "unplug", seconds=4.0))
        with pytest.raises(PySpin.SpinnakerException):
            camera.read("DeviceTemperature")
        assert camera.device.info() is None
        camera.clock.sleep(3.9)
        assert camera.device.info() is None
        camera.clock.sleep(0.2)
        assert camera.device.info() is not None
        _reopen(camera)
        assert camera.read("DeviceTemperature")


def test_without_a_time_the_cable_stays_out_until_the_plant_puts_it_back() -> None:
    with bench() as camera:
        camera.device.inject_fault(FaultSpec("stream", "unplug"))
        camera.camera.BeginAcquisition()
        camera.clock.sleep(100)
        assert camera.device.info() is None
        camera.device.replug()
        assert camera.device.info() is not None


@pytest.mark.parametrize("operation", ["file.open", "inference.enable", "acquisition.start", "network.load"])
def test_any_operation_may_reset_the_camera(operation: str) -> None:
    with bench() as camera:
        camera.device.inject_fault(FaultSpec(operation, "reset"))
        with pytest.raises(PySpin.SpinnakerException):
            _start(camera)
        assert camera.device.info() is None
        assert camera.device.counters()[f"fault.{operation}"] == 1
        camera.clock.sleep(camera.device.spec.transport.reset_s)
        assert camera.device.info() is not None
        _end(camera)
        _reopen(camera)
        camera.load(tiny_ir())
        camera.camera.BeginAcquisition()
        camera.grab(3)


def test_a_reset_loop_takes_the_camera_away_again_and_again() -> None:
    with bench() as camera:
        camera.device.inject_fault(FaultSpec("register", "reset_loop", times=3, seconds=2.0))
        with pytest.raises(PySpin.SpinnakerException):
            camera.read("DeviceTemperature")
        seen = []
        for _ in range(40):  # three times 3 s away and 2 s there
            seen.append(camera.device.info() is not None)
            camera.clock.sleep(0.5)
        away = "".join("x" if there else "." for there in seen)
        assert re.fullmatch(r"\.{6}x{4}\.{6}x{4}\.{6}x{14}", away)


def test_a_slow_bus_makes_transfers_and_frames_late_for_a_while() -> None:
    def seconds() -> float:
        start_ns = camera.clock.now_ns()
        for _ in range(100):
            camera.read("DeviceUptime")
        return (camera.clock.now_ns() - start_ns) / 1e9

    with bench() as camera:
        usual = seconds()
        camera.device.inject_fault(FaultSpec("register", "slow_usb", factor=20.0, seconds=5.0))
        camera.read("DeviceUptime")
        assert seconds() == pytest.approx(20 * usual, rel=0.2)
        camera.clock.sleep(5.0)
        assert seconds() == pytest.approx(usual, rel=0.2)


def test_frames_that_a_slow_bus_cannot_take_fill_the_image_buffer_and_are_then_lost_s9() -> None:
    """32 MB hold 20 images of Mono8."""
    with bench() as camera:
        camera.device.inject_fault(FaultSpec("stream", "slow_usb", factor=200.0, seconds=1000.0))
        camera.camera.BeginAcquisition()
        camera.clock.sleep(10.0)
        taken = []
        for _ in range(30):
            image = camera.camera.GetNextImage(5000)
            taken.append((camera.clock.now_ns(), image.GetFrameID()))
            image.Release()
        late = taken[10:]
        gaps_s = [(b[0] - a[0]) / 1e9 for a, b in itertools.pairwise(late)]
        assert min(gaps_s) == pytest.approx(1.0, abs=0.05)  # 200 times 5 ms
        assert camera.device.counters()["frames_dropped"] > 500
        age = camera.device.truth()["exposures"][-1]["frame_id"] - late[-1][1]
        assert age > 60 * 18  # 20 images wait, and each takes a second


@pytest.mark.parametrize(("effect", "code"), [("busy", -1005), ("io_error", -1010)])
def test_opening_the_camera_may_fail_once(effect: Effect, code: int) -> None:
    with bench() as camera:
        camera.camera.DeInit()
        camera.device.inject_fault(FaultSpec("connect", effect))
        assert _code_of_init(camera) == code
        assert _code_of_init(camera) == 0
        assert camera.read("DeviceTemperature")


def test_a_network_in_flash_may_be_damaged_at_boot(tmp_path: Path) -> None:
    storage = StorageSpec(flash_file=str(tmp_path / "flash"))
    with bench(SimulationSpec(storage=storage)) as camera:
        camera.open_for_writing("InferenceNetwork")
        camera.flag("FileWriteToFlash").SetValue(True)
        camera.write_chunk(tiny_ir())
        camera.must("Close")
        assert camera.await_network() == "Ready"
    spec = SimulationSpec(storage=storage, faults=(FaultSpec("boot", "corrupt"),))
    with bench(spec) as camera:
        network = bytes(camera.device._parts.files.files["InferenceNetwork"].data)
        assert sum(a != b for a, b in zip(network, tiny_ir(), strict=True)) == 1


def test_a_boot_may_take_longer() -> None:
    with bench() as camera:
        camera.device.inject_fault(FaultSpec("boot", "stall", seconds=10.0))
        camera.device.power_cycle()
        camera.clock.sleep(12.5)
        assert camera.device.info() is None
        camera.clock.sleep(1.0)
        assert camera.device.info() is not None


def test_equal_storms_make_equal_runs() -> None:
    storm = FaultStorm(seed=9, rates={"register": 0.002, "stream": 0.05}, seconds=1.0)

    def run(seed: int) -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []
        with bench(SimulationSpec(fault_storm=replace(storm, seed=seed))) as camera:
            for _ in range(400):
                try:
                    if not camera.camera.IsInitialized():
                        camera.camera.Init()
                    if not camera.camera.IsStreaming():
                        camera.camera.BeginAcquisition()
                    camera.camera.GetNextImage(200).Release()
                    seen.append((camera.clock.now_ns(), "frame"))
                except PySpin.SpinnakerException as exc:
                    seen.append((camera.clock.now_ns(), str(exc.errorcode)))
                    camera.clock.sleep(0.5)
                    _end(camera)
                    camera.camera.DeInit()
        return seen

    first = run(9)
    assert first == run(9) != run(10)
    assert {what for _, what in first} > {"frame"}


def _code_of_init(camera: LocalBench) -> int:
    try:
        camera.camera.Init()
    except PySpin.SpinnakerException as exc:
        return exc.errorcode
    return 0


def _start(camera: LocalBench) -> None:
    camera.load(tiny_ir())
    camera.camera.BeginAcquisition()
    camera.camera.GetNextImage(500).Release()


def _end(camera: LocalBench) -> None:
    """A camera that is gone says so, and stops streaming all the same."""
    if camera.camera.IsStreaming():
        with contextlib.suppress(PySpin.SpinnakerException):
            camera.camera.EndAcquisition()
    assert not camera.camera.IsStreaming()
