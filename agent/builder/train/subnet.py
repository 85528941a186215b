"""A sub-net cut out of the supernet, its batch-norm re-estimation and its accuracy."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from agent.builder.train.elastic import ConvBlock, ElasticUnit, Module, Supernet
from agent.builder.train.spec import Arch


class _Residual(Module):
    """A static inverted bottleneck, with or without shortcut."""

    def __init__(self, body: nn.Sequential, has_shortcut: bool) -> None:
        super().__init__()
        self.body = body
        self.has_shortcut = has_shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.has_shortcut else y


def extract(net: Supernet, arch: Arch) -> nn.Sequential:
    """Static copy of one sub-net: images (n, channels, r, r) to logits (n, classes)."""
    kept = [
        _static_block(unit, kernel, expansion)
        for unit, kernel, expansion in zip(net.units(), arch.ks, arch.e, strict=True)
        if unit.plan.place < arch.d[unit.plan.stage]
    ]
    fixed = (net.first_conv, net.first_unit(), net.feature_mix_layer, net.classifier)
    first, block0, mix, classifier = (copy.deepcopy(module) for module in fixed)
    return nn.Sequential(first, block0, *kept, mix, classifier)


def reestimate_norms(net: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set every batch norm's running values to the plain average over `batches` and go to eval mode.

    Deeper layers see inputs normalised with the batch's own values (facts/ofa.md 1.6). Torch averages the
    unbiased variance where once-for-all takes the biased one: under 0.05 % apart for these batch sizes.
    """
    with torch.no_grad():
        norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        net.train()
        for batch in batches:
            net(batch)
        net.eval()


def accuracy(net: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Share of images, 0..1, whose largest logit is the label; each batch is (images, labels)."""
    with torch.no_grad():
        hits = total = 0
        for images, labels in batches:
            hits += int((net(images).argmax(1) == labels).sum())
            total += len(labels)
        return hits / total


def adopt_norms(net: Supernet, largest: nn.Sequential) -> None:
    """Copy the re-estimated running values of the static largest sub-net back into the supernet."""
    with torch.no_grad():
        sources = [m for m in largest.modules() if isinstance(m, nn.BatchNorm2d)]
        targets = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
        for source, target in zip(sources, targets, strict=True):
            for name in ("running_mean", "running_var"):
                target.get_buffer(name).copy_(source.get_buffer(name))


def _static_block(unit: ElasticUnit, kernel: int, expansion: int) -> _Residual:
    with torch.no_grad():
        plan = unit.plan
        middle = unit.spec.middle_width(plan.in_width, expansion)
        expand = ConvBlock(plan.in_width, middle)
        depth = ConvBlock(middle, middle, kernel, plan.stride, middle)
        project = ConvBlock(middle, plan.out_width, relu=False)
        expand.conv.weight.copy_(unit.inverted_bottleneck.conv.conv.weight[:middle])
        depth.conv.weight.copy_(unit.depth_conv.conv.kernel(middle, kernel))
        project.conv.weight.copy_(unit.point_linear.conv.conv.weight[:, :middle])
        for part, source in (
            (expand, unit.inverted_bottleneck),
            (depth, unit.depth_conv),
            (project, unit.point_linear),
        ):
            _copy_norm(source.bn.bn, part.bn)
        return _Residual(nn.Sequential(expand, depth, project), plan.has_shortcut)


def _copy_norm(source: nn.BatchNorm2d, target: nn.BatchNorm2d) -> None:
    values = source.state_dict()
    width = target.num_features
    target.load_state_dict({name: v[:width] if v.ndim else v for name, v in values.items()})
