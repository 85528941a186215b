"""The graph in a `model.xml`: layers, ports and edges, checked against each other, and the work that they mean.

An IR says every shape at both ends of an edge, and that of a constant four times; what disagrees is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree import ElementTree

from agent.errors import BlobInvalid
from agent.library.blob import Work

Dims = tuple[int, ...]
_Port = tuple[str, str]  # layer id, port id

# Bits of an element, by the name in `element_type`, and the name in `precision`.
_ELEMENTS = {
    "f64": (64, "FP64"), "f32": (32, "FP32"), "f16": (16, "FP16"), "bf16": (16, "BF16"), "i64": (64, "I64"),
    "i32": (32, "I32"), "i16": (16, "I16"), "i8": (8, "I8"), "i4": (4, "I4"), "u64": (64, "U64"), "u32": (32, "U32"),
    "u16": (16, "U16"), "u8": (8, "U8"), "u4": (4, "U4"), "u1": (1, "BIN"), "boolean": (8, "BOOL"),
}  # fmt: skip
_TRAINED = frozenset({"f64", "f32", "f16", "bf16"})
_IDLE = frozenset({"Const", "Parameter", "Result"})
# Operations through which a constant stays a constant (half-precision weights are converted, biases reshaped).
_TRANSPARENT = frozenset({"Convert", "Reshape", "Unsqueeze", "Squeeze", "Transpose", "FakeQuantize", "Broadcast"})
_COUNTED = frozenset({"AvgPool", "MaxPool", "ReduceMean", "AdaptiveAvgPool", "HSwish", "Swish"})
_MAX_DIMS = 16


@dataclass(frozen=True, slots=True)
class Layer:
    """One operation; `inputs` and `outputs` are shapes by port id, a free size is -1."""

    id: str
    name: str
    type: str
    inputs: dict[str, Dims]
    outputs: dict[str, Dims]
    data: dict[str, str]

    @property
    def ends(self) -> list[Dims]:
        """Shapes of the inputs in the order of their ports."""
        return list(self.inputs.values())


@dataclass(frozen=True, slots=True)
class Graph:
    """A checked graph: layers in an order in which they can run, `taken` the shape of the one input."""

    layers: tuple[Layer, ...]
    sources: dict[str, tuple[str, ...]]
    taken: Dims

    @property
    def results(self) -> tuple[Layer, ...]:
        """The layers whose input is an answer of the network."""
        return tuple(layer for layer in self.layers if layer.type == "Result")

    @property
    def steps(self) -> int:
        """Layers that compute something."""
        constant = self._constant()
        return sum(layer.type not in _IDLE and layer.id not in constant for layer in self.layers)

    def work(self) -> Work:
        """Parameters, multiply-accumulates and layers as the latency law counts them."""
        constant = self._constant()
        params = dense = depthwise = counted = 0
        for layer in self.layers:
            if layer.type == "Const" and layer.data.get("element_type") in _TRAINED:
                params += math.prod(next(iter(layer.outputs.values())))
            if layer.id in constant:
                continue
            macs, is_depthwise = _macs(layer)
            dense += 0 if is_depthwise else macs
            depthwise += macs if is_depthwise else 0
            # A sum or product of two signals is a residual, an h-swish or a gate; with a constant it is folded.
            joins = layer.type in {"Add", "Multiply"} and constant.isdisjoint(self.sources[layer.id])
            counted += macs > 0 or joins or layer.type in _COUNTED
        return Work(params, dense, depthwise, counted)

    def _constant(self) -> set[str]:
        found: set[str] = set()
        for layer in self.layers:
            sources = self.sources[layer.id]
            if layer.type == "Const" or (layer.type in _TRANSPARENT and sources and found.issuperset(sources)):
                found.add(layer.id)
        return found


def read_graph(root: ElementTree.Element, weight_bytes: int, where: str) -> Graph:
    """Check the graph below `root`; `weight_bytes` is the size of `model.bin`. Raises BlobInvalid."""
    layers = [_read_layer(element, where) for element in root.findall("./layers/layer")]
    by_id = {layer.id: layer for layer in layers}
    if len(by_id) != len(layers):
        raise BlobInvalid(f"{where}: {len(layers)} layers have {len(by_id)} different ids")
    taken = _check_ends(layers, where)
    for layer in layers:
        if layer.type == "Const":
            _check_constant(layer, weight_bytes, where)
    sources = _read_edges(root, by_id, where)
    return Graph(_ordered(by_id, sources, where), sources, taken)


def _read_layer(element: ElementTree.Element, where: str) -> Layer:
    key, name, kind = (element.get(attribute, "") for attribute in ("id", "name", "type"))
    if not key or not kind or not kind.isprintable():
        raise BlobInvalid(f"{where}: a layer (name {name!r}) has no id or no type")
    found = element.find("data")
    data = {} if found is None else dict(found.attrib)
    sides = [_ports(element, side, name or key, where) for side in ("input", "output")]
    precision = _ELEMENTS.get(data.get("element_type", ""), (0, ""))[1]
    for port in element.findall("./output/port") if kind in {"Const", "Parameter"} and precision else ():
        if port.get("precision", precision) != precision:
            raise BlobInvalid(
                f"{where}: layer {name!r} has type {data['element_type']!r} and precision {port.get('precision')!r}"
            )
    return Layer(key, name, kind, sides[0], sides[1], data)


def _ports(element: ElementTree.Element, side: str, name: str, where: str) -> dict[str, Dims]:
    ports: dict[str, Dims] = {}
    for port in element.findall(f"./{side}/port"):
        key = port.get("id", "")
        if not key or key in ports:
            raise BlobInvalid(f"{where}: layer {name!r} has {side} port {key!r} without an id or twice")
        ports[key] = _dims([dim.text or "" for dim in port.findall("dim")], name, where)
    return ports


def _dims(texts: list[str], name: str, where: str) -> Dims:
    try:
        sizes = tuple(int(text) for text in texts)
    except ValueError as exc:
        raise BlobInvalid(f"{where}: layer {name!r} has a shape that is not numbers") from exc
    if len(sizes) > _MAX_DIMS or any(not -1 <= size < 2**31 for size in sizes):
        raise BlobInvalid(f"{where}: layer {name!r} has shape {list(sizes[:_MAX_DIMS])}")
    return sizes


def _check_ends(layers: list[Layer], where: str) -> Dims:
    """Shape of the one input; sizes of input and results must be fixed."""
    parameters = [layer for layer in layers if layer.type == "Parameter"]
    results = [layer for layer in layers if layer.type == "Result"]
    if len(parameters) != 1 or not results:
        raise BlobInvalid(f"{where}: {len(parameters)} inputs and {len(results)} outputs, expected 1 and at least 1")
    for layer, ports in [(parameters[0], parameters[0].outputs), *((one, one.inputs) for one in results)]:
        if len(ports) != 1:
            raise BlobInvalid(f"{where}: layer {layer.name!r} has {len(ports)} ports, expected 1")
        (shape,) = ports.values()
        if not shape or min(shape) < 1:
            raise BlobInvalid(f"{where}: layer {layer.name!r} has shape {list(shape)}, expected fixed sizes")
    (taken,) = parameters[0].outputs.values()
    _check_declared_shape(parameters[0], taken, where)
    return taken


def _check_declared_shape(layer: Layer, shape: Dims, where: str) -> None:
    text = layer.data.get("shape")
    if text is None:
        return
    declared = _dims([part for part in (word.strip() for word in text.split(",")) if part], layer.name, where)
    if declared != shape:
        raise BlobInvalid(f"{where}: layer {layer.name!r} declares {list(declared)}, its port {list(shape)}")


def _check_constant(layer: Layer, available: int, where: str) -> None:
    try:
        offset, size = (int(layer.data.get(key, "")) for key in ("offset", "size"))
    except ValueError as exc:
        raise BlobInvalid(f"{where}: constant {layer.name!r} has no offset and size") from exc
    if offset < 0 or size < 0 or offset + size > available:
        raise BlobInvalid(f"{where}: constant {layer.name!r} ends at byte {offset + size}, model.bin has {available}")
    if len(layer.outputs) != 1:
        raise BlobInvalid(f"{where}: constant {layer.name!r} has {len(layer.outputs)} ports, expected 1")
    (shape,) = layer.outputs.values()
    _check_declared_shape(layer, shape, where)
    bits = _ELEMENTS.get(layer.data.get("element_type", ""), (0, ""))[0]
    needed = -(-bits * math.prod(shape) // 8)
    if bits and (size != needed or min(shape, default=1) < 0):
        raise BlobInvalid(f"{where}: constant {layer.name!r} of shape {list(shape)} has {size} bytes, needs {needed}")


def _read_edges(root: ElementTree.Element, layers: dict[str, Layer], where: str) -> dict[str, tuple[str, ...]]:
    """Where each layer's inputs come from, in the order of its ports; every input must be fed exactly once."""
    fed: dict[_Port, str] = {}
    for edge in root.findall("./edges/edge"):
        start, from_port, end, to_port = (
            edge.get(key, "") for key in ("from-layer", "from-port", "to-layer", "to-port")
        )
        given = layers[start].outputs.get(from_port) if start in layers else None
        wanted = layers[end].inputs.get(to_port) if end in layers else None
        name = f"edge from layer {start!r} port {from_port!r} to layer {end!r} port {to_port!r}"
        if given is None or wanted is None:
            raise BlobInvalid(f"{where}: {name}: one of them does not exist")
        if given != wanted:
            raise BlobInvalid(f"{where}: {name}: shape {list(given)} meets {list(wanted)}")
        if (end, to_port) in fed:
            raise BlobInvalid(f"{where}: {name}: the input has another source already")
        fed[end, to_port] = start
    for layer in layers.values():
        for port in layer.inputs:
            if (layer.id, port) not in fed:
                raise BlobInvalid(f"{where}: input {port!r} of layer {layer.name!r} has no source")
    return {key: tuple(fed[key, port] for port in layer.inputs) for key, layer in layers.items()}


