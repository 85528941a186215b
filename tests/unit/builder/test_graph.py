"""The written network computes the sub-net, in whatever form it is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.builder.extract import ExtractRequest, extract_subnet
from agent.builder.graph import InputFold, build_model
from agent.builder.ir import compile_ir, net_to_ir
from agent.builder.plan import Net
from agent.builder.runtime import Runner, compile_model
from agent.builder.supernet import load_supernet
from agent.builder.targets.pixels import takes_pixels
from agent.errors import BuildError
from agent.library.formats import inspect_blob
from tests.support.images import write_set
from tests.support.supernets import write_supernet

Pixels = NDArray[np.float32]

OPSET1 = {"Add", "Clamp", "Const", "Convolution", "GroupConvolution", "MatMul", "Multiply", "Parameter", "ReLU"} | {
    "ReduceMean",
    "Reshape",
    "Result",
    "SoftMax",
}


def _normalised(pixels: Pixels) -> Pixels:
    return ((pixels - 127) / 64).astype(np.float32)


@pytest.fixture
def net(tmp_path: Path) -> Net:
    supernet = load_supernet(write_supernet(tmp_path / "s.safetensors"))
    return supernet.cut(supernet.space.largest(32))


@pytest.fixture
def pixels() -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (5, 1, 32, 32)).astype(np.float32)


def test_the_file_holds_opset1_operations_only(net: Net) -> None:
    info = inspect_blob(net_to_ir(net, softmax=True), "x")
    assert set(info.layer_types) <= OPSET1
    assert (info.version, info.input_shape, info.output_shape) == ("10", (1, 1, 32, 32), (1, 4))


def test_equal_networks_give_equal_bytes(net: Net) -> None:
    assert net_to_ir(net, softmax=True) == net_to_ir(net, softmax=True)


def test_a_batch_gives_the_answers_of_single_images(net: Net, pixels: Pixels) -> None:
    x = _normalised(pixels)
    single = Runner(compile_ir(net_to_ir(net, softmax=False), "x"))(x)
    batched = Runner(compile_model(build_model(net, batch=3)))(x)
    np.testing.assert_allclose(batched, single, atol=1e-4)


def test_softmax_turns_logits_into_shares(net: Net, pixels: Pixels) -> None:
    logits = Runner(compile_model(build_model(net)))(_normalised(pixels))
    shares = Runner(compile_model(build_model(net, softmax=True)))(_normalised(pixels))
    wanted = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(shares, wanted / wanted.sum(1, keepdims=True), atol=1e-5)


def test_a_folded_input_takes_raw_pixels_and_is_exact_at_the_border(net: Net, pixels: Pixels) -> None:
    plain = Runner(compile_model(build_model(net)))(_normalised(pixels))
    folded = Runner(compile_model(build_model(net, fold=InputFold((127.0,), (64.0,)))))(pixels)
    np.testing.assert_allclose(folded, plain, atol=1e-3)


def test_an_8_bit_input_changes_the_type_of_the_pixels_only(net: Net, pixels: Pixels) -> None:
    fold = InputFold((127.0,), (64.0,))
    for chosen in (None, fold):
        wide = Runner(compile_ir(net_to_ir(net, softmax=False, fold=chosen), "x"))(pixels)
        data = net_to_ir(net, softmax=False, fold=chosen, element="u8")
        compiled = compile_ir(data, "x")
        assert compiled.input(0).get_element_type().get_type_name() == "u8"
        assert set(inspect_blob(data, "x").layer_types) <= OPSET1 | {"Convert"}
        request = compiled.create_infer_request()
        narrow = np.concatenate([request.infer([one[None].astype(np.uint8)])[0].copy() for one in pixels])
        np.testing.assert_allclose(narrow, wide, rtol=1e-5, atol=1e-4)
        assert takes_pixels(data) == (chosen is not None)


def test_extraction_writes_what_was_asked_for(tmp_path: Path) -> None:
    supernet = write_supernet(tmp_path / "s.safetensors")
    images = write_set(tmp_path / "images.npz", 40, seed=1)
    arch = '{"ks": 3, "e": 4, "d": 2, "r": 24}'
    out = tmp_path / "net.ovir"
    for request in (
        ExtractRequest(supernet, arch, out),
        ExtractRequest(supernet, arch, out, softmax=True, u8_input=True),
        ExtractRequest(supernet, arch, out, calibrate=images, softmax=True, fold_input=True),
    ):
        report = extract_subnet(request)
        assert report.size_bytes == out.stat().st_size
        info = inspect_blob(out.read_bytes(), "x")
        assert ("SoftMax" in info.layer_types) == request.softmax
        assert ("Convert" in info.layer_types) == request.u8_input
        assert (report.family, report.variant) == ("ofa-small", "")
    assert report.statistics == "re-estimated"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["images.npz", "net.ovir", "s.safetensors"]


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    supernet = write_supernet(tmp_path / "s.safetensors")
    out = tmp_path / "none" / "net.ovir"
    with pytest.raises(BuildError, match=r"net\.ovir: cannot be written"):
        extract_subnet(ExtractRequest(supernet, '{"ks": 3, "e": 4, "d": 2, "r": 24}', out))
