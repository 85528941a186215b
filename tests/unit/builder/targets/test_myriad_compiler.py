"""The real compiler: few cases, since each takes about five seconds (facts/myriad-blobs.md 2 A)."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.builder.graph import InputFold
from agent.builder.ir import net_to_ir
from agent.builder.supernet import load_supernet
from agent.builder.targets.errors import CompileFailed
from agent.builder.targets.myriad import MYRIAD2, MYRIADX, MyriadTarget
from agent.errors import BlobInvalid
from agent.library import inspect_blob
from agent.library.ir import pack_ir, unpack_ir
from tests.support.supernets import write_supernet

pytestmark = pytest.mark.usefixtures("myriad_compiler")

SIDE = 64


def _silent(_line: str) -> None:
    pass


def _ir(supernet_file: Path, side_px: int = SIDE) -> bytes:
    """The largest sub-net, with its normalisation."""
    supernet = load_supernet(supernet_file)
    fold = InputFold(supernet.normalisation.mean, supernet.normalisation.scale)
    return net_to_ir(supernet.cut(supernet.space.largest(side_px)), softmax=True, fold=fold)


def test_equal_networks_give_equal_blobs_and_the_camera_s_processor(tmp_path: Path) -> None:
    ir = _ir(write_supernet(tmp_path / "small.safetensors"), 32)
    first, again = (MyriadTarget(MYRIAD2, 5).compile_ir(ir, _silent) for _ in range(2))
    assert first == again
    info = inspect_blob(first, "blob", "openvino-blob-6", "myriad2")
    assert (info.shaves, info.input_shape, info.output_shape) == (5, (1, 1, 32, 32), (1, 4))
    assert "SoftMax" in info.layer_types


@pytest.mark.soak  # five seconds each, mostly the compiler's device search; the full-size test compiles one of them
@pytest.mark.parametrize("family", ["mbv3", "proxyless", "resnet"])
def test_the_published_families_compile(family: str, shared_data: Path) -> None:
    ir = _ir(shared_data / "ofa-oracle" / f"{family}_supernet.npz")
    info = inspect_blob(MyriadTarget(MYRIAD2).compile_ir(ir, _silent), "blob", "openvino-blob-6", "myriad2")
    assert (info.shaves, info.input_shape) == (12, (1, 3, SIDE, SIDE))
    # facts/myriad-blobs.md 2: written with Clamp, h-swish becomes one native stage (type 137).
    assert ("HSwish" in info.layer_types) == (family == "mbv3")


def test_a_myriad_x_blob_is_refused_for_the_camera(tmp_path: Path) -> None:
    blob = MyriadTarget(MYRIADX).compile_ir(_ir(write_supernet(tmp_path / "small.safetensors"), 32), _silent)
    assert inspect_blob(blob, "blob", platform="myriadx").shaves == 8
    with pytest.raises(BlobInvalid, match="compiled for a Myriad X"):
        inspect_blob(blob, "blob", platform="myriad2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b'type="ReLU" version="opset1"', b'type="Cos" version="opset1"'), "unsupported layer type"),
        ((b'type="ReLU" version="opset1"', b'type="NoSuch" version="opset1"'), "doesn't contain .* NoSuch"),
    ],
)
def test_a_refused_network_is_told_with_the_compiler_s_reason(
    change: tuple[bytes, bytes], words: str, tmp_path: Path
) -> None:
    parts = unpack_ir(_ir(write_supernet(tmp_path / "small.safetensors"), 32), "ir")
    assert change[0] in parts.xml
    with pytest.raises(CompileFailed, match=words) as caught:
        MyriadTarget(MYRIAD2).compile_ir(pack_ir(parts.xml.replace(*change), parts.weights), _silent)
    assert "\n" not in str(caught.value)


def test_a_compiler_short_of_memory_fails_in_one_line(tmp_path: Path) -> None:
    ir = _ir(write_supernet(tmp_path / "small.safetensors"), 32)
    with pytest.raises(CompileFailed, match="myriad2: the compiler refused the network: "):
        MyriadTarget(MYRIAD2, memory_bytes=64 << 20).compile_ir(ir, _silent)
