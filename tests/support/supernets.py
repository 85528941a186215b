"""Supernets for tests: small ones with random weights, and weightless ones for counting."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]

SPEC: dict[str, object] = {
    "family": "ofa-small",
    "in_channels": 1,
    "stem_width": 8,
    "first_width": 8,
    "widths": [8, 16, 24],
    "strides": [2, 2, 2],
    "depth": 2,
    "feature_width": 32,
    "classes": 4,
    "ks": [3, 5],
    "e": [2, 4],
    "d": [1, 2],
    "r": [24, 32],
}
LABELS = ("ok", "scratch", "crack", "dent")
INPUT = {"width": 32, "height": 32, "channels": 1, "pixel_format": "Mono8", "mean": [127.0], "scale": [64.0]}


class _Maker:
    """Collects random weights under the names of a supernet; with no generator they are zeros that take no room."""

    def __init__(self, random: np.random.Generator | None) -> None:
        self._random = random
        self.weights: Weights = {}

    def put(self, name: str, *shape: int) -> None:
        if self._random is None:
            self.weights[name] = np.broadcast_to(np.float32(0), shape)
            return
        fan_in = max(1, int(np.prod(shape[1:])))
        values = self._random.standard_normal(shape) * np.sqrt(2 / fan_in)
        self.weights[name] = values.astype(np.float32)

    def norm(self, name: str, width: int) -> None:
        for part, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.weights[f"{name}.{part}"] = np.full(width, value, np.float32)

    def unit(self, name: str, *shape: int, elastic: bool = False) -> None:
        twice = 2 if elastic else 1
        self.put(f"{name}{'.conv' * twice}.weight", *shape)
        self.norm(f"{name}{'.bn' * twice}", shape[0])

    def block(self, number: int, width: int, middle: int, out: int, kernels: tuple[int, ...]) -> None:
        name = f"blocks.{number}.conv"
        self.unit(f"{name}.inverted_bottleneck", middle, width, 1, 1, elastic=True)
        self.unit(f"{name}.depth_conv", middle, 1, kernels[-1], kernels[-1], elastic=True)
        for small, big in pairwise(kernels):
            self.put(f"{name}.depth_conv.conv.{big}to{small}_matrix", small**2, small**2)
        self.unit(f"{name}.point_linear", out, middle, 1, 1, elastic=True)

    def gate(self, number: int, middle: int, squeezed: int) -> None:
        for part, out, inner in (("reduce", squeezed, middle), ("expand", middle, squeezed)):
            self.put(f"blocks.{number}.conv.depth_conv.se.fc.{part}.weight", out, inner, 1, 1)
            self.put(f"blocks.{number}.conv.depth_conv.se.fc.{part}.bias", out)


def small_weights(seed: int = 0) -> Weights:
    """Random weights of a little `ofa-small` supernet of layout SPEC."""
    maker = _Maker(np.random.default_rng(seed))
    maker.unit("first_conv", 8, 1, 3, 3)
    maker.unit("blocks.0.conv.depth_conv", 8, 1, 3, 3)
    maker.unit("blocks.0.conv.point_linear", 8, 8, 1, 1)
    number, width = 1, 8
    for out in (8, 16, 24):
        for _ in range(2):
            maker.block(number, width, width * 4, out, (3, 5))
            number, width = number + 1, out
    maker.unit("feature_mix_layer", 32, 24, 1, 1)
    maker.put("classifier.linear.weight", 4, 32)
    maker.put("classifier.linear.bias", 4)
    return maker.weights


def metadata(**changes: str) -> dict[str, str]:
    """safetensors metadata of `small_weights`, with entries replaced."""
    texts = {"spec": json.dumps(SPEC), "input": json.dumps(INPUT), "labels": json.dumps(LABELS)}
    return {"format": "ofa-agent.supernet/1", "family": "ofa-small", "bn_eps": "1e-05"} | texts | changes


def write_supernet(path: Path, weights: Weights | None = None, **changes: str) -> Path:
    """Write a safetensors supernet; returns `path`."""
    from safetensors.numpy import save_file

    save_file(small_weights() if weights is None else weights, path, metadata(**changes))
    return path


def weightless_mobilenet_v3() -> Weights:
    """OFA MobileNetV3 of width 1.0 with 1000 classes: right shapes, zero weights (facts/ofa.md 1.2)."""
    maker = _Maker(None)
    maker.unit("first_conv", 16, 3, 3, 3)
    maker.unit("blocks.0.conv.depth_conv", 16, 1, 3, 3)
    maker.unit("blocks.0.conv.point_linear", 16, 16, 1, 1)
    number, width = 1, 16
    for out, gated in ((24, False), (40, True), (80, False), (112, True), (160, True)):
        for _ in range(4):
            maker.block(number, width, width * 6, out, (3, 5, 7))
            if gated:
                maker.gate(number, width * 6, max(8, (width * 6 // 4 + 4) // 8 * 8))
            number, width = number + 1, out
    maker.unit("final_expand_layer", 960, 160, 1, 1)
    maker.put("feature_mix_layer.conv.weight", 1280, 960, 1, 1)
    maker.put("classifier.linear.weight", 1000, 1280)
    maker.put("classifier.linear.bias", 1000)
    return maker.weights
