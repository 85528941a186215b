"""The formats are told apart by their magic numbers, and their headers are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import BlobInvalid, BlobMissing
from agent.library.blob import Work
from agent.library.formats import inspect_blob, sniff
from agent.library.report import inspect_file
from agent.sim.network import load_network
from tests.support.network_files import ncsdk1, ncsdk2, openvino
from tests.support.networks import tiny_ir as runnable_ir
from tests.support.tiny_libraries import tiny_ir

BLOBS = Path(__file__).parent / "blobs"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (ncsdk2()[0], "ncsdk-graph-2"),
        (ncsdk1(), "ncsdk-graph-1"),
        (openvino(5), "openvino-blob-5"),
        (openvino(6), "openvino-blob-6"),
        (tiny_ir(), "openvino-ir-10"),
        (b"", None),
        (bytes(4096), None),
        (b"\x7fELF" + bytes(4096), None),
        (ncsdk2()[0][:60], None),
        (openvino()[:190], None),
    ],
)
def test_magic_numbers_tell_the_format(data: bytes, name: str | None) -> None:
    assert sniff(data) == name


def test_a_graph_tells_version_shaves_shapes_and_work() -> None:
    info = inspect_blob(ncsdk2(side=8, channels=3, classes=4)[0], "g")
    assert (info.version, info.shaves, info.stages, info.platform) == ("2.3", 12, 5, None)
    assert (info.inputs, info.outputs, info.input_shape, info.output_shape) == (192, 4, (1, 3, 8, 8), (1, 4))
    assert info.layer_types == ("AvgPool", "Conv", "DepthConv", "FC", "SoftMax")
    conv, depthwise, connected = 9 * 3 * 8 * 16, 9 * 8 * 16, 8 * 4
    params = (9 * 3 + 1) * 8 + (9 + 1) * 8 + (8 + 1) * 4
    assert info.work == Work(params, conv + connected, depthwise, 4)


def test_a_graph_of_an_older_writer_is_walked_but_its_tensors_are_not_read() -> None:
    info = inspect_blob(ncsdk2(minor=0)[0], "g")
    assert (info.version, info.stages, info.inputs, info.input_shape, info.work) == ("2.0", 5, 64, None, None)


def test_a_first_generation_graph_tells_its_stages() -> None:
    info = inspect_blob(ncsdk1(stages=7), "g")
    assert (info.format, info.version, info.stages, info.platform) == ("ncsdk-graph-1", "1", 7, "myriad2")


@pytest.mark.parametrize("major", [5, 6])
def test_a_blob_tells_version_shaves_and_shapes(major: int) -> None:
    info = inspect_blob(openvino(major, (3, 6, 10), 7, shaves=8), "b")
    assert (info.version, info.shaves, info.stages, info.platform) == (f"{major}.0", 8, 2, "myriad2")
    assert (info.inputs, info.outputs, info.input_shape, info.output_shape) == (180, 7, (1, 3, 6, 10), (1, 7))
    assert info.layer_types == ("Conv", "SoftMax")


@pytest.mark.parametrize(
    ("name", "version", "platform", "shaves", "stages", "shape", "answer", "tensors"),
    [
        ("version-5.blob", "5.0", "myriad2", 12, 11, (1, 3, 16, 16), (1, 5), 1),
        ("myriad2.blob", "6.0", "myriad2", 12, 11, (1, 1, 8, 8), (1, 3), 1),
        ("myriadx.blob", "6.0", "myriadx", 7, 12, (1, 3, 16, 16), (1, 5), 1),
        ("two-outputs.blob", "6.0", "myriad2", 12, 13, (1, 3, 16, 32), None, 2),
    ],
)
def test_blobs_of_the_real_compiler_are_read_whole(
    name: str, version: str, platform: str, shaves: int, stages: int, shape: object, answer: object, tensors: int
) -> None:
    """facts/myriad-blobs.md 3: the layout, checked on what OpenVINO 2020.2 and 2021.4.2 write."""
    info = inspect_file(BLOBS / name).info
    assert (info.format, info.version, info.platform) == (f"openvino-blob-{version[0]}", version, platform)
    assert (info.shaves, info.stages, info.input_shape, info.output_shape) == (shaves, stages, shape, answer)
    assert info.result_tensors == tensors


def test_a_trailer_of_the_newer_compiler_is_sound() -> None:
    """OpenVINO 2022 appends names after the declared size (facts/myriad-blobs.md 3)."""
    assert inspect_blob(openvino(6) + bytes(168), "b").size_bytes == len(openvino(6)) + 168
    with pytest.raises(BlobInvalid, match="168 bytes after"):
        inspect_blob(openvino(5) + bytes(168), "b")


def test_a_blob_for_another_processor_is_refused_where_one_is_asked_for() -> None:
    data = (BLOBS / "myriadx.blob").read_bytes()
    with pytest.raises(BlobInvalid, match=r"b: compiled for a Myriad X \(7 SHAVEs\), expected a Myriad 2; compile"):
        inspect_blob(data, "b", platform="myriad2")
    assert inspect_blob(data, "b", platform="myriadx").platform == "myriadx"
    with pytest.raises(BlobInvalid, match="expected a Myriad 2"):
        inspect_blob(ncsdk2(shaves=16)[0], "g", platform="myriad2")
    with pytest.raises(BlobInvalid, match="expected a Myriad X"):
        inspect_blob(openvino(), "b", platform="myriadx")
    assert inspect_blob(openvino(hardware=True), "b").platform == "myriadx"
    assert inspect_blob(openvino(shaves=16), "b").platform == "myriadx"


def test_unknown_bytes_and_the_wrong_format_are_refused() -> None:
    with pytest.raises(BlobInvalid, match="no known network format"):
        inspect_blob(b"hello", "g")
    with pytest.raises(BlobInvalid, match="is ncsdk-graph-2, expected openvino-ir-10"):
        inspect_blob(ncsdk2()[0], "g", "openvino-ir-10")


def test_the_vendors_graph_file_is_read_whole(shared_data: Path) -> None:
    """facts/myriad-blobs.md 3: version 2.3, 8 SHAVEs, 31 stages, 224 x 224 x 3 to 5; a MobileNet v1 of width 0.5,
    whose published work is 149 million multiply-accumulates."""
    report = inspect_file(shared_data / "firefly-network-classification.graph")
    info = report.info
    assert (info.format, info.version, info.shaves, info.stages) == ("ncsdk-graph-2", "2.3", 8, 31)
    assert (info.inputs, info.outputs) == (150_528, 5)
    assert (info.input_shape, info.output_shape) == ((1, 3, 224, 224), (1, 5))
    assert info.work is not None
    assert round((info.work.macs_dense + info.work.macs_depthwise) / 1e6) == 150
    assert info.work.layers == 30


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    for path, error in ((tmp_path, BlobInvalid), (circle, BlobInvalid), (tmp_path / "none", BlobMissing)):
        with pytest.raises(error, match=path.name):
            inspect_file(path)


def test_a_link_to_a_sound_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(BLOBS / "myriad2.blob")
    assert inspect_file(tmp_path / "current").info.shaves == 12


@pytest.mark.parametrize(("size", "width", "channels"), [(16, 8, 1), (32, 5, 3)])
def test_the_work_in_an_ir_is_what_the_simulated_camera_counts(size: int, width: int, channels: int) -> None:
    """Two readers written apart from each other agree."""
    data = runnable_ir(8, size, channels=channels, width=width)
    work = inspect_blob(data, "x").work
    counted = load_network(data, {}).work
    assert work is not None
    assert (work.macs_dense, work.macs_depthwise, work.layers) == (
        counted.macs_dense,
        counted.macs_depthwise,
        counted.layers,
    )
    assert work.macs_dense > 0
