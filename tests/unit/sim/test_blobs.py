"""Compiled networks: taken as their header has them, answered by a stand-in that nobody can take for the real thing."""

from __future__ import annotations

import contextlib
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.sim.blobs import read_blob
from agent.sim.chunks import Geometry
from agent.sim.latency import law_ms
from agent.sim.network import NetworkInvalid, load_network
from agent.sim.outputs import OutputReading
from agent.sim.spec import Quirks, SceneSpec, SimulationSpec
from agent.sim.stand_in import stand_in
from tests.support.network_files import ncsdk2, openvino
from tests.support.networks import tiny_ir
from tests.support.vendor import LocalBench, bench

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "data" / "firefly-network-classification.graph"
IMAGE = Geometry(100, 100, 0, 0, "Mono8")
DETECTION = OutputReading("Detection", "XminYminXmaxYmax", 0.0, 64)


def _graph(**settings: int) -> bytes:
    return ncsdk2(**settings)[0]


def _sample() -> bytes:
    if not SAMPLE.exists():
        pytest.skip(f"reference data {SAMPLE.name} is not there")
    return SAMPLE.read_bytes()


def test_the_vendors_sample_is_read_as_its_header_has_it() -> None:
    """facts/myriad-blobs.md 3: 31 stages, 224 x 224 x 3, 5 outputs, 8 SHAVEs, a MobileNet v1 of width 0.5."""
    network = load_network(_sample(), {})
    assert (network.width, network.height, network.channels) == (224, 224, 3)
    assert (network.classes, network.total_layers, network.shaves) == (5, 31, 8)
    # The published MobileNet v1 0.5 has 149 million multiply-accumulates.
    assert 135e6 < network.work.macs_dense + network.work.macs_depthwise < 155e6
    assert 15 < law_ms(network) < 40  # 36 ms with everything on the real camera (S21)


def test_the_vendors_sample_runs_with_every_frame_its_own_result() -> None:
    """The first thing that a stranger tries: the sample network with InferenceReady (section 2)."""
    with bench() as camera:
        camera.upload("InferenceNetwork", _sample())
        assert camera.await_network() == "Ready"
        assert camera.integer("InferenceNetworkSize").GetValue() == 2_685_476
        assert camera.integer("InferenceNetworkTotalLayers").GetValue() == 31
        camera.flag("InferenceEnable").SetValue(True)
        camera.enable_chunks()
        camera.trigger_on("InferenceReady")
        camera.camera.BeginAcquisition()
        rows = camera.grab(5)
        camera.camera.EndAcquisition()
        assert [row[0] for row in rows] == [row[1] for row in rows]
        assert all(0 <= row[2] < 5 and 0 < row[3] < 1 for row in rows)
        assert camera.real("InferenceTime").GetValue() > 10


@pytest.mark.parametrize("data", [_graph(), openvino()], ids=["graph", "blob"])
def test_a_compiled_network_without_a_twin_gets_a_stand_in_or_an_error(data: bytes) -> None:
    for needs_twin, status in ((False, "Ready"), (True, "Error")):
        with bench(SimulationSpec(blobs_need_twin=needs_twin)) as camera:
            camera.upload("InferenceNetwork", data)
            assert camera.await_network() == status


def test_a_twin_comes_before_the_stand_in(tmp_path: Path) -> None:
    data = _graph()
    (tmp_path / "twin.ovir").write_bytes(tiny_ir(classes=6))
    network = load_network(data, {hashlib.sha256(data).hexdigest(): str(tmp_path / "twin.ovir")})
    assert (network.blob, network.classes) == (None, 6)


def test_an_openvino_blob_may_be_refused() -> None:
    """Section 7, item 15."""
    for runs, status in ((True, "Ready"), (False, "Error")):
        with bench(SimulationSpec(quirks=Quirks(openvino_blobs_run=runs))) as camera:
            camera.upload("InferenceNetwork", openvino())
            assert camera.await_network() == status


def test_an_openvino_blob_is_read_as_its_header_has_it() -> None:
    network = load_network(openvino(shape=(3, 6, 10), classes=7), {})
    assert (network.channels, network.height, network.width, network.classes) == (3, 6, 10, 7)


