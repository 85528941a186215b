"""What the NCSDK is known to compile for the camera (facts/firefly-dl.md section 5).

Its own table lists dense convolutions 1x1 and 5x5 with stride 1, 3x3, 7x7 with stride 1, 2 and 4, and depthwise ones of
3x3 with one output for each input; MobileNet v1, which the vendor measured, has stride 2 in both kinds of 3x3. There is
no h-swish and no product with a gate.
"""

from __future__ import annotations

from agent.builder.arch import Arch
from agent.builder.plan import ConvUnit, Net, walk

_DENSE = {(1, 1), (3, 1), (3, 2), (5, 1), (7, 1), (7, 2), (7, 4)}
_DEPTHWISE = {(3, 1), (3, 2)}
ACTIVATIONS = ("none", "relu", "relu6")


def convolution_fault(kernel: int, stride: int, depthwise: bool) -> str | None:
    """Why a square convolution is not in the tested set; None where it is."""
    if (kernel, stride) in (_DEPTHWISE if depthwise else _DENSE):
        return None
    kind = "depthwise" if depthwise else "dense"
    tested = ", ".join(f"{k}x{k} stride {s}" for k, s in sorted(_DEPTHWISE if depthwise else _DENSE))
    return f"a {kind} {kernel}x{kernel} convolution of stride {stride}; the NCSDK is tested with {tested}"


def plan_fault(arch: Arch, net: Net) -> str | None:
    """The first thing in a sub-net that the NCSDK is not known to compile; None where there is nothing."""
    ops = _Judge()
    walk(net.layers, ops, None)
    return f"{arch.subnet_id()}: {ops.faults[0]}" if ops.faults else None


class _Judge:
    """`Ops` over nothing; `faults` is what it found, in order of execution."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def conv(self, x: None, unit: ConvUnit) -> None:  # noqa: ARG002
        fault = convolution_fault(unit.kernel, unit.stride, unit.depthwise)
        if fault is not None:
            self.faults.append(f"{unit.name} is {fault}")
        if unit.act not in ACTIVATIONS:
            self.faults.append(f"{unit.name} ends in {unit.act}; the NCSDK has ReLU and ReLU6")

    def gate(self, x: None, name: str) -> None:  # noqa: ARG002
        self.faults.append(f"{name} is a squeeze-and-excite gate; the NCSDK has no product for each channel")

    def add(self, x: None, y: None) -> None:
        """Listed."""

    def relu(self, x: None) -> None:
        """Listed."""

    def max_pool(self, x: None) -> None:
        """Listed."""

    def avg_pool(self, x: None, stride: int) -> None:
        """Listed."""

    def global_pool(self, x: None) -> None:
        """Listed."""

    def linear(self, x: None, name: str) -> None:
        """Listed for one pixel, which is all that a plan has."""
