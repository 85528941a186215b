"""The programs that the gap room measures against: what they do to a camera, and what it takes them in virtual time."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.sim.latency import LatencyModel
from agent.sim.network import load_network
from agent.sim.spec import SimulationSpec, TransportSpec
from tests.bench.gap_floor import FloorSwap
from tests.bench.gap_stock import EXPOSURE_US, Net, Size, fetch, nets, spec, store
from tests.bench.gap_table import STEPS, Swap, law_ms, of_floor, result_ms
from tests.bench.gap_vendor import VendorSwap
from tests.support.vendor import LocalBench, bench

TINY = Size("tiny", 50_000, 24, 2)  # of a size at which all four answers differ
SLOW = TransportSpec(file_access_buffer_bytes=4096, register_s=1e-3)
CALM = replace(spec(), transport=SLOW)


@pytest.fixture(scope="module")
def made() -> tuple[Net, Net]:
    return nets(TINY)


@contextlib.contextmanager
def camera(chosen: SimulationSpec = CALM) -> Iterator[LocalBench]:
    with bench(chosen) as held:
        yield held
        gc.collect()  # node pointers of the loops go before the camera is closed


def on_camera(held: LocalBench, name: str = "InferenceNetwork") -> bytes:
    return bytes(held.device._parts.files.files[name].data)


def law(made: tuple[Net, Net]) -> dict[str, float]:
    model = LatencyModel(CALM.vpu, CALM.seed)
    service_ms = max(model.draw(load_network(net.blob, {})).total_ms for net in made)
    frame_ms = EXPOSURE_US / 1e3 + SLOW.delivery_s * 1e3
    first_ms = result_ms(EXPOSURE_US / 1e3, SLOW.delivery_s * 1e3, service_ms)
    return law_ms(SLOW, Swap(TINY.bytes, 2 * TINY.side**2, 2, frame_ms, first_ms))


def test_the_floor_takes_what_the_cameras_laws_say_step_by_step_and_nothing_more(made: tuple[Net, Net]) -> None:
    with camera() as held:
        floor = FloorSwap(held.camera, made, held.clock.now_ns)
        for net in made:
            taken = of_floor([floor.swap()])
            assert on_camera(held) == net.blob
            assert held.camera.IsStreaming()
            for step in STEPS:
                assert taken[step] == pytest.approx(law(made)[step], abs=1.5 * SLOW.register_s * 1e3), step
            assert 0.0 <= sum(taken.values()) - sum(law(made).values()) < 3 * SLOW.register_s * 1e3
        del floor


def test_the_floor_ends_where_a_golden_answer_is_wrong(made: tuple[Net, Net]) -> None:
    golden = made[0].goldens[1]
    wrong = replace(made[0], goldens=(made[0].goldens[0], replace(golden, class_id=golden.class_id + 1)))
    with camera() as held:
        with pytest.raises(RuntimeError, match="golden image: class"):
            FloorSwap(held.camera, (wrong, made[1]), held.clock.now_ns)
        gc.collect()


def test_the_vendors_sequence_puts_the_other_network_there_and_ends_with_its_first_result(
    made: tuple[Net, Net],
) -> None:
    with camera() as held:
        vendor = VendorSwap(held.camera, made, held.clock.now_ns)
        begun_ns, steps = held.clock.now_ns(), dict(vendor.swap())
        assert on_camera(held) == made[0].blob
        status = held.read("InferenceNetworkStatus")
        assert status == "Ready"
        assert list(steps) == ["stop", "upload", "start", "load and first result"]
        least = law(made)
        assert steps["upload"] >= least["delete"] + least["open"] + least["write"] + least["close"]
        assert steps["start"] + steps["load and first result"] >= least["load"]
        assert sum(steps.values()) <= (held.clock.now_ns() - begun_ns) / 1e6
        del vendor


def test_networks_have_exactly_the_bytes_asked_for_and_come_back_as_they_were_stored(
    made: tuple[Net, Net], tmp_path: Path
) -> None:
    assert [len(net.blob) for net in made] == [TINY.bytes] * 2
    answers = [(golden.class_id, round(golden.confidence, 3)) for net in made for golden in net.goldens]
    assert len(set(answers)) == 4, "a network in the place of the other would not be noticed"
    for net, back in zip(made, fetch(store(tmp_path / "nets", made)), strict=True):
        assert (back.id, back.blob) == (net.id, net.blob)
        for golden, read in zip(net.goldens, back.goldens, strict=True):
            assert (read.pixels == golden.pixels).all()
            assert (read.class_id, read.confidence) == (golden.class_id, golden.confidence)
