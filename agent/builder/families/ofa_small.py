"""`ofa-small`: the project's own family for small grey images; ReLU, no gates, layout told by the file's spec."""

from __future__ import annotations

from collections.abc import Mapping

from agent.builder.arch import Arch, Space, Stage
from agent.builder.errors import SupernetInvalid
from agent.builder.families.base import Source
from agent.builder.families.mobile import MobileLayout, MobileStage, cut_mobile, elastic_blocks, space_of
from agent.builder.plan import Net, Weights


class OfaSmall:
    """Stem and block 0 fixed, block 0 without shortcut, 1x1 mix before the pool."""

    name = "ofa-small"
    bn_eps = 1e-5

    def recognises(self, weights: Weights) -> bool:
        """The names are those of ProxylessNAS; the published nets are all RGB, this family is grey."""
        stem = weights.get("first_conv.conv.weight")
        return stem is not None and stem.shape[1:2] == (1,) and "final_expand_layer.conv.weight" not in weights

    def variant(self, source: Source) -> str:  # noqa: ARG002
        """Every supernet of this family has widths of its own."""
        return ""

    def space(self, source: Source) -> Space:
        """Choices as the spec lists them."""
        ks, e, d, r = (_numbers(source.spec, key) for key in ("ks", "e", "d", "r"))
        space = space_of(_layout(source.spec), ks, e, d, r)
        found = elastic_blocks(source.weights)
        if space.blocks != found:
            raise SupernetInvalid(f"supernet: spec has {space.blocks} elastic blocks, the weights {found}")
        return space

    def cut(self, source: Source, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture."""
        return cut_mobile(source, _layout(source.spec), self.space(source), arch)


FAMILY = OfaSmall()


def _layout(spec: Mapping[str, object]) -> MobileLayout:
    depth = spec.get("depth")
    if not isinstance(depth, int) or depth < 1:
        raise SupernetInvalid(f"supernet: spec: depth: {depth!r}, expected a positive whole number")
    stages = tuple(MobileStage(Stage(depth), stride, "relu") for stride in _numbers(spec, "strides"))
    return MobileLayout(stages, "relu", "relu", False, "mix-pool")


def _numbers(spec: Mapping[str, object], key: str) -> tuple[int, ...]:
    values = spec.get(key)
    if not isinstance(values, list | tuple) or not values or not all(isinstance(v, int) and v > 0 for v in values):
        raise SupernetInvalid(f"supernet: spec: {key}: {values!r}, expected a list of positive whole numbers")
    return tuple(values)
