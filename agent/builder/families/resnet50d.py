"""`ofa-resnet50d`: once-for-all ResNet50D with elastic widths (facts/ofa.md 1.2)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.builder.arch import Arch, Space, Stage
from agent.builder.cutter import Cutter, make_divisible, width_multiplier
from agent.builder.errors import MissingWeights
from agent.builder.families.base import Source
from agent.builder.plan import Bottleneck, ConvUnit, GlobalPool, Layer, Linear, MaxPool, Net, ResidualConv, Weights

_BASE_DEPTHS = (2, 2, 4, 2)
_FULL_WIDTHS = (64, 256, 512, 1024, 2048)
_WIDTHS = (0.65, 0.8, 1.0)
_D = (0, 1, 2)
_E = (0.2, 0.25, 0.35)
_R = tuple(range(128, 225, 4))


class ResNet50D:
    """`d` = stem then stages, `w` = width indices of stem middle, stem out and the four stages."""

    name = "ofa-resnet50d"
    bn_eps = 1e-5

    def recognises(self, weights: Weights) -> bool:
        """Only this family has an input stem."""
        return "input_stem.0.conv.conv.weight" in weights

    def variant(self, source: Source) -> str:
        """Published: w1.0; its sub-nets have .65, .8 and 1.0 of that."""
        lasts = [sum(_BASE_DEPTHS[: stage + 1]) + max(_D) * (stage + 1) - 1 for stage in range(len(_BASE_DEPTHS))]
        names = ["input_stem.2.conv.conv.weight", *(f"blocks.{last}.conv3.conv.conv.weight" for last in lasts)]
        return width_multiplier(_FULL_WIDTHS, [source.weights[name].shape[0] for name in names])

    def space(self, source: Source) -> Space:
        """The published choices."""
        stages = tuple(Stage(base + max(_D), base) for base in _BASE_DEPTHS)
        blocks = sum(stage.count for stage in stages)
        if f"blocks.{blocks - 1}.conv1.conv.conv.weight" not in source.weights:
            raise MissingWeights(f"supernet: fewer than the {blocks} blocks of a ResNet50D supernet")
        return Space((), _E, _D, _R, stages, (0, 1, 2), 2 + len(stages), (0, max(_D)))

    def cut(self, source: Source, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture."""
        cutter = Cutter(source.weights)
        layers, width = _cut_stem(cutter, arch)
        block = target = 0
        for stage, base in enumerate(_BASE_DEPTHS):
            for place in range(base + arch.d[stage + 1]):
                shape = _shape(cutter, arch, stage, block + place, place == 0)
                layers.append(_cut_block(cutter, block + place, target, width, shape))
                width, target = shape.out, target + 1
            block += base + max(_D)
        cutter.copy("classifier.linear.weight", "classifier.linear.linear.weight", None, width)
        cutter.copy("classifier.linear.bias", "classifier.linear.linear.bias")
        layers += [GlobalPool(), Linear("classifier.linear")]
        channels = cutter.width("input_stem.0.conv.conv.weight", 1)
        classes = cutter.width("classifier.linear.linear.bias")
        return Net(tuple(layers), cutter.weights, channels, arch.r, classes, source.bn_eps)


FAMILY = ResNet50D()


@dataclass(frozen=True, slots=True)
class _Shape:
    """Middle and output width, stride, and whether the block is its stage's first."""

    middle: int
    out: int
    stride: int
    first: bool


def _cut_stem(cutter: Cutter, arch: Arch) -> tuple[list[Layer], int]:
    full = cutter.width("input_stem.2.conv.conv.weight")
    stem = make_divisible(full * _WIDTHS[arch.w[1]])
    middle = make_divisible(make_divisible(full * _WIDTHS[arch.w[0]]) // 2)
    cutter.unit("input_stem.0", "input_stem.0", (middle, None), elastic=True)
    layers: list[Layer] = [ConvUnit("input_stem.0", 3, 2, "relu")]
    last = "input_stem.1"
    if arch.d[0] == max(_D):
        cutter.unit("input_stem.1.conv", "input_stem.1.conv", (middle, middle), elastic=True)
        layers.append(ResidualConv(ConvUnit("input_stem.1.conv", 3, 1, "relu")))
        last = "input_stem.2"
    cutter.unit(last, "input_stem.2", (stem, middle), elastic=True)
    return [*layers, ConvUnit(last, 3, 1, "relu"), MaxPool()], stem


def _shape(cutter: Cutter, arch: Arch, stage: int, block: int, first: bool) -> _Shape:
    full = cutter.width(f"blocks.{block}.conv3.conv.conv.weight")
    out = make_divisible(full * _WIDTHS[arch.w[stage + 2]])
    middle = make_divisible(round(out * arch.e[block]))
    return _Shape(middle, out, 2 if first and stage > 0 else 1, first)


def _cut_block(cutter: Cutter, source: int, target: int, width: int, shape: _Shape) -> Bottleneck:
    old, new = f"blocks.{source}", f"blocks.{target}"
    cutter.unit(f"{new}.conv1", f"{old}.conv1", (shape.middle, width), elastic=True)
    cutter.unit(f"{new}.conv2", f"{old}.conv2", (shape.middle, shape.middle), elastic=True)
    cutter.unit(f"{new}.conv3", f"{old}.conv3", (shape.out, shape.middle), elastic=True)
    body = (
        ConvUnit(f"{new}.conv1", act="relu"),
        ConvUnit(f"{new}.conv2", 3, shape.stride, "relu"),
        ConvUnit(f"{new}.conv3"),
    )
    if not shape.first:
        return Bottleneck(body, None, shape.stride)
    cutter.unit(f"{new}.downsample", f"{old}.downsample", (shape.out, width), elastic=True)
    return Bottleneck(body, ConvUnit(f"{new}.downsample"), shape.stride)
