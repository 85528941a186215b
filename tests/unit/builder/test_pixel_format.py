"""A colour supernet made to take grey or BGR pixels answers as it did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.builder.arch import Arch
from agent.builder.batchnorm import estimate_statistics
from agent.builder.counts import count
from agent.builder.graph import build_model
from agent.builder.pixel_format import for_pixels
from agent.builder.resize import to_input
from agent.builder.runtime import Runner, compile_model
from agent.builder.supernet import Normalisation, Supernet, load_supernet
from agent.errors import BuildError
from tests.support import official
from tests.support.checkpoints import write_checkpoint
from tests.support.official import LAYOUTS
from tests.support.supernets import write_supernet

SIDE_PX = 64


@pytest.fixture(params=LAYOUTS)
def supernet(request: pytest.FixtureRequest, tmp_path: Path) -> Supernet:
    layout, width = LAYOUTS[request.param]
    return load_supernet(write_checkpoint(tmp_path / "s.pth", official.random_weights(layout(width, 7), seed=4)))


def _images(count: int, channels: int) -> NDArray[np.uint8]:
    """Blurred noise: as in photographs, neighbours are alike."""
    coarse = np.random.default_rng(9).integers(0, 256, (count, 16, 16, channels)).astype(np.float32)
    fine = np.repeat(np.repeat(coarse, 4, 1), 4, 2)
    return np.rint(fine).astype(np.uint8)


def _arch(supernet: Supernet) -> Arch:
    return supernet.space.smallest(SIDE_PX)


def _logits(supernet: Supernet, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Answers to `images`, grey (n, h, w) or RGB (n, h, w, 3), of the smallest sub-net, estimated on them."""
    net = supernet.cut(_arch(supernet))
    x = np.ascontiguousarray(to_input(images, SIDE_PX, supernet.normalisation))
    net = net.with_statistics(estimate_statistics(net, x, (len(x),)))
    return Runner(compile_model(build_model(net, batch=len(x))))(x)


def test_bgr_pixels_get_the_answers_of_rgb(supernet: Supernet) -> None:
    images = _images(4, 3)
    turned = for_pixels(supernet, "BGR8")
    assert turned.normalisation.pixel_format == "BGR8"
    assert turned.normalisation.mean == supernet.normalisation.mean[::-1]
    np.testing.assert_allclose(_logits(turned, images), _logits(supernet, images), atol=2e-3)
    only_the_means = replace(supernet, normalisation=turned.normalisation)
    assert np.abs(_logits(only_the_means, images) - _logits(supernet, images)).max() > 0.1
    back = for_pixels(turned, "RGB8")
    assert back.normalisation == supernet.normalisation
    for key, value in supernet.source.weights.items():
        np.testing.assert_array_equal(back.source.weights[key], value)


def test_grey_pixels_get_the_answers_of_three_equal_channels(supernet: Supernet) -> None:
    even = replace(supernet, normalisation=Normalisation("RGB8", (120.0,) * 3, (58.0, 57.0, 56.0)))
    grey = _images(4, 1)[..., 0]
    single = for_pixels(even, "Mono8")
    assert (single.normalisation.pixel_format, single.normalisation.mean) == ("Mono8", (120.0,))
    net = single.cut(_arch(single))
    assert net.channels == 1
    assert count(net).macs_dense < count(even.cut(_arch(even))).macs_dense
    wanted = _logits(even, np.stack([grey] * 3, -1))
    np.testing.assert_allclose(_logits(single, grey), wanted, atol=2e-3)


def test_with_other_means_only_the_border_is_off(supernet: Supernet) -> None:
    grey = _images(2, 1)[..., 0]
    single = for_pixels(supernet, "Mono8")
    wanted = _first_layer(supernet, np.stack([grey] * 3, -1))
    error = np.abs(_first_layer(single, grey) - wanted)
    # Stride 2 and a padding of one pixel on each side: the last row and column see no padding.
    assert error[:, :, 1:, 1:].max() < 1e-4 * np.abs(wanted).max()
    assert 0 < error[:, :, 0].max() < 0.5 * np.abs(wanted).max()
    assert 0 < error[:, :, :, 0].max() < 0.5 * np.abs(wanted).max()


def _first_layer(supernet: Supernet, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    net = supernet.cut(_arch(supernet))
    x = np.ascontiguousarray(to_input(images, SIDE_PX, supernet.normalisation))
    return Runner(compile_model(build_model(replace(net, layers=net.layers[:1]), batch=len(x))))(x)


def test_a_grey_supernet_takes_no_colour(tmp_path: Path) -> None:
    supernet = load_supernet(write_supernet(tmp_path / "s.safetensors"))
    assert for_pixels(supernet, "Mono8") is supernet
    with pytest.raises(BuildError, match="takes Mono8, its sub-nets cannot take BGR8"):
        for_pixels(supernet, "BGR8")
