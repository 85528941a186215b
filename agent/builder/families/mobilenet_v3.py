"""`ofa-mobilenet-v3`: once-for-all MobileNetV3, any width multiplier."""

from __future__ import annotations

from agent.builder.arch import Arch, Space, Stage
from agent.builder.families.base import Source
from agent.builder.families.mobile import (
    MobileLayout,
    MobileStage,
    cut_mobile,
    elastic_blocks,
    kernel_choices,
    space_of,
)
from agent.builder.plan import Activation, Net, Weights

_STAGES: tuple[tuple[int, Activation, bool], ...] = (
    (2, "relu", False),
    (2, "relu", True),
    (2, "hswish", False),
    (1, "hswish", True),
    (2, "hswish", True),
)
_E = (3.0, 4.0, 6.0)
_R = tuple(range(128, 225, 4))


class MobileNetV3:
    """Gates and h-swish; the mix layer stands behind the pool and has no batch norm (facts/ofa.md 1.2)."""

    name = "ofa-mobilenet-v3"
    bn_eps = 1e-5

    def recognises(self, weights: Weights) -> bool:
        """Only this family has a final expand layer."""
        return "final_expand_layer.conv.weight" in weights

    def space(self, source: Source) -> Space:
        """Five stages of equal length; depth 2 to that length."""
        depth = elastic_blocks(source.weights) // len(_STAGES)
        return space_of(_layout(depth), kernel_choices(source.weights), _E, tuple(range(2, depth + 1)), _R)

    def cut(self, source: Source, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture."""
        layout = _layout(elastic_blocks(source.weights) // len(_STAGES))
        return cut_mobile(source, layout, self.space(source), arch)


def _layout(depth: int) -> MobileLayout:
    stages = tuple(MobileStage(Stage(depth), stride, act, gate) for stride, act, gate in _STAGES)
    return MobileLayout(stages, "hswish", "relu", True, "expand-pool-mix")
