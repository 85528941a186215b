"""The supernet as torch modules, with state-dict names equal to those of once-for-all.

No module holds an active configuration: `forward` takes the sub-net as an argument, so two sub-nets can be
run in one training step without one's choice leaking into the other's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from agent.builder.train.spec import Arch, BlockPlan, SupernetSpec

BN_EPS = 1e-5


class Module(nn.Module):  # type: ignore[misc,unused-ignore]
    """torch's module; the one place that knows that torch may be absent when types are checked."""


class ConvBlock(Module):
    """Convolution, batch norm and optional ReLU of fixed width; names `conv.weight`, `bn.*`."""

    def __init__(
        self, in_width: int, out_width: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_width, out_width, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_width, eps=BN_EPS)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(n, in, h, w) to (n, out, h', w')."""
        y: Tensor = self.bn(self.conv(x))
        return functional.relu(y, inplace=True) if self.relu else y


class ElasticNorm(Module):
    """Batch norm over the first channels; names `bn.*`.

    In training mode it uses the batch's own statistics and keeps none: sub-nets would overwrite one another's
    running values, so those are re-estimated for each sub-net afterwards.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(width, eps=BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) with c <= width, same shape out."""
        c = x.shape[1]
        weight, bias = self.bn.weight[:c], self.bn.bias[:c]
        if self.training:
            return functional.batch_norm(x, None, None, weight, bias, True, 0.0, BN_EPS)
        mean, var = self.bn.running_mean, self.bn.running_var
        assert mean is not None
        assert var is not None
        return functional.batch_norm(x, mean[:c], var[:c], weight, bias, False, 0.0, BN_EPS)


class ElasticPointwise(Module):
    """1x1 convolution over the first input and output channels; name `conv.weight`."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_width, out_width, 1, bias=False)

    def forward(self, x: Tensor, out_width: int) -> Tensor:
        """(n, c, h, w) to (n, out_width, h, w)."""
        return functional.conv2d(x, self.conv.weight[:out_width, : x.shape[1]])


