"""The rendered parts: pure functions of (seed, index), one image for one class."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.sim import parts

SEED = 11


def test_a_part_is_the_same_every_time_it_is_rendered() -> None:
    np.testing.assert_array_equal(parts.render_part(SEED, 5), parts.render_part(SEED, 5))


def test_parts_do_not_depend_on_the_order_of_rendering() -> None:
    backwards = {index: parts.render_part(SEED, index) for index in reversed(range(12))}
    images, _ = parts.render_set(SEED, 12)
    for index in range(12):
        np.testing.assert_array_equal(images[index], backwards[index])


def test_a_set_may_start_anywhere_in_the_scene() -> None:
    images, labels = parts.render_set(SEED, 10)
    later_images, later_labels = parts.render_set(SEED, 4, start=6)
    np.testing.assert_array_equal(later_images, images[6:])
    np.testing.assert_array_equal(later_labels, labels[6:])


def test_seed_and_index_both_change_the_image() -> None:
    reference = parts.render_part(SEED, 0)
    assert not np.array_equal(reference, parts.render_part(SEED, 1))
    assert not np.array_equal(reference, parts.render_part(SEED + 1, 0))


def test_images_are_64_by_64_mono8_with_visible_structure() -> None:
    images, labels = parts.render_set(SEED, 64)
    assert images.shape == (64, 64, 64)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert (images.std(axis=(1, 2)) > 10).all()
    assert (images.max(axis=(1, 2)) > 90).all()


def test_labels_agree_with_the_class_asked_for_alone() -> None:
    _, labels = parts.render_set(SEED, 40, start=7)
    assert labels.tolist() == [parts.part_class(SEED, 7 + i) for i in range(40)]


def test_classes_are_about_equally_frequent() -> None:
    counts = np.bincount([parts.part_class(SEED, i) for i in range(4000)], minlength=len(parts.CLASSES))
    # 500 expected, standard deviation 21.
    assert counts.min() > 400
    assert counts.max() < 600


@pytest.mark.parametrize("name", ["scratch", "crack", "dent", "stain"])
def test_surface_defects_are_visible_on_at_least_a_dozen_pixels(name: str) -> None:
    for index in range(30):
        rng = np.random.default_rng(index)
        part = parts._draw_part(rng, missing_hole=False)
        change = parts._SURFACE_DEFECTS[name](rng, part)
        # A tenth of full scale is three times the strongest sensor noise.
        assert (np.abs(change) > 0.1).sum() >= 12


@pytest.mark.parametrize("name", ["chip", "burr"])
def test_rim_defects_change_the_silhouette_by_at_least_six_pixels(name: str) -> None:
    for index in range(30):
        rng = np.random.default_rng(index)
        part = parts._draw_part(rng, missing_hole=False)
        sound = parts._outline(part)
        defective = parts._OUTLINE_DEFECTS[name](rng, part, sound)
        assert ((sound < 0) != (defective < 0)).sum() >= 6


def test_a_missing_hole_leaves_one_gap_in_an_even_circle() -> None:
    for index in range(30):
        whole = parts._draw_part(np.random.default_rng(index), missing_hole=False).holes
        gapped = parts._draw_part(np.random.default_rng(index), missing_hole=True).holes
        assert len(gapped) == len(whole) - 1
        assert set(gapped) < set(whole)


def test_a_sound_part_looks_different_from_the_same_part_with_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    index = next(i for i in range(200) if parts.CLASSES[parts.part_class(SEED, i)] == "missing_hole")
    defective = parts.render_part(SEED, index).astype(int)
    monkeypatch.setattr(parts, "CLASSES", ("ok",) * len(parts.CLASSES))
    sound = parts.render_part(SEED, index).astype(int)
    changed = defective != sound
    # Nothing but the hole differs, not even the noise.
    assert 9 <= changed.sum() <= 150


def test_the_command_writes_what_render_set_returns(tmp_path: Path) -> None:
    out = tmp_path / "set.npz"
    arguments = ["--seed", str(SEED), "--count", "6", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "agent.sim.parts", *arguments], check=True, timeout=60)
    images, labels = parts.render_set(SEED, 6)
    with np.load(out) as written:
        np.testing.assert_array_equal(written["images"], images)
        np.testing.assert_array_equal(written["labels"], labels)
        assert tuple(written["classes"]) == parts.CLASSES
