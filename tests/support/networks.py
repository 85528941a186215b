"""Tiny networks for tests: single-file IR v10, made without any framework, the same bytes for the same arguments."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from numpy.typing import NDArray


class _Writer:
    """Collects layers, edges and weights of one IR v10."""

    def __init__(self) -> None:
        self.layers: list[str] = []
        self.edges: list[str] = []
        self.weights = bytearray()
        self._output_port: dict[int, int] = {}

    def add(
        self,
        kind: str,
        sources: list[tuple[int, tuple[int, ...]]],
        dims: tuple[int, ...] | None,
        data: str = "",
        precision: str = "FP32",
    ) -> tuple[int, tuple[int, ...]]:
        """One layer; returns its id and output shape. Inputs are numbered first, then the output."""
        number = len(self.layers)
        ports = "".join(_port(i, d, "I64" if kind == "Reshape" and i else "FP32") for i, (_, d) in enumerate(sources))
        body = f"<data {data}/>" if data else ""
        body += f"<input>{ports}</input>" if sources else ""
        body += f"<output>{_port(len(sources), dims, precision)}</output>" if dims is not None else ""
        name = f"{kind.lower()}_{number}"
        self.layers.append(f'<layer id="{number}" name="{name}" type="{kind}" version="opset1">{body}</layer>')
        for i, (source, _) in enumerate(sources):
            port = self._output_port[source]
            self.edges.append(f'<edge from-layer="{source}" from-port="{port}" to-layer="{number}" to-port="{i}"/>')
        self._output_port[number] = len(sources)
        return number, dims or ()

    def constant(self, values: NDArray[np.generic]) -> tuple[int, tuple[int, ...]]:
        kind, precision = ("f32", "FP32") if values.dtype == np.float32 else ("i64", "I64")
        shape = ",".join(map(str, values.shape))
        data = f'element_type="{kind}" shape="{shape}" offset="{len(self.weights)}" size="{values.nbytes}"'
        self.weights += values.tobytes()
        self.weights += bytes(-len(self.weights) % 64)
        return self.add("Const", [], values.shape, data, precision)


def _port(number: int, dims: tuple[int, ...], precision: str) -> str:
    return f'<port id="{number}" precision="{precision}">' + "".join(f"<dim>{d}</dim>" for d in dims) + "</port>"


def tiny_ir(classes: int = 8, size: int = 16, seed: int = 0, channels: int = 1, width: int = 8) -> bytes:
    """A stored zip of model.xml and model.bin: conv 3x3, ReLU, FC, softmax; random weights of `seed`.

    Input f32 (1, channels, size, size), output (1, classes) that sums to 1.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    net = _Writer()
    half = (size + 1) // 2
    shape = f'element_type="f32" shape="1,{channels},{size},{size}"'
    image = net.add("Parameter", [], (1, channels, size, size), shape)
    kernels = rng.standard_normal((width, channels, 3, 3))
    # Zero-mean kernels see edges, not brightness: classes differ between parts, and results can be told apart.
    kernels -= kernels.mean(axis=(1, 2, 3), keepdims=True)
    kernel = net.constant(kernels.astype(np.float32))
    conv = 'auto_pad="explicit" dilations="1,1" pads_begin="1,1" pads_end="1,1" strides="2,2"'
    signal = net.add("Convolution", [image, kernel], (1, width, half, half), conv)
    signal = net.add("ReLU", [signal], signal[1])
    flat = width * half * half
    target = net.constant(np.array([1, flat], np.int64))
    signal = net.add("Reshape", [signal, target], (1, flat), 'special_zero="False"')
    head = net.constant((rng.standard_normal((classes, flat)) * 24 / flat**0.5).astype(np.float32))
    signal = net.add("MatMul", [signal, head], (1, classes), 'transpose_a="False" transpose_b="True"')
    signal = net.add("Softmax", [signal], signal[1], 'axis="1"')
    net.add("Result", [signal], None)
    layers, edges = "\n".join(net.layers), "\n".join(net.edges)
    body = f"<layers>\n{layers}\n</layers>\n<edges>\n{edges}\n</edges>"
    xml = f'<?xml version="1.0"?>\n<net name="tiny" version="10">\n{body}\n</net>\n'
    return zip_ir(xml.encode(), bytes(net.weights))


def zip_ir(xml: bytes, weights: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Pack an IR the way the simulated camera takes it; the time stamps are fixed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in (("model.xml", xml), ("model.bin", weights)):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            archive.writestr(info, data)
    return buffer.getvalue()
