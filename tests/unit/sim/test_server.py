"""The device process over its sockets, in real time."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.errors import BadInput
from agent.sim import bus
from agent.sim import pyspin as PySpin
from agent.sim.chunks import LinkBusy, LinkGone
from agent.sim.plant import PlantClient
from agent.sim.remote import RemoteBusDevice, RemoteLink
from agent.sim.server import main, plant_path
from agent.sim.spec import FaultSpec
from tests.support.networks import ROWS, tiny_detector, tiny_ir
from tests.support.vendor import Bench, remote_bench

REPOSITORY = Path(__file__).resolve().parents[3]
SPEC: dict[str, object] = {
    "scene": {"parts_per_minute": 1200, "distinct": 10},
    "transport": {"swap_overhead_s": 0.0, "network_load_s": 0.0},
}


def _start(folder: Path, spec: dict[str, object]) -> subprocess.Popen[bytes]:
    (folder / "spec.json").write_text(json.dumps(spec))
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.sim.server", "--socket", folder / "cam", "--spec", folder / "spec.json"],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"READY\n"
    return process


def _stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    code = process.wait(20)
    assert process.stdout is not None
    process.stdout.close()
    return code


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("camera")
    process = _start(folder, SPEC)
    yield folder / "cam"
    assert _stop(process) == 0
    assert sorted(p.name for p in folder.iterdir()) == ["spec.json"]


@pytest.fixture
def camera(path: Path) -> Iterator[Bench]:
    with remote_bench(RemoteBusDevice(path)) as held:
        yield held


@pytest.fixture
def plant(path: Path) -> Iterator[PlantClient]:
    with PlantClient(plant_path(path)) as client:
        yield client
        client.clear_faults()
        client.set_line(1200)
        client.replug()


def test_a_network_runs_and_the_truth_agrees_with_what_the_host_saw(camera: Bench, plant: PlantClient) -> None:
    camera.load(tiny_ir())
    camera.camera.BeginAcquisition()
    seen = {}
    for _ in range(20):
        image = camera.camera.GetNextImage(5000)
        chunk = image.GetChunkData()
        seen[chunk.GetInferenceFrameId()] = (chunk.GetInferenceResult(), chunk.GetInferenceConfidence())
        image.Release()
    truth = plant.truth()
    stamps = {e["timestamp_ns"]: e["frame_id"] for e in truth["exposures"]}
    ran = {stamps[r["timestamp_ns"]]: (r["class_id"], r["confidence"]) for r in truth["inferences"]}
    assert len(seen) > 3
    assert all(ran[frame_id] == result for frame_id, result in list(seen.items())[2:])
    assert plant.counters()["inferences"] >= len(seen) - 1
    camera.camera.EndAcquisition()
    camera.flag("InferenceEnable").SetValue(False)


@pytest.mark.parametrize(("pixel_format", "kind"), [("Mono8", np.uint8), ("Mono16", np.uint16)])
def test_pixels_come_through_shared_memory(camera: Bench, pixel_format: str, kind: type) -> None:
    camera.choose("PixelFormat", pixel_format)
    camera.camera.BeginAcquisition()
    first, second = (camera.camera.GetNextImage(5000) for _ in range(2))
    array = first.GetNDArray()
    assert array.shape == (1080, 1440)
    assert array.dtype == kind
    kept = array.copy()
    second.GetNDArray()
    assert np.array_equal(array, kept)
    camera.camera.EndAcquisition()
    camera.choose("PixelFormat", "Mono8")


def test_a_blocked_grab_blocks_neither_nodes_nor_its_own_end(camera: Bench, plant: PlantClient) -> None:
    camera.trigger_on("Software")
    camera.camera.BeginAcquisition()
    outcome: list[int] = []

    def grab() -> None:
        try:
            camera.camera.GetNextImage()
        except PySpin.SpinnakerException as exc:
            outcome.append(exc.errorcode)

    thread = threading.Thread(target=grab)
    thread.start()
    for _ in range(20):
        assert camera.real("DeviceTemperature").GetValue() > 20
    camera.camera.EndAcquisition()
    thread.join(10)
    assert outcome == [-1012]
    camera.choose("TriggerMode", "Off")


def test_a_grab_times_out(camera: Bench) -> None:
    camera.trigger_on("Software")
    camera.camera.BeginAcquisition()
    with pytest.raises(PySpin.SpinnakerException, match="-1011"):
        camera.camera.GetNextImage(50)
    camera.camera.EndAcquisition()
    camera.choose("TriggerMode", "Off")


def test_a_second_host_is_refused_and_admitted_when_the_first_is_gone(path: Path) -> None:
    first = RemoteLink(path)
    with pytest.raises(LinkBusy, match="in use by another host"):
        RemoteLink(path)
    first.close()
    RemoteLink(path).close()


def test_a_closed_session_can_be_opened_again_at_once(path: Path) -> None:
    for _ in range(30):
        RemoteLink(path).close()


def test_the_hosts_death_stops_acquisition_and_leaves_an_open_file_open(path: Path) -> None:
    with remote_bench(RemoteBusDevice(path)) as camera:
        camera.open_for_writing("UserFile1")
    with remote_bench(RemoteBusDevice(path)) as camera:
        camera.choose("FileSelector", "UserFile1")
        assert camera.execute("Open") == "Failure"
        camera.must("Close")


def test_a_session_that_is_over_serves_no_stream(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"\x21\x00\x00\x00\x01" + b'{"role": "stream", "token": "no"}')
        assert connection.recv(5)[4] == 2


def test_rubbish_does_not_hurt_the_process(path: Path) -> None:
    for rubbish in (b"", b"GET / HTTP/1.0\r\n\r\n", b"\x02\x00\x00\x00\x01{}", b"\x02\x00\x00\x00\x01[]"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            # Closing with bytes unread resets the connection, which is as good an answer.
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(100):
                    pass
    assert RemoteBusDevice(path).present() is not None


def test_unplugging_takes_the_camera_off_the_bus_and_replugging_brings_it_back(
    camera: Bench, plant: PlantClient
) -> None:
    system = PySpin.System.GetInstance()
    plant.unplug()
    assert not camera.camera.IsValid()
    with pytest.raises(PySpin.SpinnakerException, match="-1010"):
        camera.real("DeviceTemperature").GetValue()
    assert system.GetCameras().GetSize() == 0
    plant.replug()
    camera.camera.DeInit()
    camera.camera = system.GetCameras()[0]
    camera.camera.Init()
    assert camera.real("DeviceTemperature").GetValue() > 20


def test_faults_and_line_come_over_the_plant(camera: Bench, plant: PlantClient) -> None:
    plant.fault(FaultSpec("file.open", "wrong_status"))
    camera.choose("FileSelector", "UserFile1")
    assert camera.execute("Open") == "Failure"
    plant.set_line(60)
    assert plant.line()["parts_per_minute"] == 60
    plant.slowdown(1.0)
    with pytest.raises(BadInput, match=r"fault\.operation"):
        plant.fault({"operation": "coffee", "effect": "stall"})
    with pytest.raises(BadInput, match="KeyError"):
        plant._ask("dance")


def test_boxes_and_warmth_come_over_the_sockets(camera: Bench, plant: PlantClient) -> None:
    camera.upload("InferenceNetwork", tiny_detector(ROWS))
    camera.await_network()
    camera.choose("InferenceNetworkTypeSelector", "Detection")
    camera.flag("InferenceEnable").SetValue(True)
    camera.flag("ChunkModeActive").SetValue(True)
    for name in ("InferenceFrameId", "InferenceBoundingBoxResult"):
        camera.choose("ChunkSelector", name)
        camera.flag("ChunkEnable").SetValue(True)
    camera.camera.BeginAcquisition()
    seen = []
    for _ in range(6):
        image = camera.camera.GetNextImage(5000)
        result = image.GetChunkData().GetInferenceBoundingBoxResult()
        boxes = [result.GetBoxAt(k) for k in range(result.GetBoxCount())]
        seen = [(b.classId, b.rect.topLeftXCoord, b.rect.bottomRightYCoord) for b in boxes]
        image.Release()
    camera.camera.EndAcquisition()
    camera.flag("InferenceEnable").SetValue(False)
    camera.choose("InferenceNetworkTypeSelector", "Classification")
    truth = plant.truth()["inferences"][-1]["boxes"]
    assert seen == [(b["class_id"], b["left"], b["bottom"]) for b in truth] == [(2, 180, 810), (1, 720, 540)]
    plant.set_ambient(25.0)
    with pytest.raises(BadInput, match="TypeError"):
        plant._ask("set_ambient", kelvin=300)


def test_flash_goes_from_one_process_to_the_next(tmp_path: Path) -> None:
    spec: dict[str, object] = {**SPEC, "storage": {"flash_file": str(tmp_path / "flash")}}
    for number in range(2):
        process = _start(tmp_path, spec)
        try:
            with remote_bench(RemoteBusDevice(tmp_path / "cam")) as held:
                held.choose("FileSelector", "UserFile1")
                assert held.integer("FileSize").GetValue() == 4000 * number
                if number == 0:
                    held.open_for_writing("UserFile1")
                    held.flag("FileWriteToFlash").SetValue(True)
                    held.write_chunk(bytes(4000))
                    held.must("Close")
        finally:
            _stop(process)


def test_a_dead_process_is_gone_and_its_socket_can_be_served_again(tmp_path: Path) -> None:
    process = _start(tmp_path, {})
    link = RemoteLink(tmp_path / "cam")
    process.kill()
    process.wait(20)
    assert process.stdout is not None
    process.stdout.close()
    assert not link.is_alive()
    with pytest.raises(LinkGone):
        link.read(0, 4)
    link.close()
    assert RemoteBusDevice(tmp_path / "cam").present() is None
    again = _start(tmp_path, {})
    with PlantClient(plant_path(tmp_path / "cam")) as plant:
        plant.shutdown()
    assert again.wait(20) == 0
    assert again.stdout is not None
    again.stdout.close()


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "Expecting"), ('{"speed": 1}', "speed: is unknown"), ("[]", "wanted a mapping")]
)
def test_a_bad_specification_ends_with_code_2(
    tmp_path: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.json").write_text(text)
    assert main(["--socket", str(tmp_path / "cam"), "--spec", str(tmp_path / "spec.json")]) == 2
    assert reason in capsys.readouterr().err


def test_a_socket_that_is_served_is_not_taken_over(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", str(path)]) == 2
    assert "is served already" in capsys.readouterr().err
    assert RemoteBusDevice(path).present() is not None


def test_the_bus_lists_a_place_only_while_something_answers_there(tmp_path: Path) -> None:
    place = RemoteBusDevice(tmp_path / "nobody")
    bus.attach(place)
    try:
        assert PySpin.System.GetInstance().GetCameras().GetSize() == 0
        PySpin.System.GetInstance().ReleaseInstance()
    finally:
        bus.detach(place)


def test_the_plant_sets_a_digital_line_that_the_camera_then_reads(camera: Bench, plant: PlantClient) -> None:
    camera.choose("LineSelector", "Line2")
    levels = []
    for high in (True, False, True, None):
        plant.set_input("Line2", high)
        levels.append(camera.flag("LineStatus").GetValue())
    assert levels == [True, False, True, False]
    with pytest.raises(BadInput, match="part sensor"):
        plant.set_input("Line0", True)
