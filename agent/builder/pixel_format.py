"""A supernet for another pixel format than it was trained with: its first convolution takes other channels.

The published supernets take RGB. The camera's networks take one grey channel or BGR (facts/firefly-dl.md 3, S13 and
S22; interfaces.md section 5).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from agent.builder.supernet import Normalisation, PixelFormat, Supernet
from agent.errors import BuildError

_COLOURS = 3
_CONV = ".conv.weight"


def for_pixels(supernet: Supernet, wanted: PixelFormat) -> Supernet:
    """The supernet whose sub-nets take pixels of format `wanted`. Raises BuildError for colour from grey.

    RGB and BGR are exact. Grey is what the network answers to a picture of three equal channels; at the outermost
    pixels it is off by the difference of the channels' means, since these are padded after the normalisation. A
    re-estimation of the batch norms on grey images takes up most of that.
    """
    given = supernet.normalisation
    if given.pixel_format == wanted:
        return supernet
    if given.pixel_format == "Mono8":
        raise BuildError(f"{supernet.path}: takes {given.pixel_format}, its sub-nets cannot take {wanted}")
    stem = _stem(supernet)
    weights = dict(supernet.source.weights)
    if wanted == "Mono8":
        normalisation = Normalisation("Mono8", (_middle(given.mean),), (_middle(given.scale),))
        weights[stem], offset = _grey(weights[stem], given, normalisation)
        mean = f"{_norm(stem)}.running_mean"
        weights[mean] = (weights[mean] - offset).astype(np.float32)
    else:
        normalisation = Normalisation(wanted, given.mean[::-1], given.scale[::-1])
        weights[stem] = np.ascontiguousarray(weights[stem][:, ::-1])
    return replace(supernet, source=replace(supernet.source, weights=weights), normalisation=normalisation)


def _stem(supernet: Supernet) -> str:
    """The one convolution that takes three channels. Raises BuildError."""
    found = [key for key, value in supernet.source.weights.items() if value.ndim == 4 and value.shape[1] == _COLOURS]
    if len(found) != 1 or not found[0].endswith(_CONV):
        raise BuildError(f"{supernet.path}: {len(found)} convolutions take three channels, expected the first alone")
    return found[0]


def _norm(stem: str) -> str:
    """The batch norm behind a convolution; an elastic layer's names are doubled (facts/ofa.md 1.3)."""
    name = stem.removesuffix(_CONV)
    return f"{name.removesuffix('.conv')}.bn.bn" if name.endswith(".conv") else f"{name}.bn"


def _grey(
    weight: NDArray[np.float32], given: Normalisation, wanted: Normalisation
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Weight (out, 1, k, k) for the grey value, and what each output has more with the three channels.

    With x = (g - m) / s, channel c is (g - mean_c) / scale_c = x * s / scale_c + (m - mean_c) / scale_c.
    """
    scale = np.asarray(given.scale, np.float64)
    share = (wanted.scale[0] / scale)[:, None, None]
    shift = ((wanted.mean[0] - np.asarray(given.mean, np.float64)) / scale)[:, None, None]
    values = weight.astype(np.float64)
    return (values * share).sum(1, keepdims=True).astype(np.float32), (values * shift).sum((1, 2, 3))


def _middle(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)
