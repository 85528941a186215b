"""From a single-file IR to the frozen TensorFlow graph that `mvNCCompile` takes: input `input`, SoftMax `output`.

The IR is the single truth of a sub-net, so the graph is a translation of it and not of the plan. TensorFlow's SAME puts
the odd pixel of padding at the end, once-for-all nets have kernel // 2 on both sides: where the two differ, the graph
pads explicitly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.builder.runtime import core, load_openvino
from agent.builder.targets.errors import CompileFailed
from agent.builder.targets.graphdef import GraphWriter, Window
from agent.builder.targets.legal import convolution_fault
from agent.library.ir import unpack_ir

INPUT_NAME, OUTPUT_NAME = "input", "output"

_Pair = tuple[int, int]


def frozen_graph(ir: bytes) -> bytes:
    """`GraphDef` bytes that compute what the IR does, on NHWC input. Raises CompileFailed where the NCSDK cannot."""
    parts = unpack_ir(ir, "the network's IR")
    weights = load_openvino().Tensor(np.frombuffer(parts.weights, np.uint8).copy())
    model = core().read_model(parts.xml, weights)
    return _Translation().run(model.get_ordered_ops())


class _Translation:
    """One graph in the making. `_made` maps a node of the IR to the node of the graph with its value.

    A value without height and width, as after the reshape in front of the fully connected layer, is kept as one pixel:
    so that layer is a 1x1 convolution, the form in which the vendor's MobileNets have it.
    """

    def __init__(self) -> None:
        self._graph = GraphWriter()
        self._made: dict[str, str] = {}
        self._count = 0
        self._not_negative: set[str] = set()

    def run(self, nodes: list[Any]) -> bytes:
        ends = [node for node in nodes if node.get_type_name() == "Result"]
        last = ends[0].input_value(0).get_node()
        if len(ends) != 1 or last.get_type_name() != "Softmax":
            raise CompileFailed(
                f"firefly-dl: the network ends in {last.get_type_name()}, expected one SoftMax;"
                " extract it with --softmax"
            )
        steps = {
            "Parameter": self._input, "Convolution": self._convolution, "GroupConvolution": self._convolution,
            "Add": self._add, "Relu": self._activation, "Clamp": self._activation, "MaxPool": self._max_pool,
            "AvgPool": self._avg_pool, "ReduceMean": self._global_pool, "Reshape": self._reshape,
            "MatMul": self._connected, "Softmax": self._softmax,
        }  # fmt: skip
        computed = [node for node in nodes if node.get_type_name() not in ("Constant", "Result")]
        # Before any other fault: h-swish and gates end in a product, and what leads to it looks odd by itself.
        for node in computed:
            if node.get_type_name() not in steps:
                raise _refused(node, f"a {node.get_type_name()}, which is not in the NCSDK's tested set")
        for node in computed:
            self._made[node.get_friendly_name()] = steps[node.get_type_name()](node)
        return self._graph.to_bytes()

    def _input(self, node: Any) -> str:
        batch, channels, height, width = node.get_output_shape(0)
        return self._graph.placeholder(INPUT_NAME, (batch, height, width, channels))

    def _convolution(self, node: Any) -> str:
        kernel = _constant(node, 1)
        depthwise = node.get_type_name() == "GroupConvolution"
        if depthwise:
            if kernel.shape[1:3] != (1, 1):
                raise _refused(node, f"a grouped convolution {list(kernel.shape)}, expected one channel to a group")
            kernel = kernel[:, :, 0]
        settings = node.get_attributes()
        (high, wide), strides = kernel.shape[2:], _pair(settings["strides"])
        fault = "not square" if high != wide or strides[0] != strides[1] else None
        fault = fault or convolution_fault(high, strides[0], depthwise)
        if fault or settings["dilations"] != [1, 1] or settings["auto_pad"] != "explicit":
            raise _refused(node, fault or "a convolution with dilation or automatic padding")
        # (out, in, h, w) to (h, w, in, out); a depthwise (c, 1, h, w) to (h, w, c, 1).
        taps = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)
        x, window = self._padded(node, (high, wide), strides, "the padding of a convolution")
        name = self._name("depthwise" if depthwise else "conv")
        weights = self._graph.constant(f"{name}/weights", np.ascontiguousarray(taps, np.float32))
        return self._graph.convolution(name, x, weights, window, depthwise)

    def _add(self, node: Any) -> str:
        left, right = (node.input_value(index).get_node() for index in (0, 1))
        if left.get_type_name() == "Parameter":
            raise _refused(node, "a folded normalisation; extract without --fold-input, the camera has its own")
        if right.get_type_name() != "Constant":
            return self._graph.apply(self._name("add"), "Add", self._value(node, 0), self._value(node, 1))
        values = _constant(node, 1)
        if values.size != node.get_output_shape(0)[1]:
            raise _refused(node, f"an addition of {list(values.shape)} constants, expected one for each channel")
        name = self._name("bias")
        return self._graph.bias(name, self._value(node, 0), self._graph.constant(f"{name}/values", values.ravel()))

    def _activation(self, node: Any) -> str:
        kind = "relu"
        if node.get_type_name() == "Clamp":
            settings = node.get_attributes()
            if (settings["min"], settings["max"]) != (0.0, 6.0):
                raise _refused(node, f"a clamp to {settings['min']:g} .. {settings['max']:g}, expected 0 .. 6")
            kind = "relu6"
        name = self._name(kind)
        self._not_negative.add(name)
        return self._graph.apply(name, "Relu6" if kind == "relu6" else "Relu", self._value(node, 0))

    def _max_pool(self, node: Any) -> str:
        settings = node.get_attributes()
        size, strides = _pair(settings["kernel"]), _pair(settings["strides"])
        if self._value(node, 0) not in self._not_negative:
            raise _refused(node, "a maximum over values that may be negative, which zeros around would change")
        x, window = self._padded(node, size, strides, "the padding of a pool")
        return self._graph.pool(self._name("max_pool"), x, "MaxPool", size, window)

    def _avg_pool(self, node: Any) -> str:
        settings = node.get_attributes()
        size, strides = _pair(settings["kernel"]), _pair(settings["strides"])
        outside = settings["pads_begin"] + settings["pads_end"]
        rounded_up = tuple(-(-side // step) for side, step in zip(node.get_input_shape(0)[2:], strides, strict=True))
        if any(outside) or not settings["exclude-pad"] or size != strides or rounded_up != _sides(node):
            raise _refused(node, "a mean over overlapping, padded or cut windows")
        # Sizes are rounded up and what lies outside does not count: exactly SAME for windows side by side.
        return self._graph.pool(self._name("avg_pool"), self._value(node, 0), "AvgPool", size, Window(strides, "SAME"))

    def _global_pool(self, node: Any) -> str:
        axes = sorted(int(axis) for axis in np.ravel(_constant(node, 1)))
        if axes != [2, 3] or not node.get_attributes()["keep_dims"]:
            raise _refused(node, f"a mean over axes {axes}, expected height and width, kept")
        size = _pair(node.get_input_shape(0)[2:])
        return self._graph.pool(self._name("pool"), self._value(node, 0), "AvgPool", size, Window((1, 1), "VALID"))

    def _reshape(self, node: Any) -> str:
        before, after = (list(shape) for shape in (node.get_input_shape(0), node.get_output_shape(0)))
        if before != [*after, 1, 1]:
            raise _refused(node, f"a reshape of {before} to {after}; a fully connected layer takes one pixel")
        return self._value(node, 0)

    def _connected(self, node: Any) -> str:
        settings = node.get_attributes()
        weights = _constant(node, 1)
        if settings["transpose_a"]:
            raise _refused(node, "a product with its first factor transposed")
        columns = weights.T if settings["transpose_b"] else weights
        name = self._name("fc")
        kernel = np.ascontiguousarray(columns[None, None], np.float32)
        constant = self._graph.constant(f"{name}/weights", kernel)
        return self._graph.convolution(name, self._value(node, 0), constant, Window((1, 1), "VALID"))

    def _softmax(self, node: Any) -> str:
        flat = self._graph.squeeze(self._name("squeeze"), self._value(node, 0), (1, 2))
        return self._graph.apply(OUTPUT_NAME, "Softmax", flat)

    def _padded(self, node: Any, size: _Pair, strides: _Pair, what: str) -> tuple[str, Window]:
        """The input of a window with the padding that the IR asks for, by SAME, VALID or an explicit pad."""
        settings, sides = node.get_attributes(), _pair(node.get_input_shape(0)[2:])
        begin, end = _pair(settings["pads_begin"]), _pair(settings["pads_end"])
        wanted = tuple(zip(begin, end, strict=True))
        if not any(begin + end):
            return self._value(node, 0), Window(strides, "VALID")
        if wanted == tuple(_same(*one) for one in zip(sides, size, strides, strict=True)):
            return self._value(node, 0), Window(strides, "SAME")
        if settings.get("rounding_type", "floor") != "floor":
            raise _refused(node, f"{what} with sizes rounded up")
        name = self._name("pad")
        amounts = self._graph.constant(f"{name}/amounts", np.array([(0, 0), *wanted, (0, 0)], np.int32))
        return self._graph.pad(name, self._value(node, 0), amounts), Window(strides, "VALID")

    def _value(self, node: Any, index: int) -> str:
        return self._made[node.input_value(index).get_node().get_friendly_name()]

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _same(side: int, size: int, stride: int) -> _Pair:
    """Padding that TensorFlow's SAME puts before and after."""
    total = max((-(-side // stride) - 1) * stride + size - side, 0)
    return total // 2, total - total // 2


def _constant(node: Any, index: int) -> NDArray[Any]:
    source = node.input_value(index).get_node()
    if source.get_type_name() != "Constant":
        raise _refused(node, f"{node.get_type_name()} of two signals")
    values: NDArray[Any] = source.data
    return values


def _sides(node: Any) -> _Pair:
    return _pair(node.get_output_shape(0)[2:])


def _pair(values: Any) -> _Pair:
    first, second = (int(value) for value in values)
    return first, second


def _refused(node: Any, why: str) -> CompileFailed:
    return CompileFailed(f"firefly-dl: {node.get_friendly_name()} is {why}")
