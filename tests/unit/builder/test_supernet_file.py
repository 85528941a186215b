"""Supernet files that cannot be used are refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.builder.arch import complete, parse_arch
from agent.builder.errors import (
    ArchInvalid,
    MissingWeights,
    NonFinite,
    SupernetInvalid,
    WrongFamily,
    WrongShape,
)
from agent.builder.supernet import Supernet, load_supernet
from tests.support.supernets import INPUT, LABELS, SPEC, small_weights, write_supernet


@pytest.fixture
def supernet(tmp_path: Path) -> Supernet:
    return load_supernet(write_supernet(tmp_path / "s.safetensors"))


def test_everything_the_file_says_is_read(supernet: Supernet) -> None:
    assert (supernet.family.name, supernet.labels) == ("ofa-small", LABELS)
    assert (supernet.normalisation.mean, supernet.normalisation.scale) == ((127.0,), (64.0,))
    assert (supernet.space.ks, supernet.space.d, supernet.space.blocks) == ((3, 5), (1, 2), 6)
    assert len(supernet.sha256) == 64


def test_the_largest_sub_net_has_the_supernets_own_weights(supernet: Supernet) -> None:
    net = supernet.cut(supernet.space.largest(32))
    source = supernet.source.weights
    np.testing.assert_array_equal(
        net.weights["blocks.3.conv.depth_conv.conv.weight"], source["blocks.3.conv.depth_conv.conv.conv.weight"]
    )
    assert len(net.layers) == 11


def test_a_smaller_kernel_is_the_transformed_centre_of_the_larger(supernet: Supernet) -> None:
    net = supernet.cut(supernet.space.smallest(24))
    name = "blocks.1.conv.depth_conv.conv"
    centre = supernet.source.weights[f"{name}.conv.weight"][:16, :, 1:4, 1:4].reshape(16, 9)
    wanted = centre @ supernet.source.weights[f"{name}.5to3_matrix"].T
    np.testing.assert_allclose(net.weights[f"{name}.weight"].reshape(16, 9), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other/1"},
        {"spec": "{"},
        {"spec": "[]"},
        {"spec": "{}"},
        {"spec": json.dumps(SPEC | {"depth": 3})},
        {"spec": json.dumps(SPEC | {"depth": 0})},
        {"spec": json.dumps(SPEC | {"ks": "all"})},
        {"input": json.dumps(INPUT | {"scale": [0.0]})},
        {"input": json.dumps(INPUT | {"mean": [1.0, 2.0]})},
        {"input": json.dumps(INPUT | {"mean": [1.0] * 3, "scale": [1.0] * 3})},
        {"input": json.dumps(INPUT | {"pixel_format": "YUV"})},
        {"input": json.dumps(INPUT | {"mean": "dark"})},
        {"labels": json.dumps(LABELS[:3])},
        {"labels": "{}"},
        {"labels": "["},
        {"labels": "[" * 100_000},
        {"spec": '{"a":' * 100_000},
        {"input": json.dumps(INPUT | {"pixel_format": "BGR8"})},
        {"bn_eps": "small"},
        {"bn_eps": "0"},
    ],
)
def test_metadata_that_cannot_be_right_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    with pytest.raises(SupernetInvalid) as caught:
        load_supernet(write_supernet(tmp_path / "s.safetensors", None, **change))
    assert "\n" not in str(caught.value)


def test_an_unknown_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongFamily, match="'resnext' is unknown; known: ofa-mobilenet-v3, ofa-proxyless"):
        load_supernet(write_supernet(tmp_path / "s.safetensors", family="resnext"))
    np.savez(tmp_path / "s.npz", weight=np.zeros(3, np.float32))
    with pytest.raises(WrongFamily, match="fit no known supernet family"):
        load_supernet(tmp_path / "s.npz")


@pytest.mark.parametrize(
    "missing",
    [
        "first_conv.conv.weight",
        "blocks.2.conv.point_linear.bn.bn.running_var",
        "blocks.3.conv.depth_conv.conv.5to3_matrix",
        "feature_mix_layer.bn.bias",
        "classifier.linear.bias",
    ],
)
def test_a_missing_weight_is_named(tmp_path: Path, missing: str) -> None:
    weights = small_weights()
    del weights[missing]
    with pytest.raises(MissingWeights, match=missing):
        load_supernet(write_supernet(tmp_path / "s.safetensors", weights))


def test_a_supernet_without_blocks_is_refused(tmp_path: Path) -> None:
    weights = {key: value for key, value in small_weights().items() if not key.startswith("blocks")}
    with pytest.raises(MissingWeights, match=r"blocks\.N|blocks\.0"):
        load_supernet(write_supernet(tmp_path / "s.safetensors", weights))


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("blocks.2.conv.inverted_bottleneck.conv.conv.weight", (16, 8, 1, 1)),
        ("blocks.2.conv.depth_conv.conv.5to3_matrix", (4, 4)),
        ("blocks.2.conv.depth_conv.conv.conv.weight", (32, 1, 3, 3)),
        ("classifier.linear.weight", (4,)),
    ],
)
def test_a_weight_that_is_too_small_is_named(tmp_path: Path, key: str, shape: tuple[int, ...]) -> None:
    weights = small_weights()
    weights[key] = np.zeros(shape, np.float32)
    with pytest.raises(SupernetInvalid) as caught:
        load_supernet(write_supernet(tmp_path / "s.safetensors", weights))
    assert isinstance(caught.value, WrongShape)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_named(tmp_path: Path, value: float) -> None:
    weights = small_weights()
    weights["blocks.1.conv.point_linear.bn.bn.weight"][3] = value
    with pytest.raises(NonFinite, match=r"blocks\.1\.conv\.point_linear\.bn\.bn\.weight holds NaN or infinity"):
        load_supernet(write_supernet(tmp_path / "s.safetensors", weights))


def test_a_variance_below_0_is_named(tmp_path: Path) -> None:
    weights = small_weights()
    weights["feature_mix_layer.bn.running_var"][5] = -0.25
    with pytest.raises(SupernetInvalid, match=r"feature_mix_layer\.bn\.running_var holds variances below 0"):
        load_supernet(write_supernet(tmp_path / "s.safetensors", weights))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04rubbish", b"\xff" * 100, b"{}"])
def test_rubbish_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(SupernetInvalid):
        load_supernet(tmp_path / "s")


def test_a_missing_file_and_pickled_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SupernetInvalid, match="cannot be read"):
        load_supernet(tmp_path / "none")
    np.savez(tmp_path / "objects.npz", weight=np.array([{}], object))
    with pytest.raises(SupernetInvalid, match="not a readable npz"):
        load_supernet(tmp_path / "objects.npz")


def test_skipped_blocks_do_not_make_another_architecture(supernet: Supernet) -> None:
    values: dict[str, object] = {"ks": [3, 3, 3, 3, 3, 3], "e": 2, "d": [1, 2, 1], "r": [24]}
    arch = complete(values, supernet.space)
    assert arch == complete(values | {"ks": [3, 5, 3, 3, 3, 5], "wid": None}, supernet.space)
    assert arch.ks == (3, 0, 3, 3, 3, 0)
    assert arch.subnet_id().startswith("r24-d121-")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "list, expected an object"),
        ('{"ks":3,"e":2,"d":1}', "r: None"),
        ('{"ks":3,"e":2,"d":1,"r":"big"}', "r: 'big'"),
        ('{"ks":3,"e":2,"d":1,"r":8}', "r: 8, expected a whole number 16 .. 1024"),
        ('{"ks":7,"e":2,"d":1,"r":32}', "ks[0]: 7 is not one of 3, 5"),
        ('{"ks":3,"e":6,"d":1,"r":32}', "e[0]: 6 is not one of 2, 4"),
        ('{"ks":3,"e":2,"d":3,"r":32}', "d[0]: 3 is not one of 1, 2"),
        ('{"ks":[3,3],"e":2,"d":1,"r":32}', "ks: 2 entries, expected 6"),
        ('{"ks":3,"e":2,"d":[1,1,1,1],"r":32}', "d: 4 entries, expected 3"),
        ('{"ks":"3","e":2,"d":1,"r":32}', "ks: '3', expected a number"),
        ('{"ks":3,"e":[2,"x",2,2,2,2],"d":1,"r":32}', "expected a number or a list"),
        ('{"ks":true,"e":2,"d":1,"r":32}', "ks: True"),
        ('{"ks":3,"e":2,"d":1,"r":32,"q":1}', "q: unknown key"),
    ],
)
def test_architectures_outside_the_space_are_refused(supernet: Supernet, text: str, words: str) -> None:
    with pytest.raises(ArchInvalid) as caught:
        parse_arch(text, supernet.space, "a.json")
    assert str(caught.value).startswith("a.json: ")
    assert words in str(caught.value)
