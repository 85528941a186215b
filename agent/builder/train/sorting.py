"""Channel sorting: the most important middle channels first, so that a narrow sub-net keeps them."""

from __future__ import annotations

import torch
from torch import Tensor

from agent.builder.train.elastic import ElasticUnit, Supernet

# Larger than any L1 norm: a channel of an already trained narrower width never leaves it.
_BAND = 1e6


def sort_channels(net: Supernet, trained: tuple[int, ...]) -> None:
    """Reorder every block's middle channels by the L1 norm of their `point_linear` column, in place.

    `trained` are the expansions already trained: channels stay within those widths. The function of the
    largest sub-net is unchanged, because producer, depthwise, norms and consumer are permuted alike.
    """
    for unit in net.units():
        _permute(unit, _order(unit, trained))


def _order(unit: ElasticUnit, trained: tuple[int, ...]) -> Tensor:
    with torch.no_grad():
        importance = unit.point_linear.conv.conv.weight.double().abs().sum((0, 2, 3))
        for expansion in trained:
            importance[: unit.spec.middle_width(unit.plan.in_width, expansion)] += _BAND
        return importance.argsort(descending=True, stable=True)


def _permute(unit: ElasticUnit, order: Tensor) -> None:
    with torch.no_grad():
        for part in (unit.inverted_bottleneck, unit.depth_conv):
            weight = part.conv.conv.weight
            weight.copy_(weight[order])
            norm = part.bn.bn
            for value in (norm.weight, norm.bias, norm.get_buffer("running_mean"), norm.get_buffer("running_var")):
                value.copy_(value[order])
        weight = unit.point_linear.conv.conv.weight
        weight.copy_(weight[:, order])