class ElasticDepthwise(Module):
    """Depthwise convolution whose smaller kernels are learnt transforms of the centre of the larger one.

    Names `conv.weight` (mid, 1, K, K) and `{big}to{small}_matrix` (small^2, small^2), one for all channels.
    """

    def __init__(self, width: int, kernels: tuple[int, ...], stride: int) -> None:
        super().__init__()
        self.kernels = tuple(sorted(kernels, reverse=True))
        self.stride = stride
        self.conv = nn.Conv2d(width, width, self.kernels[0], stride, groups=width, bias=False)
        for big, small in zip(self.kernels, self.kernels[1:], strict=False):
            self.register_parameter(f"{big}to{small}_matrix", nn.Parameter(torch.eye(small * small)))

    def kernel(self, width: int, size: int) -> Tensor:
        """Weights (width, 1, size, size) of the sub-net with this kernel size."""
        weight = self.conv.weight[:width]
        for big, small in zip(self.kernels, self.kernels[1:], strict=False):
            if big <= size:
                break
            edge = (big - small) // 2
            centre = weight[:, :, edge : big - edge, edge : big - edge].reshape(width, small * small)
            weight = (centre @ self.get_parameter(f"{big}to{small}_matrix").t()).view(width, 1, small, small)
        return weight

    def forward(self, x: Tensor, size: int) -> Tensor:
        """(n, c, h, w) to (n, c, h', w')."""
        c = x.shape[1]
        weight = self.kernel(c, size).contiguous(memory_format=torch.channels_last)
        return functional.conv2d(x, weight, None, self.stride, size // 2, 1, c)


class PointwiseNorm(Module):
    """Elastic 1x1 convolution and its norm; names `conv.*`, `bn.*`."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.conv = ElasticPointwise(in_width, out_width)
        self.bn = ElasticNorm(out_width)

    def forward(self, x: Tensor, out_width: int) -> Tensor:
        """(n, c, h, w) to (n, out_width, h, w)."""
        y: Tensor = self.bn(self.conv(x, out_width))
        return y


class DepthwiseNorm(Module):
    """Elastic depthwise convolution and its norm; names `conv.*`, `bn.*`."""

    def __init__(self, width: int, kernels: tuple[int, ...], stride: int) -> None:
        super().__init__()
        self.conv = ElasticDepthwise(width, kernels, stride)
        self.bn = ElasticNorm(width)

    def forward(self, x: Tensor, size: int) -> Tensor:
        """(n, c, h, w) to (n, c, h', w')."""
        y: Tensor = self.bn(self.conv(x, size))
        return y


class FirstUnit(Module):
    """Block 0's `conv`: depthwise 3x3 and projection, no expansion."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.depth_conv = ConvBlock(in_width, in_width, 3, groups=in_width)
        self.point_linear = ConvBlock(in_width, out_width, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in, h, w) to (n, out, h, w)."""
        y: Tensor = self.point_linear(self.depth_conv(x))
        return y


class ElasticUnit(Module):
    """An elastic block's `conv`: expansion, depthwise, projection."""

    def __init__(self, spec: SupernetSpec, plan: BlockPlan) -> None:
        super().__init__()
        self.spec, self.plan = spec, plan
        middle = spec.middle_width(plan.in_width, max(spec.e))
        self.inverted_bottleneck = PointwiseNorm(plan.in_width, middle)
        self.depth_conv = DepthwiseNorm(middle, spec.ks, plan.stride)
        self.point_linear = PointwiseNorm(middle, plan.out_width)

    def forward(self, x: Tensor, kernel: int, expansion: int) -> Tensor:
        """(n, in, h, w) to (n, out, h', w')."""
        middle = self.spec.middle_width(self.plan.in_width, expansion)
        y = functional.relu(self.inverted_bottleneck(x, middle), inplace=True)
        y = functional.relu(self.depth_conv(y, kernel), inplace=True)
        z: Tensor = self.point_linear(y, self.plan.out_width)
        return z


class Block(Module):
    """Holder that puts the unit under the name `conv`, as once-for-all does."""

    def __init__(self, conv: FirstUnit | ElasticUnit) -> None:
        super().__init__()
        self.conv = conv


class Classifier(Module):
    """Fully connected layer; names `linear.weight`, `linear.bias`."""

    def __init__(self, in_width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, in, h, w), averaged over h and w, to logits (n, classes)."""
        y: Tensor = self.linear(x.mean((2, 3)))
        return y


class Supernet(Module):
    """All sub-nets of a spec in one set of weights."""

    def __init__(self, spec: SupernetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.plans = spec.blocks()
        self.first_conv = ConvBlock(spec.in_channels, spec.stem_width, 3, stride=2)
        first = Block(FirstUnit(spec.stem_width, spec.first_width))
        self.blocks = nn.ModuleList([first, *(Block(ElasticUnit(spec, plan)) for plan in self.plans)])
        self.feature_mix_layer = ConvBlock(spec.widths[-1], spec.feature_width)
        self.classifier = Classifier(spec.feature_width, spec.classes)
        _initialise(self)

    def first_unit(self) -> FirstUnit:
        """Block 0's unit, part of every sub-net."""
        return next(block.conv for block in self.blocks if isinstance(block.conv, FirstUnit))

    def units(self) -> list[ElasticUnit]:
        """The elastic units in order of `spec.blocks()`."""
        return [block.conv for block in self.blocks if isinstance(block.conv, ElasticUnit)]

    def forward(self, x: Tensor, arch: Arch) -> Tensor:
        """Normalised images (n, in_channels, r, r) to logits (n, classes) of the sub-net `arch`."""
        x = self.first_unit()(self.first_conv(x))
        for unit, kernel, expansion in zip(self.units(), arch.ks, arch.e, strict=True):
            if unit.plan.place >= arch.d[unit.plan.stage]:
                continue
            y = unit(x, kernel, expansion)
            x = x + y if unit.plan.has_shortcut else y
        logits: Tensor = self.classifier(self.feature_mix_layer(x))
        return logits


def _initialise(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
