"""The simulation's own reader of single-file IR."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from agent.sim.faults import FaultPlan
from agent.sim.inference import Vpu
from agent.sim.network import Network, NetworkInvalid, load_network
from agent.sim.spec import SimulationSpec
from agent.sim.truth import Truth
from agent.sim.vpu import Executor
from tests.support.networks import tiny_ir, zip_ir


def _unzip(data: bytes) -> tuple[bytes, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("model.xml"), archive.read("model.bin")


def test_it_reads_shape_classes_and_digest() -> None:
    data = tiny_ir(classes=5, size=20, channels=3)
    network = load_network(data, {})
    assert (network.channels, network.height, network.width, network.classes) == (3, 20, 20, 5)
    assert (network.digest, network.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_work_is_counted_by_hand_calculation() -> None:
    # conv 3x3, stride 2, 1 -> 8 channels on 16x16; FC of 8 * 8 * 8 inputs to 8 classes; ReLU and softmax count nothing
    work = load_network(tiny_ir(classes=8, size=16, width=8), {}).work
    assert (work.macs_dense, work.macs_depthwise, work.layers) == (9 * 8 * 64 + 512 * 8, 0, 2)


def test_a_twin_runs_in_place_of_a_blob_under_the_digest_of_the_blob(tmp_path: Path) -> None:
    blob, ir = b"compiled for another chip", tiny_ir()
    xml, weights = _unzip(ir)
    (tmp_path / "net.xml").write_bytes(xml)
    (tmp_path / "net.bin").write_bytes(weights)
    (tmp_path / "net.ovir").write_bytes(ir)
    digest = hashlib.sha256(blob).hexdigest()
    for name in ("net.xml", "net.ovir"):
        network = load_network(blob, {digest: str(tmp_path / name)})
        assert (network.digest, network.size_bytes, network.classes) == (digest, len(blob), 8)


def _with_xml(old: str, new: str) -> bytes:
    xml, weights = _unzip(tiny_ir())
    assert old in xml.decode()
    return zip_ir(xml.decode().replace(old, new).encode(), weights)


def _three_members() -> bytes:
    buffer = io.BytesIO(tiny_ir())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("extra", b"")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no single-file IR"),
        (b"PK\x03\x04 but nothing follows", "no single-file IR"),
        (tiny_ir()[:-30], "no single-file IR"),
        (zip_ir(*_unzip(tiny_ir()), zipfile.ZIP_DEFLATED), "must be stored"),
        (_three_members(), "allowed are"),
        (zip_ir(b"<net", b""), "no usable IR"),
        (zip_ir(b"<!DOCTYPE a><net/>", b""), "document type"),
        (zip_ir(_unzip(tiny_ir())[0], b""), "ends at"),
        (_with_xml('version="10"', 'version="7"'), "IR version"),
        (_with_xml('type="Parameter"', 'type="Const"'), "no usable IR"),
        (_with_xml("<dim>8</dim></port></input></layer>", "<dim>8</dim><dim>8</dim></port></input></layer>"), "maps"),
    ],
)
def test_a_network_that_is_not_sound_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(NetworkInvalid, match=reason):
        load_network(data, {})


def test_every_damaged_byte_is_refused_or_read_but_never_crashes() -> None:
    data = tiny_ir(size=8, width=2)
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 0x5A
        with contextlib.suppress(NetworkInvalid):
            assert isinstance(load_network(bytes(damaged), {}), Network)


def test_swapping_to_and_fro_keeps_one_network_for_equal_bytes() -> None:
    """The ground truth holds the network of each of its inferences: ten thousand swaps must not be as many copies."""
    vpu = Vpu(SimulationSpec(), Executor(lambda *_: np.zeros((1, 1, 16, 16), np.float32)), FaultPlan(), Truth(int), 0)
    loaded = []
    for seed in (1, 2, 1, 2, 1):
        vpu.load(tiny_ir(seed=seed), 0)
        loaded.append(vpu.slot.network)
    assert None not in loaded
    assert len({id(network) for network in loaded}) == 2
