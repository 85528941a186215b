"""`ofa-proxyless`: once-for-all ProxylessNAS; ReLU6, no gates, so the best fit for a Myriad 2."""

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
from agent.builder.plan import Net, Weights

_STRIDES = (2, 2, 2, 1, 2)
_E = (3.0, 4.0, 6.0)
_R = tuple(range(128, 225, 4))


class ProxylessNas:
    """Five elastic stages and a sixth of exactly one block (facts/ofa.md 1.2)."""

    name = "ofa-proxyless"
    bn_eps = 1e-3

    def recognises(self, weights: Weights) -> bool:
        """A mix layer with batch norm and no stem of the ResNet kind."""
        return "feature_mix_layer.bn.weight" in weights and "blocks.1.conv.depth_conv.conv.conv.weight" in weights

    def space(self, source: Source) -> Space:
        """Depth 2 to the length of a stage; the sixth stage is no choice."""
        depth = _depth(source.weights)
        return space_of(_layout(depth), kernel_choices(source.weights), _E, tuple(range(2, depth + 1)), _R)

    def cut(self, source: Source, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture."""
        return cut_mobile(source, _layout(_depth(source.weights)), self.space(source), arch)


def _depth(weights: Weights) -> int:
    return (elastic_blocks(weights) - 1) // len(_STRIDES)


def _layout(depth: int) -> MobileLayout:
    stages = [MobileStage(Stage(depth), stride, "relu6") for stride in _STRIDES]
    stages.append(MobileStage(Stage(1, elastic=False), 1, "relu6"))
    return MobileLayout(tuple(stages), "relu6", "relu6", False, "mix-pool")
