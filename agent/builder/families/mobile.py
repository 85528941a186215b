"""The mechanism of the families made of inverted bottlenecks (facts/ofa.md 1.2 and 1.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.builder.arch import Arch, Space, Stage
from agent.builder.cutter import Cutter, make_divisible
from agent.builder.errors import MissingWeights, WrongShape
from agent.builder.families.base import Source
from agent.builder.plan import Activation, ConvUnit, GlobalPool, InvertedBottleneck, Layer, Linear, Net, Weights

STEM_KERNEL = 3
_MATRIX = re.compile(r"\d{1,2}to(\d{1,2})_matrix")
# The least depth of a stage in the published supernets (facts/ofa.md 1.2).
MIN_DEPTH = 2


@dataclass(frozen=True, slots=True)
class MobileStage:
    """Blocks of one stage; the first has the stride, the rest keep size and width."""

    stage: Stage
    stride: int
    act: Activation
    gate: bool = False


@dataclass(frozen=True, slots=True)
class MobileLayout:
    """A supernet of inverted bottlenecks: fixed first convolution and block 0, stages, fixed tail.

    `tail` is "mix-pool" (1x1 with batch norm, then the pool) or "expand-pool-mix" (MobileNetV3: 1x1 with batch
    norm, pool, 1x1 without).
    """

    stages: tuple[MobileStage, ...]
    stem_act: Activation
    first_act: Activation
    first_shortcut: bool
    tail: str


def elastic_blocks(weights: Weights) -> int:
    """Number of blocks after block 0, from the names. Raises MissingWeights where one is left out."""
    numbers = {key.split(".", 2)[1] for key in weights if key.startswith("blocks.")}
    gap = next(number for number in range(len(numbers) + 1) if str(number) not in numbers)
    if gap < len(numbers) or not numbers:
        raise MissingWeights(f"supernet: no blocks.{gap} weights, of {len(numbers)} blocks.N")
    return gap - 1


def stage_length(weights: Weights, stages: int, fixed: int = 0) -> int:
    """Blocks of each of `stages` equal stages, with `fixed` blocks after them. Raises MissingWeights."""
    length, rest = divmod(elastic_blocks(weights) - fixed, stages)
    if length < MIN_DEPTH or rest:
        raise MissingWeights(
            f"supernet: {elastic_blocks(weights)} blocks after block 0, need {stages} stages of {MIN_DEPTH} or more"
            f" equal ones{' and ' + str(fixed) if fixed else ''}"
        )
    return length


def kernel_choices(weights: Weights) -> tuple[int, ...]:
    """Kernel sizes that block 1 and its transform matrices offer, ascending. Raises MissingWeights."""
    prefix = "blocks.1.conv.depth_conv.conv."
    weight = weights.get(f"{prefix}conv.weight")
    if weight is None:
        raise MissingWeights(f"supernet: {prefix}conv.weight is missing")
    matrices = (key.removeprefix(prefix) for key in weights if key.startswith(prefix))
    smaller = {int(found.group(1)) for name in matrices if (found := _MATRIX.fullmatch(name))}
    return tuple(sorted({int(weight.shape[-1]), *smaller}))


def mobile_widths(weights: Weights, stages: int, tail: tuple[str, ...]) -> list[int]:
    """Output widths of the first convolution, block 0, each of `stages` stages of equal length, and the `tail`.

    The last stage may be shorter: its last block is the last of all.
    """
    last = elastic_blocks(weights)
    length = -(-last // stages)
    numbers = [0, *(min(length * (stage + 1), last) for stage in range(stages))]
    doubled = ("", *(".conv",) * stages)
    blocks = [f"blocks.{n}.conv.point_linear.conv{twice}.weight" for n, twice in zip(numbers, doubled, strict=True)]
    return [int(weights[name].shape[0]) for name in ("first_conv.conv.weight", *blocks, *tail)]


def space_of(
    layout: MobileLayout, ks: tuple[int, ...], e: tuple[float, ...], d: tuple[int, ...], r: tuple[int, ...]
) -> Space:
    """The search space of a layout."""
    return Space(ks, e, d, r, tuple(stage.stage for stage in layout.stages))


def cut_mobile(supernet: Source, layout: MobileLayout, space: Space, arch: Arch) -> Net:
    """Extract one sub-net. Raises SupernetInvalid leaves."""
    cutter = Cutter(supernet.weights)
    cutter.unit("first_conv", "first_conv", elastic=False)
    layers: list[Layer] = [ConvUnit("first_conv", STEM_KERNEL, 2, layout.stem_act)]
    layers.append(_first_block(cutter, layout))
    width = cutter.width("blocks.0.conv.point_linear.conv.weight")
    source, target, kept = 1, 1, space.kept(arch.d)
    for stage in layout.stages:
        for place in range(stage.stage.count):
            if kept[source - 1]:
                stride = stage.stride if place == 0 else 1
                choice = (arch.ks[source - 1], arch.e[source - 1])
                block = _Block(source, target, width, stride, place > 0)
                layers.append(_cut_block(cutter, block, stage, choice))
                width = cutter.weights[f"blocks.{target}.conv.point_linear.conv.weight"].shape[0]
                target += 1
            source += 1
    layers += _tail(cutter, layout)
    channels = cutter.width("first_conv.conv.weight", 1)
    classes = cutter.width("classifier.linear.weight")
    return Net(tuple(layers), cutter.weights, channels, arch.r, classes, supernet.bn_eps)


@dataclass(frozen=True, slots=True)
class _Block:
    """Number in the supernet, number in the sub-net, input width, stride, and whether others of its stage precede."""

    source: int
    target: int
    width: int
    stride: int
    inner: bool


def _first_block(cutter: Cutter, layout: MobileLayout) -> InvertedBottleneck:
    name = "blocks.0.conv"
    cutter.unit(f"{name}.depth_conv", f"{name}.depth_conv", elastic=False)
    cutter.unit(f"{name}.point_linear", f"{name}.point_linear", elastic=False)
    same = cutter.width("first_conv.conv.weight") == cutter.width(f"{name}.point_linear.conv.weight")
    depth = ConvUnit(f"{name}.depth_conv", STEM_KERNEL, 1, layout.first_act, depthwise=True)
    return InvertedBottleneck(None, depth, None, ConvUnit(f"{name}.point_linear"), layout.first_shortcut and same)


def _cut_block(cutter: Cutter, block: _Block, stage: MobileStage, choice: tuple[int, float]) -> InvertedBottleneck:
    kernel, expansion = choice
    source, target = f"blocks.{block.source}.conv", f"blocks.{block.target}.conv"
    middle = make_divisible(round(block.width * expansion))
    cutter.unit(f"{target}.inverted_bottleneck", f"{source}.inverted_bottleneck", (middle, block.width), elastic=True)
    cutter.depthwise(f"{target}.depth_conv", f"{source}.depth_conv", middle, kernel)
    if stage.gate:
        _cut_gate(cutter, f"{target}.depth_conv.se.fc", f"{source}.depth_conv.se.fc", middle)
    cutter.unit(f"{target}.point_linear", f"{source}.point_linear", (None, middle), elastic=True)
    out = cutter.width(f"{source}.point_linear.conv.conv.weight")
    if block.inner and out != block.width:
        raise WrongShape(f"supernet: {source}.point_linear.conv.conv.weight has {out} outputs, its stage {block.width}")
    return InvertedBottleneck(
        ConvUnit(f"{target}.inverted_bottleneck", act=stage.act),
        ConvUnit(f"{target}.depth_conv", kernel, block.stride, stage.act, depthwise=True),
        f"{target}.depth_conv.se.fc" if stage.gate else None,
        ConvUnit(f"{target}.point_linear"),
        block.stride == 1 and out == block.width,
    )


def _cut_gate(cutter: Cutter, target: str, source: str, middle: int) -> None:
    squeezed = make_divisible(middle // 4)
    for part, out, inner in (("reduce", squeezed, middle), ("expand", middle, squeezed)):
        cutter.copy(f"{target}.{part}.weight", f"{source}.{part}.weight", out, inner)
        cutter.copy(f"{target}.{part}.bias", f"{source}.{part}.bias", out)


def _tail(cutter: Cutter, layout: MobileLayout) -> list[Layer]:
    act = layout.stem_act
    for part in ("weight", "bias"):
        cutter.copy(f"classifier.linear.{part}", f"classifier.linear.{part}")
    classifier = Linear("classifier.linear")
    if layout.tail == "mix-pool":
        cutter.unit("feature_mix_layer", "feature_mix_layer", elastic=False)
        return [ConvUnit("feature_mix_layer", act=act), GlobalPool(), classifier]
    cutter.unit("final_expand_layer", "final_expand_layer", elastic=False)
    cutter.unit("feature_mix_layer", "feature_mix_layer", elastic=False, norm=False)
    mix = ConvUnit("feature_mix_layer", act=act, norm=False)
    return [ConvUnit("final_expand_layer", act=act), GlobalPool(), mix, classifier]
