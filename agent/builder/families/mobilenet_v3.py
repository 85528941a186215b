"""`ofa-mobilenet-v3`: once-for-all MobileNetV3, any width multiplier."""

from __future__ import annotations

from agent.builder.arch import Arch, Space, Stage
from agent.builder.cutter import width_multiplier
from agent.builder.families.base import Source
from agent.builder.families.mobile import (
    MIN_DEPTH,
    MobileLayout,
    MobileStage,
    cut_mobile,
    kernel_choices,
    mobile_widths,
    space_of,
    stage_length,
)
from agent.builder.plan import Activation, Net, Weights

_STAGES: tuple[tuple[int, Activation, bool], ...] = (
    (2, "relu", False),
    (2, "relu", True),
    (2, "hswish", False),
    (1, "hswish", True),
    (2, "hswish", True),
)
_WIDTHS = (16, 16, 24, 40, 80, 112, 160, 960, 1280)
_E = (3.0, 4.0, 6.0)
_R = tuple(range(128, 225, 4))


class MobileNetV3:
    """Gates and h-swish; the mix layer stands behind the pool and has no batch norm (facts/ofa.md 1.2)."""

    name = "ofa-mobilenet-v3"
    bn_eps = 1e-5

    def recognises(self, weights: Weights) -> bool:
        """Only this family has a final expand layer."""
        return "final_expand_layer.conv.weight" in weights

    def variant(self, source: Source) -> str:
        """Published: w1.0 and w1.2."""
        tail = ("final_expand_layer.conv.weight", "feature_mix_layer.conv.weight")
        return width_multiplier(_WIDTHS, mobile_widths(source.weights, len(_STAGES), tail))

    def space(self, source: Source) -> Space:
        """Five stages of equal length; depth 2 to that length."""
        depth = stage_length(source.weights, len(_STAGES))
        return space_of(_layout(depth), kernel_choices(source.weights), _E, tuple(range(MIN_DEPTH, depth + 1)), _R)

    def cut(self, source: Source, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture."""
        layout = _layout(stage_length(source.weights, len(_STAGES)))
        return cut_mobile(source, layout, self.space(source), arch)


FAMILY = MobileNetV3()


def _layout(depth: int) -> MobileLayout:
    stages = tuple(MobileStage(Stage(depth), stride, act, gate) for stride, act, gate in _STAGES)
    return MobileLayout(stages, "hswish", "relu", True, "expand-pool-mix")
