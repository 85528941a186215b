"""A supernet of the published size, OFA-MobileNetV3 w1.0 with 1000 classes, from its checkpoint to a Myriad 2 blob."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.builder.batchnorm import estimate_statistics
from agent.builder.counts import count
from agent.builder.graph import InputFold
from agent.builder.ir import compile_ir, net_to_ir
from agent.builder.runtime import Runner
from agent.builder.supernet import Supernet, load_supernet
from agent.builder.targets import target
from agent.library.formats import inspect_blob
from tests.support import myriad_tools
from tests.support.checkpoints import write_checkpoint
from tests.support.official import mobilenet_v3, random_weights

SIDE_PX = 128


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Supernet:
    path = tmp_path_factory.mktemp("full-size") / "ofa_mbv3_w1.0.pth"
    supernet = load_supernet(write_checkpoint(path, random_weights(mobilenet_v3("w1.0"), seed=0)))
    assert path.stat().st_size > 30_000_000
    assert (supernet.family.name, supernet.variant) == ("ofa-mobilenet-v3", "w1.0")
    return supernet


@pytest.mark.parametrize("size", ["smallest", "middle", "largest"])
def test_its_sub_nets_are_cut_estimated_and_written(supernet: Supernet, size: str) -> None:
    space = supernet.space
    arch = {"smallest": space.smallest, "middle": lambda r: space.uniform(5, 4, 3, r), "largest": space.largest}[size]
    net = supernet.cut(arch(SIDE_PX))
    random = np.random.default_rng(1)
    images = random.standard_normal((6, 3, SIDE_PX, SIDE_PX), np.float32)
    ready = net.with_statistics(estimate_statistics(net, images, (3, 3)))
    data = net_to_ir(ready, softmax=False)
    info = inspect_blob(data, size)
    assert (info.input_shape, info.output_shape) == ((1, 3, SIDE_PX, SIDE_PX), (1, 1000))
    assert info.work is not None
    assert (info.work.macs_dense, info.work.macs_depthwise) == (count(net).macs_dense, count(net).macs_depthwise)
    logits = Runner(compile_ir(data, size))(images[:2])
    assert np.isfinite(logits).all()
    assert np.abs(logits[0] - logits[1]).max() > 0.01


def test_its_largest_sub_net_becomes_a_myriad_2_blob(supernet: Supernet, tmp_path: Path) -> None:
    if reason := myriad_tools.why_not():
        pytest.skip(reason)
    net = supernet.cut(supernet.space.largest(224))
    fold = InputFold(supernet.normalisation.mean, supernet.normalisation.scale)
    ir = net_to_ir(net, softmax=True, fold=fold, element="u8")
    blob = target("myriad2").compile(ir, net, lambda _line: None)[0]
    info = inspect_blob(blob.data, "largest")
    # facts/myriad-blobs.md 2: 287 stages without SoftMax and 2 bytes a parameter; h-swish is one stage
    assert (info.format, info.platform, info.shaves, info.stages) == ("openvino-blob-6", "myriad2", 12, 288)
    assert len(blob.data) == pytest.approx(15.3e6, rel=0.01)
    assert "HSwish" in info.layer_types