def test_an_input_larger_than_the_sensor_is_refused_s3() -> None:
    with bench() as camera:
        limit = camera.integer("InferenceMaxInputSizeX").GetValue()
        for width, status in ((limit, "Ready"), (limit + 1, "Error")):
            camera.upload("InferenceNetwork", openvino(shape=(1, 8, width)))
            assert camera.await_network() == status


def test_fewer_shaves_are_slower() -> None:
    times = [law_ms(load_network(_graph(shaves=n), {})) for n in (1, 4, 8, 12)]
    assert [round(t / times[-1], 2) for t in times] == [3.0, 1.4, 1.1, 1.0]


def test_a_graph_for_a_larger_chip_is_refused() -> None:
    with pytest.raises(NetworkInvalid, match="13 SHAVEs"):
        load_network(_graph(shaves=13), {})


@pytest.mark.parametrize("data", [_graph(), openvino()], ids=["graph", "blob"])
def test_a_cut_or_damaged_header_is_refused_or_read_but_never_crashes(data: bytes) -> None:
    for end in range(0x40, len(data), 97):
        with pytest.raises(NetworkInvalid):
            load_network(data[:end], {})
    for position in range(min(len(data), 2000)):
        damaged = bytearray(data)
        damaged[position] ^= 0x5A
        with contextlib.suppress(NetworkInvalid):
            load_network(bytes(damaged), {})


def test_stages_that_lead_in_a_circle_are_refused() -> None:
    data = bytearray(_graph())
    (stages_at,) = struct.unpack_from("<I", data, 0x36)
    struct.pack_into("<I", data, stages_at + 12, 12)  # the first stage follows itself
    with pytest.raises(ValueError, match="leads outside"):
        read_blob(bytes(data))


def test_a_stand_in_depends_on_the_network_and_on_what_it_sees_only() -> None:
    one, other = load_network(_graph(salt=1), {}), load_network(_graph(salt=2), {})
    images = [np.full((1, 1, 8, 8), k, np.float32) for k in range(40)]
    reading = OutputReading()
    answers = [stand_in(one, image, reading, IMAGE) for image in images]
    assert answers == [stand_in(one, image, reading, IMAGE) for image in images]
    assert answers != [stand_in(other, image, reading, IMAGE) for image in images]
    assert {a.class_id for a in answers} == {0, 1, 2, 3}


def test_a_stand_in_is_less_sure_than_any_soft_max_could_be() -> None:
    network = load_network(_graph(classes=4), {})
    for k in range(200):
        outcome = stand_in(network, np.full((1, 1, 8, 8), k, np.float32), OutputReading(), IMAGE)
        assert 0 <= outcome.confidence < 0.5 / 4


def test_a_graph_is_read_as_the_type_selector_says() -> None:
    network = load_network(_graph(), {})
    boxes = [
        box
        for k in range(50)
        for box in stand_in(network, np.full((1, 1, 8, 8), k, np.float32), DETECTION, IMAGE).boxes
    ]
    assert 20 < len(boxes) < 150
    assert all(0 <= b.left <= b.right <= 100 and 0 <= b.top <= b.bottom <= 100 and b.class_id > 0 for b in boxes)
    spec = SimulationSpec(scene=SceneSpec(parts_per_minute=1200))
    with bench(spec) as camera:
        assert _classes(camera, "Detection") == {0}
    with bench(replace(spec, seed=1)) as camera:
        assert _classes(camera, "Classification") <= {0, 1, 2, 3}


def _classes(camera: LocalBench, kind: str) -> set[int]:
    camera.upload("InferenceNetwork", _graph())
    camera.await_network()
    camera.choose("InferenceNetworkTypeSelector", kind)
    camera.flag("InferenceEnable").SetValue(True)
    camera.enable_chunks()
    camera.trigger_on("Line0")
    camera.camera.BeginAcquisition()
    camera.grab(20)
    camera.camera.EndAcquisition()
    rows = camera.device.truth()["inferences"]
    assert rows
    return {row["class_id"] for row in rows}