def _ordered(layers: dict[str, Layer], sources: dict[str, tuple[str, ...]], where: str) -> tuple[Layer, ...]:
    """Layers behind their sources. Raises BlobInvalid where they wait for each other."""
    waiting = {key: len(sources[key]) for key in layers}
    readers: dict[str, list[str]] = {key: [] for key in layers}
    for key, needed in sources.items():
        for source in needed:
            readers[source].append(key)
    ready = [key for key, count in waiting.items() if count == 0]
    for key in ready:
        for reader in readers[key]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                ready.append(reader)
    if len(ready) != len(layers):
        raise BlobInvalid(f"{where}: {len(layers) - len(ready)} layers wait for each other in a circle")
    return tuple(layers[key] for key in ready)


def _macs(layer: Layer) -> tuple[int, bool]:
    """Multiply-accumulates of one layer and whether it is depthwise; 0 where shapes do not tell."""
    if layer.type not in {"Convolution", "GroupConvolution", "MatMul"} or len(layer.inputs) != 2:
        return 0, False
    weights, made = layer.ends[1], next(iter(layer.outputs.values()), ())
    if min((*weights, *made), default=-1) < 0:
        return 0, False
    if layer.type == "MatMul":
        return math.prod(weights), False
    return math.prod(weights) * math.prod(made[2:]), layer.type == "GroupConvolution" and weights[2:3] == (1,)
