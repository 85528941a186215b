"""A new fully connected layer for the user's classes, fitted on a frozen sub-net (facts/ofa.md, transfer learning).

The features are what the last layer gets: the pooled answer of the rest of the net. The new layer is a multinomial
logistic regression with L2 regularisation, chosen by cross-validation on the training images alone. It is not always
better than the supernet's own layer (facts/ofa.md 6.4): both are compared on the same training images, the new one by
its cross-validated answers, so that the held-out images are touched by neither choice.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.builder.graph import GraphOps
from agent.builder.plan import Linear, Net, walk
from agent.builder.runtime import Runner, compile_model, load_openvino
from agent.errors import BuildError

# Inverse strengths of the regularisation, as scikit-learn counts them, on standardised features.
STRENGTHS = (0.003, 0.03, 0.3, 3.0)
FOLDS = 3
# More images change a linear layer little and cost time in proportion.
MAX_TRAINING_IMAGES = 10_000
# From this ratio of the largest class to the smallest on, classes are weighted by how rare they are.
IMBALANCE = 1.5
_MAX_STEPS = 300
_BATCH = 32
# Logits below the least of the others.
_NEVER = 30.0


@dataclass(frozen=True, slots=True)
class Head:
    """A last layer: `weight` f32 (classes, features), `bias` f32 (classes,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def answers(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Class of each row of features."""
        return np.asarray((features @ self.weight.T + self.bias).argmax(1), np.int64)


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A fitted layer; `cross_validated` is its mean recall on images that it was not fitted on."""

    head: Head
    strength: float
    cross_validated: float
    weighted: bool


def last_layer(net: Net) -> Linear:
    """The layer that answers. Raises BuildError where a net ends otherwise."""
    layer = net.layers[-1]
    if not isinstance(layer, Linear):
        raise BuildError(f"transfer: the net ends in {type(layer).__name__}, expected a fully connected layer")
    return layer


def head_of(net: Net) -> Head:
    """The last layer as it is."""
    name = last_layer(net).name
    return Head(net.weights[f"{name}.weight"], net.weights[f"{name}.bias"])


def with_head(net: Net, head: Head) -> Net:
    """The net with another last layer."""
    name = last_layer(net).name
    weights = {**net.weights, f"{name}.weight": head.weight, f"{name}.bias": head.bias}
    return replace(net, weights=weights, classes=len(head.bias))


class FeatureRunner:
    """Runs a calibrated net up to its last layer."""

    def __init__(self, net: Net) -> None:
        opset1 = load_openvino().opset1
        shape = [_BATCH, net.channels, net.side_px, net.side_px]
        image = opset1.parameter(shape, np.float32, name="image")
        ops = GraphOps(net, _BATCH)
        pooled = walk(net.layers[:-1], ops, ops.start(image.output(0)))
        width = net.weights[f"{last_layer(net).name}.weight"].shape[1]
        flat = opset1.reshape(pooled, opset1.constant(np.array([_BATCH, width], np.int64)), False)
        model = load_openvino().Model([opset1.result(flat)], [image], "ofa_features")
        self._run = Runner(compile_model(model))

    def __call__(self, slices: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Features f32 (n, width) of normalised images."""
        return np.concatenate([self._run(part) for part in slices])


def fit_head(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    seed: int = 0,
    strengths: Sequence[float] = STRENGTHS,
) -> FittedHead:
    """Fit the last layer; of several strengths the best in cross-validation. Every class must have FOLDS images.

    The same features, labels and seed give the same layer. One thread; blocks for seconds.
    """
    counts = np.bincount(labels, minlength=classes)
    if counts.min() < FOLDS:
        raise BuildError(f"transfer: {counts.min()} training images of class {counts.argmin()}, need {FOLDS}")
    features, labels = features[:MAX_TRAINING_IMAGES], labels[:MAX_TRAINING_IMAGES]
    weighted = bool(counts.max() > IMBALANCE * counts.min())
    folds = _folds(labels, seed)
    with _one_thread():
        scores = [_cross_validated(features, labels, folds, (classes, s, weighted)) for s in strengths]
        best = int(np.argmax(scores))
        head = _fit(features, labels, classes, strengths[best], weighted)
    return FittedHead(head, strengths[best], scores[best], weighted)


def quick_head(features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, strength: float = 0.03) -> Head:
    """A layer of one given strength, not validated: to rank sub-nets, not to ship."""
    counts = np.bincount(labels)
    with _one_thread():
        return _fit(features, labels, classes, strength, bool(counts.max() > IMBALANCE * counts[counts > 0].min()))


def mean_recall(answers: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Share of right answers in each class, averaged over the classes: top-1 where all are equally common."""
    right = answers == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def confusion(answers: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts (true class, answer)."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (labels, answers), 1)
    return table


def _folds(labels: NDArray[np.int64], seed: int) -> NDArray[np.intp]:
    """Fold number of each image, every class spread evenly."""
    random = np.random.Generator(np.random.PCG64(seed))
    folds = np.zeros(len(labels), np.intp)
    for label in np.unique(labels):
        places = random.permutation(np.flatnonzero(labels == label))
        folds[places] = np.arange(len(places)) % FOLDS
    return folds


def _cross_validated(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    folds: NDArray[np.intp],
    how: tuple[int, float, bool],
) -> float:
    answers = np.zeros_like(labels)
    for fold in range(FOLDS):
        inside = folds != fold
        head = _fit(features[inside], labels[inside], *how)
        answers[~inside] = head.answers(features[~inside])
    return mean_recall(answers, labels)


def _fit(
    features: NDArray[np.float32], labels: NDArray[np.int64], classes: int, strength: float, weighted: bool
) -> Head:
    """Features are standardised for the fit, and the standardisation moved into the layer."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    wide = features.astype(np.float64)
    mean, spread = wide.mean(0), wide.std(0)
    spread[spread < 1e-6] = 1.0  # a channel that is dead on these images tells nothing
    model = LogisticRegression(C=strength, class_weight="balanced" if weighted else None, max_iter=_MAX_STEPS, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # early stopping is regularisation too
        model.fit((wide - mean) / spread, labels)
    coefficients, intercept = model.coef_, model.intercept_
    if len(coefficients) == 1:  # two classes: one row; SoftMax over half of it on either side is the same
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.array([-1, 1]) * intercept / 2
    weight = np.zeros((classes, features.shape[1]))
    bias = np.full(classes, intercept.min() - _NEVER)  # of classes without an image here
    weight[model.classes_] = coefficients / spread
    bias[model.classes_] = intercept - weight[model.classes_] @ mean
    return Head(weight.astype(np.float32), bias.astype(np.float32))


def _one_thread() -> AbstractContextManager[object]:
    """Sums in the same order whatever the number of cores."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
