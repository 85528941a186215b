"""Images are cleaned and split by content before anything learns from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agent.builder.dataset import MIN_PER_CLASS, TooFewImages, class_counts, read_dataset, split
from agent.builder.images import ImageSet, read_images
from agent.errors import BuildError
from tests.support.images import pattern_set, write_set
from tests.support.supernets import LABELS


def _folder(path: Path, count: int = 200, prefix: str = "") -> Path:
    images, labels = pattern_set(count, seed=5)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = path / LABELS[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{prefix}{number:04}.png")
    return path


def _contents(images: ImageSet) -> set[bytes]:
    return {image.tobytes() for image in images.images}


def test_a_fifth_of_each_class_is_held_out(tmp_path: Path) -> None:
    found = read_dataset(write_set(tmp_path / "set.npz", 400, seed=1), None, 1, 32)
    whole = class_counts(read_images(tmp_path / "set.npz").images)
    for name, count in whole.items():
        assert found.report.held_out[name] == round(0.2 * count)
        assert found.report.training[name] + found.report.held_out[name] == count
    assert not _contents(found.training) & _contents(found.held_out)


def test_the_split_goes_by_content_and_not_by_names(tmp_path: Path) -> None:
    one = read_dataset(_folder(tmp_path / "a"), None, 1, 32)
    other = read_dataset(_folder(tmp_path / "b", prefix="zz-"), None, 1, 32)
    np.testing.assert_array_equal(one.held_out.images, other.held_out.images)
    np.testing.assert_array_equal(one.training.labels, other.training.labels)
    another = read_dataset(tmp_path / "a", None, 1, 32, seed=1)
    assert _contents(one.held_out) != _contents(another.held_out)


def test_duplicates_are_dropped_before_the_split_and_reported(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set")
    name = sorted((folder / "ok").iterdir())[0]
    (folder / "ok" / "zz-again.png").write_bytes(name.read_bytes())
    found = read_dataset(folder, None, 1, 32)
    assert found.report.duplicates == (str(folder / "ok" / "zz-again.png"),)
    assert len(found.training) + len(found.held_out) == 200
    assert any("1 duplicate image(s) left out" in line for line in found.report.lines())


def test_an_image_that_is_in_two_classes_is_in_neither(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set")
    name = sorted((folder / "ok").iterdir())[0]
    (folder / "dent" / "zz.png").write_bytes(name.read_bytes())
    found = read_dataset(folder, None, 1, 32)
    assert set(found.report.contradictions) == {str(name), str(folder / "dent" / "zz.png")}
    assert len(found.training) + len(found.held_out) == 199


def test_unreadable_images_are_left_out_and_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set")
    (folder / "ok" / "broken.png").write_bytes(b"rubbish")
    Image.fromarray(np.zeros((32, 32), np.uint16)).save(folder / "ok" / "deep.png")
    found = read_dataset(folder, None, 1, 32)
    assert [line.split(": ")[0] for line in found.report.unreadable] == [
        str(folder / "ok" / "broken.png"),
        str(folder / "ok" / "deep.png"),
    ]
    assert "more than 8 bits" in found.report.unreadable[1]


def test_images_of_several_sizes_are_scaled_as_the_camera_does(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set")
    Image.fromarray(np.full((50, 70), 99, np.uint8)).save(folder / "ok" / "large.png")
    found = read_dataset(folder, None, 1, 24)
    assert found.report.scaled_to_px == 24
    assert found.training.images.shape[1:] == (24, 24)
    assert any("scaled to 24 x 24" in line for line in found.report.lines())


def test_too_few_images_of_a_class_are_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "set")
    for extra in sorted((folder / "crack").iterdir())[MIN_PER_CLASS - 1 :]:
        extra.unlink()
    with pytest.raises(TooFewImages, match="class 'crack' has 19 different images, need at least 20"):
        read_dataset(folder, None, 1, 32)


def test_too_few_images_in_all_are_refused_and_few_are_warned_of(tmp_path: Path) -> None:
    with pytest.raises(TooFewImages, match="80 images, need at least 100"):
        read_dataset(write_set(tmp_path / "few.npz", 80, seed=1), write_set(tmp_path / "other.npz", 50, seed=2), 1, 32)
    found = read_dataset(write_set(tmp_path / "some.npz", 300, seed=1), None, 1, 32)
    assert any("images to estimate batch norms from" in line for line in found.report.lines())


def test_a_held_out_set_that_shares_images_is_refused(tmp_path: Path) -> None:
    images = write_set(tmp_path / "set.npz", 200, seed=1)
    with pytest.raises(BuildError, match="200 held-out images are also calibration images"):
        read_dataset(images, images, 1, 32)


def test_equal_images_never_straddle_the_split() -> None:
    images, labels = pattern_set(300, seed=2)
    training, held_out = split(ImageSet("set", images, labels, LABELS), 0.2, seed=7)
    assert len(training) + len(held_out) == 300
    assert not _contents(training) & _contents(held_out)
