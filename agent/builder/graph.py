"""A plan as an OpenVINO model made of opset1 operations only, so that every tool-kit since 2020 reads it.

Batch norms are folded into the convolutions in float64; h-swish and h-sigmoid are written with Clamp, the form
that the Myriad compiler fuses (facts/myriad-blobs.md, net-writing rules).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.builder.plan import ConvUnit, Net, walk
from agent.builder.runtime import load_openvino

if TYPE_CHECKING:
    from openvino import Model, Output

InputElement = Literal["f32", "u8"]
_ELEMENTS = {"f32": np.float32, "u8": np.uint8}
H_SIGMOID_SCALE = np.float32(1 / 6)


@dataclass(frozen=True, slots=True)
class InputFold:
    """Pre-processing moved into the network: (x - mean) / scale per channel, x in 0..255."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]


def build_model(
    net: Net,
    *,
    batch: int = 1,
    softmax: bool = False,
    fold: InputFold | None = None,
    element: InputElement = "f32",
) -> Model:
    """Model with input `image` (batch, channels, r, r) of `element` and one output (batch, classes).

    The output is logits, or probabilities with `softmax`; no batch norm is left. An input of u8 changes the type of
    the pixels only: they are normalised in the network where there is a `fold`.
    """
    openvino = load_openvino()
    opset1 = openvino.opset1
    image = opset1.parameter([batch, net.channels, net.side_px, net.side_px], _ELEMENTS[element], name="image")
    image.output(0).set_names({"image"})
    ops = GraphOps(net, batch, fold)
    pixels = image.output(0) if element == "f32" else opset1.convert(image, "f32").output(0)
    y = walk(net.layers, ops, ops.start(pixels))
    if softmax:
        y = opset1.softmax(y, 1).output(0)
    answer = "probabilities" if softmax else "logits"
    y.set_names({answer})
    model = openvino.Model([opset1.result(y)], [image], "ofa_subnet")
    # The library numbers nodes over the whole process; equal networks must give equal files.
    for index, node in enumerate(model.get_ordered_ops()):
        node.set_friendly_name(f"{node.get_type_name()}_{index}")
    image.set_friendly_name("image")
    y.get_node().set_friendly_name(answer)
    return model


class GraphOps:
    """`Ops` over OpenVINO outputs. Single use: one object, one model."""

    def __init__(self, net: Net, batch: int, fold: InputFold | None = None) -> None:
        self.net = net
        self.batch = batch
        self._op: Any = load_openvino().opset1
        self._input_scale: NDArray[np.float64] | None = None
        self._fold = fold

    def start(self, image: Output) -> Output:
        """The normalised image; the scale of a fold goes into the first convolution, which is exact.

        The mean stays an addition in front: folded into the bias it would be wrong at the padded border.
        """
        if self._fold is None:
            return image
        self._input_scale = 1 / np.asarray(self._fold.scale, np.float64)
        mean = np.asarray(self._fold.mean, np.float64)
        return self._out(self._op.add(image, self._per_channel(-mean)))

    def conv(self, x: Output, unit: ConvUnit) -> Output:
        """Convolution with its batch norm folded in, then the activation."""
        weight = self.net.weights[f"{unit.name}.conv.weight"].astype(np.float64)
        if self._input_scale is not None:
            weight, self._input_scale = weight * self._input_scale[:, None, None], None
        if not unit.norm:
            return self._activate(self._convolve(x, weight, unit), unit)
        gamma, beta, mean, var = self._norm(unit)
        factor = gamma / np.sqrt(var + self.net.bn_eps)
        y = self._convolve(x, weight * factor[:, None, None, None], unit)
        return self._activate(self._out(self._op.add(y, self._per_channel(beta - mean * factor))), unit)

    def gate(self, x: Output, name: str) -> Output:
        """Squeeze-and-excite: pool, 1x1, ReLU, 1x1, h-sigmoid, product (facts/ofa.md 1.1)."""
        squeezed = self._biased(self.global_pool(x), f"{name}.reduce")
        excited = self._biased(self.relu(squeezed), f"{name}.expand")
        return self._out(self._op.multiply(x, self._h_sigmoid(excited)))

    def add(self, x: Output, y: Output) -> Output:
        """Sum of two tensors of one shape."""
        return self._out(self._op.add(x, y))

    def relu(self, x: Output) -> Output:
        """max(x, 0)."""
        return self._out(self._op.relu(x))

    def max_pool(self, x: Output) -> Output:
        """3x3, stride 2, padding 1."""
        return self._out(self._op.max_pool(x, [2, 2], [1, 1], [1, 1], [3, 3]))

    def avg_pool(self, x: Output, stride: int) -> Output:
        """Window and step of `stride`, no padding, output size rounded up."""
        size = [stride, stride]
        return self._out(self._op.avg_pool(x, size, [0, 0], [0, 0], size, True, "ceil"))

    def global_pool(self, x: Output) -> Output:
        """Mean over height and width."""
        return self._out(self._op.reduce_mean(x, self._op.constant(np.array([2, 3], np.int64)), keep_dims=True))

    def linear(self, x: Output, name: str) -> Output:
        """(batch, in, 1, 1) to (batch, out)."""
        weight, bias = self.net.weights[f"{name}.weight"], self.net.weights[f"{name}.bias"]
        shape = self._op.constant(np.array([self.batch, weight.shape[1]], np.int64))
        flat = self._op.reshape(x, shape, False)
        product = self._op.matmul(flat, self._constant(weight), False, True)
        return self._out(self._op.add(product, self._constant(bias[None])))

    def _norm(self, unit: ConvUnit) -> tuple[NDArray[np.float64], ...]:
        parts = ("weight", "bias", "running_mean", "running_var")
        return tuple(self.net.weights[f"{unit.name}.bn.{part}"].astype(np.float64) for part in parts)

    def _convolve(self, x: Output, weight: NDArray[np.float64], unit: ConvUnit) -> Output:
        stride, pad = [unit.stride] * 2, [unit.kernel // 2] * 2
        if unit.depthwise:
            kernel = self._constant(weight[:, None])
            return self._out(self._op.group_convolution(x, kernel, stride, pad, pad, [1, 1]))
        return self._out(self._op.convolution(x, self._constant(weight), stride, pad, pad, [1, 1]))

    def _biased(self, x: Output, name: str) -> Output:
        weight = self._constant(self.net.weights[f"{name}.weight"])
        y = self._op.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])
        return self._out(self._op.add(y, self._per_channel(self.net.weights[f"{name}.bias"])))

    def _activate(self, x: Output, unit: ConvUnit) -> Output:
        if unit.act == "relu":
            return self.relu(x)
        if unit.act == "relu6":
            return self._out(self._op.clamp(x, 0.0, 6.0))
        if unit.act == "hswish":
            return self._out(self._op.multiply(x, self._h_sigmoid(x)))
        return x

    def _h_sigmoid(self, x: Output) -> Output:
        clamped = self._op.clamp(self._op.add(x, self._constant([3.0])), 0.0, 6.0)
        return self._out(self._op.multiply(clamped, self._constant([H_SIGMOID_SCALE])))

    def _per_channel(self, values: ArrayLike) -> Output:
        return self._constant(np.reshape(values, (1, -1, 1, 1)))

    def _constant(self, values: ArrayLike) -> Output:
        # `opset1.constant` goes through a list of Python numbers, ten times slower than all the rest.
        return self._out(load_openvino().op.Constant(np.ascontiguousarray(values, np.float32)))

    @staticmethod
    def _out(node: Any) -> Output:
        output: Output = node.output(0)
        return output
