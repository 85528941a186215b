"""`ofa-proxyless`: once-for-all ProxylessNAS; ReLU6, no gates, so the best fit for a Myriad 2."""

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
from agent.builder.plan import Net, Weights

_STRIDES = (2, 2, 2, 1, 2)
# The sixth stage, of one block, stands before the mix layer (facts/ofa.md 1.2).
_WIDTHS = (32, 16, 24, 40, 80, 96, 192, 320, 1280)
_E = (3.0, 4.0, 6.0)
_R = tuple(range(128, 225, 4))


class ProxylessNas:
    """Five elastic stages and a sixth of exactly one block (facts/ofa.md 1.2)."""

    name = "ofa-proxyless"
    bn_eps = 1e-3

    def recognises(self, weights: Weights) -> bool:
        """A mix layer with batch norm; the names are those of `ofa-small`, which is grey."""
        stem = weights.get("first_conv.conv.weight")
        mixes = "feature_mix_layer.bn.weight" in weights and "final_expand_layer.conv.weight" not in weights
        return mixes and "blocks.0.conv.depth_conv.conv.weight" in weights and (stem is None or stem.shape[1:2] != (1,))

    def variant(self, source: Source) -> str:
        """Published: w1.3."""
        widths = mobile_widths(source.weights, len(_STRIDES) + 1, ("feature_mix_layer.conv.weight",))
        return width_multiplier(_WIDTHS, widths)

    def space(self, source: Source) -> Space:
        """Depth 2 to the length of a stage; the sixth stage is no choice."""
        depth = _depth(source.weights)
        return space_of(_layout(depth), kernel_choices(source.weights), _E, tuple(range(MIN_DEPTH, depth + 1)), _R)

    def cut(self, source: Source, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture."""
        return cut_mobile(source, _layout(_depth(source.weights)), self.space(source), arch)


FAMILY = ProxylessNas()


def _depth(weights: Weights) -> int:
    return stage_length(weights, len(_STRIDES), fixed=1)


def _layout(depth: int) -> MobileLayout:
    stages = [MobileStage(Stage(depth), stride, "relu6") for stride in _STRIDES]
    stages.append(MobileStage(Stage(1, elastic=False), 1, "relu6"))
    return MobileLayout(tuple(stages), "relu6", "relu6", False, "mix-pool")
