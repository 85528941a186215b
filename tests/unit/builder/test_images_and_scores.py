"""Image sets, the camera's scaler, accuracy intervals and golden images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from agent.builder.evaluate import accuracy, wilson
from agent.builder.golden import choose_goldens
from agent.builder.images import ImageSet, load_images
from agent.builder.resize import resize, to_input
from agent.builder.supernet import Normalisation
from agent.errors import BuildError
from agent.library.png import decode_golden
from tests.support.images import pattern_set, write_set
from tests.support.supernets import LABELS


def _pixel(image: NDArray[np.uint8], side: int, row: int, column: int) -> float:
    """One output pixel of the scaler, computed from its definition."""
    at = [
        min(max((place + 0.5) * size / side - 0.5, 0), size - 1)
        for place, size in ((row, image.shape[0]), (column, image.shape[1]))
    ]
    (y, fy), (x, fx) = ((int(value), value - int(value)) for value in at)
    y1, x1 = min(y + 1, image.shape[0] - 1), min(x + 1, image.shape[1] - 1)
    top = image[y, x] * (1 - fx) + image[y, x1] * fx
    return float(top * (1 - fy) + (image[y1, x] * (1 - fx) + image[y1, x1] * fx) * fy)


@pytest.mark.parametrize("side", [5, 13, 20, 31])
def test_the_scaler_is_bilinear_with_half_pixel_centres(side: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 14)).astype(np.uint8)
    scaled = resize(image[None], side)
    assert scaled.shape == (1, 1, side, side)
    assert scaled.dtype == np.float32
    wanted = [[_pixel(image, side, row, column) for column in range(side)] for row in range(side)]
    np.testing.assert_allclose(scaled[0, 0], wanted, atol=1e-3)


def test_an_image_of_the_right_size_is_unchanged() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    np.testing.assert_array_equal(resize(image, 4)[0], image)


def test_colour_images_become_planes() -> None:
    image = np.zeros((2, 8, 6, 3), np.uint8)
    image[..., 2] = 200
    scaled = resize(image, 4)
    assert scaled.shape == (2, 3, 4, 4)
    assert scaled[:, 2].min() == 200


def test_input_is_mean_and_scale_per_channel() -> None:
    x = to_input(np.full((1, 4, 4), 100, np.uint8), 4, Normalisation("Mono8", (40.0,), (30.0,)))
    np.testing.assert_allclose(x, 2.0)
    with pytest.raises(BuildError, match="1 channels, the supernet takes 3"):
        to_input(np.zeros((1, 4, 4), np.uint8), 4, Normalisation("RGB8", (0.0,) * 3, (1.0,) * 3))


def test_an_npz_is_read(tmp_path: Path) -> None:
    loaded = load_images(write_set(tmp_path / "set.npz", 12, seed=0))
    images, labels = pattern_set(12, seed=0)
    np.testing.assert_array_equal(loaded.images, images)
    np.testing.assert_array_equal(loaded.labels, labels)
    assert (loaded.classes, loaded.name, len(loaded)) == (LABELS, "set.npz", 12)
    assert loaded.sha256 != loaded.head(11).sha256


def test_a_folder_for_each_class_is_read(tmp_path: Path) -> None:
    images, _ = pattern_set(4, seed=0)
    for number, name in enumerate(("ok", "crack", "ok", "crack")):
        (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number]).save(tmp_path / "set" / name / f"{number}.png")
    (tmp_path / "set" / "notes.txt").write_text("x")
    loaded = load_images(tmp_path / "set")
    assert loaded.classes == ("crack", "ok")
    np.testing.assert_array_equal(loaded.images, images[[1, 3, 0, 2]])
    np.testing.assert_array_equal(loaded.with_classes(LABELS).labels, [2, 2, 0, 0])
    Image.fromarray(images[0][:9]).save(tmp_path / "set" / "ok" / "z.png")
    with pytest.raises(BuildError, match=r"z\.png: \(9, 32\) pixels, others are \(32, 32\)"):
        load_images(tmp_path / "set")
    (tmp_path / "set" / "ok" / "z.png").write_bytes(b"rubbish")
    with pytest.raises(BuildError, match="not a readable image"):
        load_images(tmp_path / "set")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": np.zeros((3, 4, 4), np.float32)}, "need uint8"),
        ({"images": np.zeros((3, 4), np.uint8)}, "need (n, h, w)"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "need (n, h, w)"),
        ({"labels": np.zeros(2, np.int64)}, "3 images and 2 labels"),
        ({"labels": np.array([0, 1, 4])}, "classes end at 3"),
        ({"labels": np.array([0, 1, -1])}, "labels -1 .. 1"),
        ({"labels": np.zeros(3)}, "need uint8 and whole numbers"),
        ({"classes": np.array([{}], object)}, "not an npz"),
    ],
)
def test_image_sets_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    arrays: dict[str, object] = {
        "images": np.zeros((3, 4, 4), np.uint8),
        "labels": np.zeros(3, np.int64),
        "classes": np.array(LABELS),
    }
    np.savez(tmp_path / "set.npz", **(arrays | change))  # type: ignore[arg-type]
    with pytest.raises(BuildError) as caught:
        load_images(tmp_path / "set.npz")
    assert words in str(caught.value)


def test_missing_and_empty_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no such file or folder"):
        load_images(tmp_path / "none")
    with pytest.raises(BuildError, match="no images"):
        load_images(tmp_path)
    loaded = ImageSet("set", np.zeros((1, 4, 4), np.uint8), np.zeros(1, np.int64), ("unknown",))
    with pytest.raises(BuildError, match="class 'unknown' is not one of"):
        loaded.with_classes(LABELS)


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, table I: 81 of 263 gives .2553 to .3662
    score = wilson(81, 263)
    assert score.ci95_low == pytest.approx(0.2553, abs=1e-4)
    assert score.ci95_high == pytest.approx(0.3662, abs=1e-4)
    none, all_right = wilson(0, 20), wilson(20, 20)
    assert (none.ci95_low, none.ci95_high > 0.1) == (0.0, True)
    assert (all_right.ci95_high, all_right.ci95_low < 0.9) == (1.0, True)


def test_accuracy_counts_the_largest_output() -> None:
    answers = np.array([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4]], np.float32)
    assert accuracy(answers, np.array([1, 0, 1])).top1 == pytest.approx(2 / 3)


def test_golden_images_are_clear_correct_and_of_different_classes() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    rows = [[0.9, 0.1, 0], [0.35, 0.65, 0], [0.2, 0.8, 0], [0.4, 0.5, 0.1], [0.05, 0.9, 0.05]]
    labels = np.array([1, 1, 1, 2, 1])
    chosen = choose_goldens("net", images, np.array(rows, np.float32), labels)
    # class 1: image 2 is the first with a comfortable margin; class 0: only image 0, though wrong
    assert [(golden.class_id, golden.confidence) for golden in chosen] == [(1, 0.8), (0, 0.9)]
    np.testing.assert_array_equal(decode_golden(chosen[0].png, 1, "g"), images[2])


def test_golden_images_are_shared_with_other_rungs_where_they_are_as_clear() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    rows = [[0.9, 0.1], [0.1, 0.9], [0.35, 0.65], [0.9, 0.1], [0.1, 0.9]]
    labels = np.array([0, 1, 1, 0, 1])
    answers = np.array(rows, np.float32)
    assert [golden.index for golden in choose_goldens("net", images, answers, labels)] == [0, 1]
    assert [golden.index for golden in choose_goldens("net", images, answers, labels, shared=[3, 4])] == [3, 4]
    # image 2 is less clear: sharing is not worth a weaker proof
    assert [golden.index for golden in choose_goldens("net", images, answers, labels, shared=[2, 3])] == [3, 1]


def test_unsure_networks_get_no_golden_images() -> None:
    images = np.zeros((4, 4, 4), np.uint8)
    unsure = np.full((4, 3), 1 / 3, np.float32)
    with pytest.raises(BuildError, match="sub-net net: golden images of 0 classes"):
        choose_goldens("net", images, unsure, np.zeros(4, np.int64))
