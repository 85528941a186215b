"""Checkpoints in the published layouts: recognised, measured, cut, and refused by name where they do not fit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.builder.arch import Arch, complete
from agent.builder.batchnorm import estimate_statistics
from agent.builder.counts import count
from agent.builder.errors import MissingWeights, NonFinite, SupernetInvalid, UnexpectedWeights, WrongFamily, WrongShape
from agent.builder.families import Source, families, family_for
from agent.builder.ir import compile_ir, net_to_ir
from agent.builder.plan import Net
from agent.builder.runtime import Runner
from agent.builder.supernet import FORMAT, Supernet, load_supernet
from tests.support import official
from tests.support.checkpoints import write_checkpoint
from tests.support.official import LAYOUTS, Weights
from tests.support.supernets import small_weights

# facts/ofa.md 1.2 and 1.3: state entries, parameters in millions.
PUBLISHED = [
    ("ofa-mobilenet-v3", "w1.0", official.mobilenet_v3, 475, 7.68),
    ("ofa-mobilenet-v3", "w1.2", official.mobilenet_v3, 475, 10.72),
    ("ofa-proxyless", "w1.3", official.proxyless, 446, 7.96),
    ("ofa-resnet50d", "w1.0", official.resnet50d, 368, 48.11),
]
# facts/ofa.md 1.2: smallest and largest sub-net at 224 pixels, millions of parameters and multiply-accumulates.
SIZES = [("w1.0", (3.41, None), (7.66, 566)), ("w1.2", (4.60, 193), (10.70, 843))]
# Made with the original package (PyPI ofa 0.1.0) from the weights of `official.on_a_grid`: sha256 over names and
# bytes of all weights of the sub-net, and logits before and after re-estimation.
REFERENCES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("reference_cases.json").read_text())
LOGIT_TOLERANCE = 1e-3


def _source(weights: Weights) -> Source:
    return Source(weights, {}, family_for(None, weights, "test").bn_eps)


@pytest.mark.parametrize(("family", "width", "layout", "entries", "millions"), PUBLISHED)
def test_a_published_layout_is_recognised_and_its_width_told(
    family: str, width: str, layout: Any, entries: int, millions: float
) -> None:
    shapes = layout(width)
    assert len(list(official.state_entries(shapes))) == entries
    learnt = sum(np.prod(shape) for key, shape in shapes.items() if "running" not in key)
    assert learnt / 1e6 == pytest.approx(millions, abs=0.006)
    source = _source(official.weightless(shapes))
    assert [one.name for one in families() if one.recognises(source.weights)] == [family]
    assert family_for(None, source.weights, "test").variant(source) == width


@pytest.mark.parametrize(("width", "smallest", "largest"), SIZES)
def test_the_ends_of_the_space_have_the_known_sizes(width: str, smallest: Any, largest: Any) -> None:
    source = _source(official.weightless(official.mobilenet_v3(width)))
    family = family_for(None, source.weights, "test")
    space = family.space(source)
    for arch, (params, macs) in ((space.smallest(224), smallest), (space.largest(224), largest)):
        counts = count(family.cut(source, arch))
        assert counts.params / 1e6 == pytest.approx(params, abs=0.006)
        if macs is not None:
            assert (counts.macs_dense + counts.macs_depthwise) / 1e6 == pytest.approx(macs, abs=0.6)


def test_widths_of_ones_own_have_no_published_name() -> None:
    shapes = official.mobilenet_v3("w0.25")
    family = family_for(None, official.weightless(shapes), "test")
    assert family.variant(_source(official.weightless(shapes))) == "w0.25"
    shapes["feature_mix_layer.conv.weight"] = (328, 240, 1, 1)
    assert family.variant(_source(official.weightless(shapes))) == ""


@cache
def _grid(family: str) -> Source:
    layout, width = LAYOUTS[family]
    return _source(official.on_a_grid(layout(width, 10)))


def _cut(case: dict[str, Any]) -> Net:
    source = _grid(case["family"])
    family = family_for(None, source.weights, "test")
    assert family.name == case["family"]
    return family.cut(source, complete(case["arch"], family.space(source)))


def _digest(weights: Any) -> str:
    digest = hashlib.sha256()
    for key in sorted(weights):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(weights[key]).tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("number", range(len(REFERENCES)))
def test_weights_are_bit_equal_to_those_of_the_original_package(number: int) -> None:
    case = REFERENCES[number]
    net = _cut(case)
    assert len(net.weights) == case["weights"]
    assert _digest(net.weights) == case["sha256"]


# Odd resolutions, per-block choices, every kind of stem: of each family the second and the last case.
@pytest.mark.parametrize("family", LAYOUTS)
@pytest.mark.parametrize("place", [1, -1])
def test_logits_equal_those_of_the_original_package(family: str, place: int) -> None:
    cases = [case for case in REFERENCES if case["family"] == family]
    case, name = cases[place], f"{family}-{place % len(cases)}"
    net, side_px = _cut(case), case["arch"]["r"]
    x = official.grid_images(f"{name}-x", 2, side_px)
    statistics = estimate_statistics(net, official.grid_images(f"{name}-calib", 12, side_px), (8, 4))
    for one, key in ((net, "logits"), (net.with_statistics(statistics), "logits_rc")):
        wanted = np.array(case[key])
        answers = Runner(compile_ir(net_to_ir(one, softmax=False), "case"))(x)
        # Unestimated, the sums of a random ResNet reach 1e12.
        assert np.abs(answers - wanted).max() <= LOGIT_TOLERANCE * max(1.0, np.abs(wanted).max() / 10)


@pytest.mark.parametrize("family", LAYOUTS)
def test_choices_of_skipped_blocks_change_nothing(family: str) -> None:
    source = _grid(family)
    one = family_for(None, source.weights, "test")
    space = one.space(source)
    values: dict[str, object] = {"e": min(space.e), "d": min(space.d), "r": 64}
    values |= {"ks": min(space.ks)} if space.ks else {}
    values |= {"w": max(space.w)} if space.w else {}
    arch = complete(values, space)
    kept = space.kept(arch.d)
    assert not all(kept)
    other = values | {"e": [min(space.e) if used else max(space.e) for used in kept]}
    other |= {"ks": [min(space.ks) if used else max(space.ks) for used in kept]} if space.ks else {}
    same = complete(other, space)
    assert (arch, arch.subnet_id()) == (same, same.subnet_id())
    assert _digest(one.cut(source, arch).weights) == _digest(one.cut(source, same).weights)


def test_a_stage_of_depth_0_keeps_the_base_blocks_of_a_resnet() -> None:
    source = _grid("ofa-resnet50d")
    family = family_for(None, source.weights, "test")
    space = family.space(source)

    def blocks(d: list[int]) -> tuple[int, bool]:
        arch = complete({"d": d, "e": 0.25, "w": 1, "r": 64}, space)
        names = {key.split(".")[1] for key in family.cut(source, arch).weights if key.startswith("blocks.")}
        stem = {key.split(".")[1] for key in family.cut(source, arch).weights if key.startswith("input_stem.")}
        return len(names), len(stem) == 3

    # facts/ofa.md 1.2: 2 keeps the residual convolution of the stem, anything else skips it
    assert blocks([0, 0, 0, 0, 0]) == (10, False)
    assert blocks([1, 0, 0, 0, 0]) == (10, False)
    assert blocks([2, 0, 0, 0, 0]) == (10, True)
    assert blocks([2, 2, 0, 1, 0]) == (13, True)
    assert blocks([0, 2, 2, 2, 2]) == (18, False)
    assert complete({"d": [1, 0, 0, 0, 0], "e": 0.2, "w": 0, "r": 64}, space) == complete(
        {"d": [0, 0, 0, 0, 0], "e": 0.2, "w": 0, "r": 64}, space
    )


def _write(path: Path, weights: Weights) -> Path:
    """The same state dict in the kind of file that the suffix says."""
    if path.suffix == ".pth":
        return write_checkpoint(path, weights)
    if path.suffix == ".npz":
        np.savez(path, **weights)  # type: ignore[arg-type]
        return path
    from safetensors.numpy import save_file

    save_file(weights, path, {"format": "pt"})
    return path


def _identity(supernet: Supernet) -> tuple[str, str, str, str]:
    arch: Arch = supernet.space.uniform(0 if not supernet.space.ks else 3, min(supernet.space.e), 2, 64)
    return (
        supernet.family.name,
        supernet.variant,
        supernet.normalisation.pixel_format,
        _digest(supernet.cut(arch).weights),
    )


@pytest.mark.parametrize("family", LAYOUTS)
def test_every_kind_of_file_gives_the_same_supernet(family: str, tmp_path: Path) -> None:
    layout, width = LAYOUTS[family]
    weights = official.on_a_grid(layout(width, 10))
    plain = _identity(load_supernet(_write(tmp_path / "s.npz", weights)))
    assert plain[:3] == (family, width, "RGB8")
    counted = weights | {
        key: np.array(7, np.int64) for key in official.state_entries(layout(width, 10)) if key not in weights
    }
    old = {key.replace(".conv.", ".mobile_inverted_conv.", 1): v for key, v in counted.items() if "blocks" in key}
    for path in (
        _write(tmp_path / "s.safetensors", weights),
        _write(tmp_path / "s.pth", counted),
        write_checkpoint(tmp_path / "bare.pth", counted, wrapped=False),
        write_checkpoint(tmp_path / "parallel.pth", counted, prefix="module."),
        write_checkpoint(
            tmp_path / "old.pth",
            old | {key: v for key, v in counted.items() if "blocks" not in key} if "resnet" not in family else counted,
        ),
    ):
        assert _identity(load_supernet(path)) == plain


def test_our_own_family_is_read_from_every_kind_of_file(tmp_path: Path) -> None:
    from tests.support.supernets import metadata, write_supernet

    weights = small_weights()
    wanted = load_supernet(write_supernet(tmp_path / "s.safetensors", weights))
    texts = metadata()
    np.savez(tmp_path / "s.npz", __metadata__=np.array(json.dumps(texts)), **weights)  # type: ignore[arg-type]
    write_checkpoint(tmp_path / "s.pth", weights, metadata=texts)
    for name in ("s.npz", "s.pth"):
        supernet = load_supernet(tmp_path / name)
        assert (supernet.family.name, supernet.labels) == ("ofa-small", wanted.labels)
        assert (supernet.normalisation, supernet.space) == (wanted.normalisation, wanted.space)
        assert _digest(supernet.cut(wanted.space.largest(32)).weights) == _digest(
            wanted.cut(wanted.space.largest(32)).weights
        )
    write_checkpoint(tmp_path / "plain.pth", weights)
    with pytest.raises(SupernetInvalid, match="spec"):
        load_supernet(tmp_path / "plain.pth")


def _load(tmp_path: Path, weights: Weights, **metadata: str) -> Supernet:
    return load_supernet(write_checkpoint(tmp_path / "s.pth", weights, metadata=metadata))


def _mobilenet() -> Weights:
    return official.on_a_grid(official.mobilenet_v3("w0.25", 10))


def test_all_missing_weights_are_counted_and_the_first_few_named(tmp_path: Path) -> None:
    weights = {key: value for key, value in _mobilenet().items() if not key.startswith("blocks.7.conv.point_linear")}
    with pytest.raises(MissingWeights) as caught:
        _load(tmp_path, weights)
    assert "blocks.7.conv.point_linear.conv.conv.weight, blocks.7.conv.point_linear.bn.bn.weight" in str(caught.value)
    assert "and 1 more missing" in str(caught.value)


def test_a_missing_block_is_named(tmp_path: Path) -> None:
    weights = {key: value for key, value in _mobilenet().items() if not key.startswith("blocks.7.")}
    with pytest.raises(MissingWeights, match=r"no blocks\.7 weights"):
        _load(tmp_path, weights)
    last = {key: value for key, value in _mobilenet().items() if not key.startswith("blocks.20.")}
    with pytest.raises(MissingWeights, match="19 blocks after block 0, need 5 stages"):
        _load(tmp_path, last)


def test_weights_that_the_family_has_no_place_for_are_named(tmp_path: Path) -> None:
    extra = {f"head.{number}.weight": np.zeros(3, np.float32) for number in range(6)}
    with pytest.raises(UnexpectedWeights, match=r"head\.0\.weight, .* and 2 more unexpected: ofa-mobilenet-v3"):
        _load(tmp_path, _mobilenet() | extra)
    both = _mobilenet() | {"module.classifier.linear.bias": np.zeros(10, np.float32)}
    with pytest.raises(UnexpectedWeights, match=r"classifier\.linear\.bias in the file under an old and a new name"):
        _load(tmp_path, both)


@pytest.mark.parametrize(
    ("key", "shape", "words"),
    [
        ("blocks.3.conv.inverted_bottleneck.conv.conv.weight", (40, 8, 1, 1), "need 48 along axis 0"),
        ("blocks.3.conv.inverted_bottleneck.conv.conv.weight", (64, 8, 1, 1), "the family uses"),
        ("blocks.3.conv.depth_conv.conv.conv.weight", (48, 1, 9, 9), "blocks.3"),
        ("blocks.3.conv.point_linear.conv.conv.weight", (16, 48, 1, 1), "16 outputs, its stage 8"),
        ("blocks.3.conv.point_linear.bn.bn.bias", (9,), "has shape [9], need [8]"),
        ("blocks.6.conv.depth_conv.se.fc.reduce.bias", (), "blocks.6"),
        ("feature_mix_layer.conv.weight", (320, 232, 1, 1), "feature_mix_layer"),
        ("classifier.linear.weight", (10, 320, 1), "classifier"),
        ("classifier.linear.bias", (9,), "classifier.linear.bias"),
    ],
)
def test_a_weight_of_the_wrong_shape_is_named(tmp_path: Path, key: str, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(SupernetInvalid) as caught:
        _load(tmp_path, _mobilenet() | {key: np.ones(shape, np.float32)})
    assert isinstance(caught.value, WrongShape | MissingWeights)
    assert words in str(caught.value)


def test_all_weights_that_are_not_finite_are_named(tmp_path: Path) -> None:
    weights = _mobilenet()
    for key in ("first_conv.bn.bias", "classifier.linear.bias"):
        weights[key] = weights[key].copy()
        weights[key][0] = np.nan
    with pytest.raises(NonFinite, match=r"first_conv\.bn\.bias, classifier\.linear\.bias holds NaN"):
        _load(tmp_path, weights)


def test_weights_of_another_family_than_the_file_says_are_told(tmp_path: Path) -> None:
    weights = official.on_a_grid(official.proxyless("w0.25", 10))
    says = {"format": FORMAT, "family": "ofa-mobilenet-v3"}
    with pytest.raises(WrongFamily, match="says family 'ofa-mobilenet-v3', its weights are those of 'ofa-proxyless'"):
        _load(tmp_path, weights, **says)
    with pytest.raises(WrongFamily, match=r"fit no known supernet family: features\.0\.weight"):
        _load(tmp_path, {"features.0.weight": np.zeros((3, 3), np.float32)})


def test_too_few_blocks_for_any_choice_are_refused() -> None:
    weights = {key: v for key, v in _mobilenet().items() if not key.startswith("blocks.") or key.startswith("blocks.0")}
    family = next(one for one in families() if one.name == "ofa-mobilenet-v3")
    with pytest.raises(MissingWeights, match="0 blocks after block 0"):
        family.space(replace(_grid("ofa-mobilenet-v3"), weights=weights))
