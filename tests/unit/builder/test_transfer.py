"""A last layer is fitted on the training images alone, and shipped only where it is the better one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.builder.batchnorm import estimate_statistics
from agent.builder.graph import build_model
from agent.builder.plan import Net
from agent.builder.runtime import Runner, compile_model
from agent.builder.supernet import Supernet, load_supernet
from agent.builder.transfer import (
    FeatureRunner,
    confusion,
    fit_head,
    head_of,
    mean_recall,
    quick_head,
    with_head,
)
from agent.errors import BuildError
from tests.support.images import pattern_set
from tests.support.supernets import write_supernet

Features = NDArray[np.float32]
Labels = NDArray[np.int64]


def _clouds(count: int, classes: int, seed: int, spread: float = 1.0) -> tuple[Features, Labels]:
    """Features of very different scales, one of them constant, around a centre for each class."""
    centres = 2 * np.random.default_rng(99).normal(size=(classes, 6))
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % classes)
    x = (centres[labels] + random.normal(0, spread, (count, 6))) * [1e-3, 1, 1e3, 1, 1, 1] + [0, 500, 0, 0, 0, 0]
    return np.hstack([x, np.ones((count, 1))]).astype(np.float32), labels.astype(np.int64)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_a_fitted_layer_tells_classes_apart_and_knows_how_well(classes: int) -> None:
    fitted = fit_head(*_clouds(600, classes, seed=0), classes)
    unseen, labels = _clouds(2000, classes, seed=1)
    share = float((fitted.head.answers(unseen) == labels).mean())
    assert share > 0.85
    assert fitted.cross_validated == pytest.approx(share, abs=0.04)
    assert fitted.head.weight.shape == (classes, 7)
    assert not fitted.weighted


def test_equal_features_give_the_same_layer() -> None:
    one, other = (fit_head(*_clouds(300, 3, seed=0), 3, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.head.weight, other.head.weight)
    assert (one.strength, one.cross_validated) == (other.strength, other.cross_validated)


def test_useless_features_are_regularised_and_not_believed() -> None:
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(200, 150)).astype(np.float32), random.integers(0, 4, 200)
    fitted = fit_head(x, labels, 4)
    assert (fitted.head.answers(x) == labels).mean() > 0.5  # learnt by heart
    assert fitted.cross_validated == pytest.approx(0.25, abs=0.1)


def test_a_rare_class_is_not_given_up() -> None:
    x, labels = _clouds(3000, 2, seed=0, spread=4.0)
    rare = np.flatnonzero(labels == 1)[40:]
    x, labels = np.delete(x, rare, 0), np.delete(labels, rare)
    unseen, wanted = _clouds(3000, 2, seed=1, spread=4.0)
    fitted = fit_head(x, labels, 2)
    assert fitted.weighted
    answers = fitted.head.answers(unseen)
    assert (answers[wanted == 1] == 1).mean() > 0.7
    assert mean_recall(answers, wanted) == pytest.approx(fitted.cross_validated, abs=0.1)


def test_a_class_with_too_few_images_is_refused() -> None:
    x, labels = _clouds(60, 3, seed=0)
    with pytest.raises(BuildError, match="2 training images of class 3, need 3"):
        fit_head(np.vstack([x, x[:2]]), np.concatenate([labels, [3, 3]]), 4)


def test_a_quick_layer_never_answers_a_class_that_it_has_not_seen() -> None:
    x, labels = _clouds(90, 3, seed=0)
    head = quick_head(x, labels, 5)
    assert head.weight.shape[0] == 5
    assert set(head.answers(_clouds(500, 3, seed=1)[0])) <= {0, 1, 2}


def test_confusion_counts_true_class_by_answer() -> None:
    table = confusion(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), 3)
    np.testing.assert_array_equal(table, [[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    assert mean_recall(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2])) == pytest.approx((1 + 1 + 0.5) / 3)


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Supernet:
    return load_supernet(write_supernet(tmp_path_factory.mktemp("net") / "s.safetensors"))


def _calibrated(supernet: Supernet, count: int) -> tuple[Net, Features, Labels]:
    images, labels = pattern_set(count, seed=4)
    x = ((images[:, None].astype(np.float32) - 127) / 64).astype(np.float32)
    net = supernet.cut(supernet.space.largest(32))
    return net.with_statistics(estimate_statistics(net, x, (count,))), x, labels


def test_features_and_layer_are_the_net(supernet: Supernet) -> None:
    """The features times the net's own last layer are its logits, for any count of images."""
    net, x, _ = _calibrated(supernet, 70)
    features, own = FeatureRunner(net)([x[:50], x[50:]]), head_of(net)
    logits = Runner(compile_model(build_model(net, batch=7)))(x)
    np.testing.assert_allclose(features @ own.weight.T + own.bias, logits, atol=1e-4)


def test_a_net_with_another_layer_answers_as_the_layer_does(supernet: Supernet) -> None:
    net, x, labels = _calibrated(supernet, 300)
    features = FeatureRunner(net)([x])
    head = fit_head(features, labels % 2, 2).head
    other = with_head(net, head)
    assert other.classes == 2
    answers = Runner(compile_model(build_model(other, softmax=True)))(x).argmax(1)
    assert Counter((answers == head.answers(features)).tolist())[True] >= 299
    assert net.classes == 4


def test_a_net_that_does_not_end_in_a_layer_is_refused(supernet: Supernet, tmp_path: Path) -> None:
    from dataclasses import replace

    net = supernet.cut(supernet.space.smallest(24))
    with pytest.raises(BuildError, match="ends in GlobalPool"):
        head_of(replace(net, layers=net.layers[:-1]))
