"""Tiny networks for tests: single-file IR v10, made without any framework, the same bytes for the same arguments."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from numpy.typing import NDArray

_Signal = tuple[int, tuple[int, ...]]
# Ops whose second input is a constant of whole numbers.
_SHAPED = frozenset({"Reshape", "ReduceMean"})


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
        ports = "".join(_port(i, d, "I64" if kind in _SHAPED and i else "FP32") for i, (_, d) in enumerate(sources))
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
    image = net.add("Parameter", [], (1, channels, size, size), _parameter(channels, size))
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
    return _pack(net)


def chain_ir(classes: int, size: int, links: int, seed: int = 0) -> bytes:
    """A stored zip of a classifier with `links` layers that cost a camera time and a processor next to nothing.

    Input f32 (1, 1, size, size), output (1, classes) that sums to 1; each link halves the sum of two equal signals.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    net = _Writer()
    image = net.add("Parameter", [], (1, 1, size, size), _parameter(1, size))
    target = net.constant(np.array([1, size * size], np.int64))
    signal = net.add("Reshape", [image, target], (1, size * size), 'special_zero="False"')
    signal = _dense(net, signal, rng.standard_normal((classes, size * size)) * 8 / size)
    half = net.constant(np.full((1, 1), 0.5, np.float32))
    for _ in range(links):
        signal = net.add("Add", [signal, signal], signal[1], 'auto_broadcast="numpy"')
        signal = net.add("Multiply", [signal, half], signal[1], 'auto_broadcast="numpy"')
    signal = net.add("Softmax", [signal], signal[1], 'axis="1"')
    net.add("Result", [signal], None)
    return _pack(net)


# (class, confidence, xmin, ymin, xmax, ymax), normalised: a background, two objects, one that overshoots, a weak one.
ROWS = (
    (0, 0.99, 0.0, 0.0, 1.0, 1.0),
    (2, 0.9, 0.125, 0.25, 0.5, 0.75),
    (1, 0.7, 0.5, 0.0, 1.25, 0.5),
    (3, 0.2, 0.0, 0.0, 0.25, 0.25),
)


def tiny_detector(
    rows: tuple[tuple[float, ...], ...] = ROWS,
    size: int = 16,
    channels: int = 1,
    light: float = 0.0,
    flat: bool = False,
) -> bytes:
    """A stored zip of an IR that answers `rows`, whatever it sees, and then the end of the list.

    Output (1, 1, N, 7), or (1, N, 7) if `flat`; each row is image id, class, confidence and two corners. `light`
    times the mean of the input is added to every confidence, so that answers can depend on the image.
    """
    net = _Writer()
    image = net.add("Parameter", [], (1, channels, size, size), _parameter(channels, size))
    axes = net.constant(np.array([1, 2, 3], np.int64))
    mean = net.add("ReduceMean", [image, axes], (1, 1, 1, 1), 'keep_dims="True"')
    table = np.array([(0.0, *row) for row in rows] + [(-1.0,) + (0.0,) * 6], np.float32)[None, None]
    slope = np.zeros_like(table)
    slope[..., :-1, 2] = light
    signal = net.add("Multiply", [mean, net.constant(slope)], table.shape, 'auto_broadcast="numpy"')
    signal = net.add("Add", [signal, net.constant(table)], table.shape, 'auto_broadcast="numpy"')
    if flat:
        target = net.constant(np.array(table.shape[1:], np.int64))
        signal = net.add("Reshape", [signal, target], table.shape[1:], 'special_zero="False"')
    net.add("Result", [signal], None)
    return _pack(net)


def tiny_ssd(classes: int = 4, size: int = 16, seed: int = 0, kept: int = 5) -> bytes:
    """A stored zip of an SSD head as exports have it: box offsets, class scores and priors into DetectionOutput-1.

    Input f32 (1, 1, size, size), output (1, 1, kept, 7); class 0 of `classes` is the background.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    net = _Writer()
    priors = 9
    image = net.add("Parameter", [], (1, 1, size, size), _parameter(1, size))
    target = net.constant(np.array([1, size * size], np.int64))
    pixels = net.add("Reshape", [image, target], (1, size * size), 'special_zero="False"')
    offsets = _dense(net, pixels, rng.standard_normal((priors * 4, size * size)) / size)
    scores = _dense(net, pixels, rng.standard_normal((priors * classes, size * size)) * 4 / size)
    shape = net.constant(np.array([1, priors, classes], np.int64))
    scores = net.add("Reshape", [scores, shape], (1, priors, classes), 'special_zero="False"')
    scores = net.add("Softmax", [scores], scores[1], 'axis="2"')
    shape = net.constant(np.array([1, priors * classes], np.int64))
    scores = net.add("Reshape", [scores, shape], (1, priors * classes), 'special_zero="False"')
    corners = [((x, y, x + 0.3, y + 0.3)) for y in (0.05, 0.35, 0.65) for x in (0.05, 0.35, 0.65)]
    variances = [(0.1, 0.1, 0.2, 0.2)] * priors
    anchors = net.constant(np.array([corners, variances], np.float32).reshape(1, 2, priors * 4))
    head = (
        f'num_classes="{classes}" background_label_id="0" top_k="100" variance_encoded_in_target="false" '
        f'keep_top_k="{kept}" code_type="caffe.PriorBoxParameter.CENTER_SIZE" share_location="true" '
        'nms_threshold="0.45" confidence_threshold="0.01" clip_after_nms="false" clip_before_nms="false" '
        'decrease_label_id="false" normalized="true" input_height="1" input_width="1" objectness_score="0"'
    )
    signal = net.add("DetectionOutput", [offsets, scores, anchors], (1, 1, kept, 7), head)
    net.add("Result", [signal], None)
    return _pack(net)


def _dense(net: _Writer, signal: _Signal, weights: NDArray[np.float64]) -> _Signal:
    matrix = net.constant(weights.astype(np.float32))
    return net.add("MatMul", [signal, matrix], (1, len(weights)), 'transpose_a="False" transpose_b="True"')


def _parameter(channels: int, size: int) -> str:
    return f'element_type="f32" shape="1,{channels},{size},{size}"'


def _pack(net: _Writer) -> bytes:
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
