"""The layouts of the published once-for-all supernets: names and shapes written down from facts/ofa.md 1.2 and 1.3.

They are apart from the code that reads them; `reference_cases.json` was made by loading such weights into the original
package, which takes every name and shape.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shapes = dict[str, tuple[int, ...]]
Weights = dict[str, NDArray[np.float32]]

# first convolution, block 0, stages, tail
MOBILE_WIDTHS = {
    "w0.25": (8, 8, 8, 16, 24, 32, 40, 240, 320),
    "w1.0": (16, 16, 24, 40, 80, 112, 160, 960, 1280),
    "w1.2": (24, 24, 32, 48, 96, 136, 192, 1152, 1536),
}
PROXYLESS_WIDTHS = {
    "w0.25": (8, 8, 8, 16, 24, 24, 48, 80, 320),
    "w1.3": (40, 24, 32, 56, 104, 128, 248, 416, 1664),
}
RESNET_WIDTHS = {"w1.0": (256, 512, 1024, 2048), "": (112, 160, 224, 320)}
_GATED = (False, True, False, True, True)
_RESNET_DEPTHS = (4, 4, 6, 4)


def divisible(value: float) -> int:
    """Facts 1.1: `md(v, 8)`."""
    n = max(8, int(value + 4) // 8 * 8)
    return n + 8 if n < 0.9 * value else n


def mobilenet_v3(width: str, classes: int = 1000) -> Shapes:
    """OFA-MobileNetV3."""
    stem, first, *stages, expand, mix = MOBILE_WIDTHS[width]
    shapes = _mobile_start(stem, first)
    number, last = 1, first
    for out, gated in zip(stages, _GATED, strict=True):
        for _ in range(4):
            shapes |= _mobile_block(number, last, out, gated)
            number, last = number + 1, out
    shapes |= _unit("final_expand_layer", "", expand, last, 1)
    shapes["feature_mix_layer.conv.weight"] = (mix, expand, 1, 1)
    return shapes | {"classifier.linear.weight": (classes, mix), "classifier.linear.bias": (classes,)}


def proxyless(width: str, classes: int = 1000) -> Shapes:
    """OFA-ProxylessNAS."""
    stem, first, *stages, mix = PROXYLESS_WIDTHS[width]
    shapes = _mobile_start(stem, first)
    number, last = 1, first
    for out, count in zip(stages, (4, 4, 4, 4, 4, 1), strict=True):
        for _ in range(count):
            shapes |= _mobile_block(number, last, out, gated=False)
            number, last = number + 1, out
    shapes |= _unit("feature_mix_layer", "", mix, last, 1)
    return shapes | {"classifier.linear.weight": (classes, mix), "classifier.linear.bias": (classes,)}


def resnet50d(width: str, classes: int = 1000) -> Shapes:
    """OFA-ResNet50D."""
    shapes = _unit("input_stem.0", ".conv", 32, 3, 3) | _unit("input_stem.1.conv", ".conv", 32, 32, 3)
    shapes |= _unit("input_stem.2", ".conv", 64, 32, 3)
    number, last = 0, 64
    for out, count in zip(RESNET_WIDTHS[width], _RESNET_DEPTHS, strict=True):
        for place in range(count):
            name, middle = f"blocks.{number}", divisible(round(out * 0.35))
            shapes |= _unit(f"{name}.conv1", ".conv", middle, last, 1) | _unit(
                f"{name}.conv2", ".conv", middle, middle, 3
            )
            shapes |= _unit(f"{name}.conv3", ".conv", out, middle, 1)
            if place == 0:
                shapes |= _unit(f"{name}.downsample", ".conv", out, last, 1)
            number, last = number + 1, out
    return shapes | {"classifier.linear.linear.weight": (classes, last), "classifier.linear.linear.bias": (classes,)}


LAYOUTS: dict[str, tuple[Callable[[str, int], Shapes], str]] = {
    "ofa-mobilenet-v3": (mobilenet_v3, "w0.25"),
    "ofa-proxyless": (proxyless, "w0.25"),
    "ofa-resnet50d": (resnet50d, ""),
}


def state_entries(shapes: Shapes) -> Iterator[str]:
    """The keys of the checkpoint: each norm also counts its batches."""
    for key in shapes:
        yield key
        if key.endswith("running_var"):
            yield key.replace("running_var", "num_batches_tracked")


def weightless(shapes: Shapes) -> Weights:
    """Zeros that take no room."""
    return {key: np.broadcast_to(np.float32(0), shape) for key, shape in shapes.items()}


def on_a_grid(shapes: Shapes) -> Weights:
    """Weights on a grid of powers of two, so that the kernel transforms are exact in float32, seeded by their names.

    The transforms are far from the identity: leaving one out changes every number.
    """
    return {key: _grid(key, shape) for key, shape in shapes.items()}


def random_weights(shapes: Shapes, seed: int) -> Weights:
    """Weights as a fresh network has them: He-normal, transforms near the identity, norms near 1."""
    random = np.random.Generator(np.random.PCG64(seed))
    made: Weights = {}
    for key, shape in shapes.items():
        if len(shape) == 1:
            made[key] = (
                (random.random(shape, np.float32) + np.float32(0.5)) if _positive(key) else np.zeros(shape, np.float32)
            )
            continue
        noise = random.standard_normal(shape, np.float32)
        if key.endswith("_matrix"):
            made[key] = np.eye(shape[0], dtype=np.float32) + np.float32(0.05) * noise
        else:
            made[key] = noise * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    return made


def grid_images(name: str, count: int, side_px: int) -> NDArray[np.float32]:
    """Images (count, 3, side_px, side_px) in steps of 1/16, seeded by `name`."""
    return (_integers(name, (count, 3, side_px, side_px), 32) / 16).astype(np.float32)


def _grid(key: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if key.endswith("_matrix"):
        return (np.eye(shape[0]) * 12 / 16 + _integers(key, shape, 2) / 16).astype(np.float32)
    if len(shape) == 1 and _positive(key):
        return (1 + _integers(key, shape, 32) / 64).astype(np.float32)
    return (_integers(key, shape, 16) / 64).astype(np.float32)


def _positive(key: str) -> bool:
    return key.endswith((".bn.weight", "running_var"))


def _integers(name: str, shape: tuple[int, ...], most: int) -> NDArray[Any]:
    random = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return random.integers(-most, most + 1, shape)


def _unit(name: str, doubled: str, out: int, inner: int, kernel: int) -> Shapes:
    """A convolution and its norm; `doubled` is ".conv" for an elastic layer."""
    norm = f"{name}{'.bn' if doubled else ''}.bn"
    shapes: Shapes = {f"{name}{doubled}.conv.weight": (out, inner, kernel, kernel)}
    return shapes | {f"{norm}.{part}": (out,) for part in ("weight", "bias", "running_mean", "running_var")}


def _mobile_start(stem: int, first: int) -> Shapes:
    shapes = _unit("first_conv", "", stem, 3, 3) | _unit("blocks.0.conv.depth_conv", "", stem, 1, 3)
    return shapes | _unit("blocks.0.conv.point_linear", "", first, stem, 1)


def _mobile_block(number: int, last: int, out: int, gated: bool) -> Shapes:
    name, middle = f"blocks.{number}.conv", divisible(last * 6)
    shapes = _unit(f"{name}.inverted_bottleneck", ".conv", middle, last, 1)
    shapes |= _unit(f"{name}.depth_conv", ".conv", middle, 1, 7)
    shapes[f"{name}.depth_conv.conv.7to5_matrix"] = (25, 25)
    shapes[f"{name}.depth_conv.conv.5to3_matrix"] = (9, 9)
    if gated:
        squeezed, gate = divisible(middle // 4), f"{name}.depth_conv.se.fc"
        shapes |= {f"{gate}.reduce.weight": (squeezed, middle, 1, 1), f"{gate}.reduce.bias": (squeezed,)}
        shapes |= {f"{gate}.expand.weight": (middle, squeezed, 1, 1), f"{gate}.expand.bias": (middle,)}
    return shapes | _unit(f"{name}.point_linear", ".conv", out, middle, 1)
