"""Pixels of the line and the scaler before the VPU."""

from __future__ import annotations

import numpy as np
import pytest

from agent.sim import parts
from agent.sim.scaling import interpolate, plan_axis
from agent.sim.scene import EMPTY_BELT, HEIGHT_PX, WIDTH_PX, Scene
from agent.sim.spec import SceneSpec

ROWS, COLUMNS = np.arange(HEIGHT_PX), np.arange(WIDTH_PX)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(SceneSpec(seed=3, distinct=10))


@pytest.mark.parametrize("content", [EMPTY_BELT, 0, 7])
def test_a_region_equals_the_same_pixels_of_the_whole_frame(scene: Scene, content: int) -> None:
    whole = scene.region(content, ROWS, COLUMNS)
    rng = np.random.default_rng(content + 1)
    for _ in range(5):
        rows = np.unique(rng.integers(0, HEIGHT_PX, 40))
        columns = np.unique(rng.integers(0, WIDTH_PX, 40))
        assert np.array_equal(scene.region(content, rows, columns), whole[np.ix_(rows, columns)])


def test_the_part_is_enlarged_by_exact_integer_arithmetic(scene: Scene) -> None:
    image = parts.render_part(3, 4).astype(np.int64)
    position = np.clip((np.arange(HEIGHT_PX) + 0.5) * 64 / HEIGHT_PX - 0.5, 0, 63)
    low = np.minimum(position.astype(int), 62)
    weight = np.rint((position - low) * 256).astype(np.int64)
    tall = image[low] * (256 - weight)[:, None] + image[low + 1] * weight[:, None]
    wide = tall[:, low] * (256 - weight) + tall[:, low + 1] * weight
    assert np.array_equal(scene.region(4, ROWS, COLUMNS[180:1260]), (wide + 32768) >> 16)


def test_contents_repeat_in_turn_and_classes_with_them(scene: Scene) -> None:
    assert [scene.content(k) for k in (-1, 3, 13)] == [-1, 3, 3]
    assert scene.true_class(13) == parts.part_class(3, 3)
    assert scene.true_class(-1) == -1
    assert Scene(SceneSpec(distinct=0)).content(70_000) == 70_000


@pytest.mark.parametrize(("source", "target"), [(1080, 16), (1440, 224), (10, 30), (7, 7)])
def test_scaling_is_bilinear_with_half_pixel_centres(source: int, target: int) -> None:
    rng = np.random.default_rng(source)
    pixels = rng.integers(0, 256, (source, source)).astype(np.uint8)
    axis = plan_axis(source, target)
    scaled = interpolate(pixels[np.ix_(axis.needed, axis.needed)], axis, axis)
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    low = np.floor(position).astype(int)
    high, weight = np.minimum(low + 1, source - 1), position - low
    tall = pixels[low] * (1 - weight)[:, None] + pixels[high] * weight[:, None]
    expected = tall[:, low] * (1 - weight) + tall[:, high] * weight
    assert scaled.dtype == np.float32
    assert np.abs(scaled - expected).max() < 1e-3
