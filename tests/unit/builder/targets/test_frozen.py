"""Frozen TensorFlow graphs: OpenVINO's TensorFlow reader must see the network that the IR is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.builder.graph import InputFold
from agent.builder.ir import compile_ir, model_to_ir, net_to_ir
from agent.builder.plan import Net
from agent.builder.runtime import compile_model, core, load_openvino
from agent.builder.supernet import load_supernet
from agent.builder.targets.errors import CompileFailed
from agent.builder.targets.frozen import frozen_graph
from tests.support.supernets import write_supernet

Image = NDArray[np.float32]


def _largest_difference(net: Net, ir: bytes, folder: Path) -> float:
    """Of the probabilities, over a few random images."""
    path = folder / "x.pb"
    path.write_bytes(frozen_graph(ir))
    model = core().read_model(path)
    assert [next(iter(end.get_names())) for end in (*model.inputs, *model.outputs)] == ["input:0", "output:0"]
    assert list(model.input(0).shape) == [1, net.side_px, net.side_px, net.channels]
    frozen, expected = compile_model(model), compile_ir(ir, "ir")
    random = np.random.default_rng(0)
    worst = 0.0
    for _ in range(3):
        image: Image = random.standard_normal((1, net.channels, net.side_px, net.side_px)).astype(np.float32)
        answer = np.asarray(frozen([np.ascontiguousarray(image.transpose(0, 2, 3, 1))])[0])
        worst = max(worst, float(np.abs(answer - expected([image])[0]).max()))
    return worst


@pytest.mark.parametrize("side_px", [24, 25, 27, 32])
def test_a_small_net_gives_the_same_answers_whatever_its_size(side_px: int, tmp_path: Path) -> None:
    """Even sides pad differently from odd ones at stride 2, and 27 meets both on its way down."""
    supernet = load_supernet(write_supernet(tmp_path / "s.safetensors"))
    net = supernet.cut(supernet.space.uniform(3, 4, 2, side_px))
    assert _largest_difference(net, net_to_ir(net, softmax=True), tmp_path) < 1e-4


@pytest.mark.parametrize(("family", "side_px"), [("proxyless", 72), ("resnet", 64), ("resnet", 75)])
def test_published_families_give_the_same_answers(family: str, side_px: int, shared_data: Path, tmp_path: Path) -> None:
    supernet = load_supernet(shared_data / "ofa-oracle" / f"{family}_supernet.npz")
    space = supernet.space
    net = supernet.cut(space.uniform(min(space.ks, default=0), max(space.e), max(space.d), side_px))
    assert _largest_difference(net, net_to_ir(net, softmax=True), tmp_path) < 1e-4


def test_the_comparison_would_notice_padding_in_the_wrong_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.builder.targets.frozen._same", lambda side, size, stride: (size // 2, size // 2))
    supernet = load_supernet(write_supernet(tmp_path / "s.safetensors"))
    net = supernet.cut(supernet.space.uniform(3, 4, 2, 24))
    assert _largest_difference(net, net_to_ir(net, softmax=True), tmp_path) > 1e-3


def test_equal_networks_give_equal_graphs(tmp_path: Path) -> None:
    supernet = load_supernet(write_supernet(tmp_path / "s.safetensors"))
    first, again = (
        frozen_graph(net_to_ir(supernet.cut(supernet.space.uniform(3, 2, 1, 24)), softmax=True)) for _ in range(2)
    )
    assert first == again


@pytest.mark.parametrize(
    ("k", "softmax", "fold", "words"),
    [
        (5, True, None, "a depthwise 5x5 convolution of stride 2; the NCSDK is tested with 3x3 stride 1, 3x3 stride 2"),
        (3, False, None, "ends in Add, expected one SoftMax; extract it with --softmax"),
        (3, True, InputFold((127.0,), (64.0,)), "a folded normalisation; extract without --fold-input"),
    ],
)
def test_a_network_outside_of_the_legal_space_is_refused(
    k: int, softmax: bool, fold: InputFold | None, words: str, tmp_path: Path
) -> None:
    supernet = load_supernet(write_supernet(tmp_path / "s.safetensors"))
    net = supernet.cut(supernet.space.uniform(k, 2, 1, 24))
    with pytest.raises(CompileFailed, match=words):
        frozen_graph(net_to_ir(net, softmax=softmax, fold=fold))


def test_h_swish_is_refused_as_the_product_that_it_is(shared_data: Path) -> None:
    supernet = load_supernet(shared_data / "ofa-oracle" / "mbv3_supernet.npz")
    with pytest.raises(CompileFailed, match="a Multiply, which is not in the NCSDK's tested set"):
        frozen_graph(net_to_ir(supernet.cut(supernet.space.smallest(64)), softmax=True))


def _ones(*shape: int) -> Image:
    return np.full(shape, 0.5, np.float32)


def _unusual(op: Any, x: Any, kind: str) -> Any:
    """An operation on (1, 4, 9, 9) that no plan makes, and that a network of another source may have."""
    one, two, none = [1, 1], [2, 2], [0, 0]
    makers = {
        "clamp": lambda: op.clamp(x, -1.0, 1.0),
        "groups": lambda: op.group_convolution(x, op.constant(_ones(2, 2, 2, 3, 3)), one, one, one, one),
        "dilation": lambda: op.convolution(x, op.constant(_ones(4, 4, 3, 3)), one, two, two, two),
        "oblong": lambda: op.convolution(x, op.constant(_ones(4, 4, 1, 3)), one, [0, 1], [0, 1], one),
        "cut mean": lambda: op.avg_pool(x, two, none, none, two, True, "floor"),
        "maximum": lambda: op.max_pool(x, two, one, one, [3, 3]),
        "scalar": lambda: op.add(x, op.constant(_ones(1))),
    }
    return makers[kind]()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("clamp", "a clamp to -1 .. 1, expected 0 .. 6"),
        ("groups", "a grouped convolution .*, expected one channel to a group"),
        ("dilation", "dilation"),
        ("oblong", "not square"),
        ("cut mean", "overlapping, padded or cut windows"),
        ("maximum", "values that may be negative"),
        ("scalar", "expected one for each channel"),
    ],
)
def test_an_operation_that_would_be_translated_wrongly_is_refused(kind: str, words: str) -> None:
    openvino = load_openvino()
    op = openvino.opset1
    image = op.parameter([1, 4, 9, 9], np.float32, name="image")
    x = op.convolution(image, op.constant(_ones(4, 4, 1, 1)), [1, 1], [0, 0], [0, 0], [1, 1])
    x = _unusual(op, x, kind)
    pooled = op.reduce_mean(x, op.constant(np.array([2, 3], np.int64)), keep_dims=True)
    flat = op.reshape(pooled, op.constant(np.array([1, 4], np.int64)), False)
    model = openvino.Model([op.result(op.softmax(flat, 1))], [image], "other")
    with pytest.raises(CompileFailed, match=words):
        frozen_graph(model_to_ir(model))
