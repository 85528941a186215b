"""Networks as the simulated camera takes them: a stored zip of `model.xml` and `model.bin` (OpenVINO IR v10 or v11).

This is the simulation's own reader, on purpose independent of the library's: it checks what was uploaded as the
firmware would, and counts the work that the latency law of facts/myriad-blobs.md section 6 needs.

A network answers either class scores (1, classes) or boxes: (1, 1, N, 7) or (1, N, 7), the rows of OpenVINO's
DetectionOutput as every SSD export ends in it: image id (negative ends the list), class, confidence and two corners.

A compiled network is taken too, as its header has it. It runs as the IR that `twins` names for it; without one the
simulation answers in its place (`agent.sim.stand_in`).
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from agent.errors import AgentError
from agent.sim.blobs import Blob, read_blob

XML_LIMIT_BYTES = 16 << 20
_MEMBERS = frozenset({"model.xml", "model.bin"})
# Ops through which a constant stays a constant (fp16 weights are converted, biases reshaped).
_TRANSPARENT = frozenset({"Convert", "Reshape", "Unsqueeze", "Squeeze", "Transpose", "FakeQuantize", "Broadcast"})
_POOLS = frozenset({"AvgPool", "MaxPool", "ReduceMean", "AdaptiveAvgPool"})
_ACTIVATIONS = frozenset({"HSwish", "Swish"})

BOX_VALUES = 7

Dims = tuple[int, ...]
Kind = Literal["Classification", "Detection"]


class NetworkInvalid(AgentError, ValueError):
    """Bytes that the camera cannot run; the status node shows Error."""

    reason = "SIM_NETWORK_INVALID"


@dataclass(frozen=True, slots=True)
class Work:
    """What the latency law counts: multiply-accumulates and layers (conv, dw, FC, residual add, h-swish, SE, pool)."""

    macs_dense: int
    macs_depthwise: int
    layers: int


@dataclass(frozen=True, slots=True)
class Network:
    """A checked network. `digest` is the sha256 of the uploaded bytes, also where an IR twin runs in their place.

    `program` is the sha256 of what runs. `boxes` is the most that a detection network answers, 0 for a classifier;
    `classes` of a detection network counts the background and is 0 where the file does not tell.
    """

    digest: str
    program: str
    size_bytes: int
    channels: int
    height: int
    width: int
    classes: int
    total_layers: int
    work: Work
    xml: bytes = field(repr=False)
    weights: bytes = field(repr=False)
    boxes: int = 0
    # The header of a compiled network whose program is unknown.
    blob: Blob | None = field(default=None, repr=False)

    def fits(self, kind: Kind) -> bool:
        """Whether an entry of InferenceNetworkTypeSelector fits; a graph's header does not tell which does."""
        if self.blob is not None and not self.boxes:
            return True
        return kind == self.kind

    @property
    def kind(self) -> Kind:
        """The entry of InferenceNetworkTypeSelector for what the output looks like."""
        return "Detection" if self.boxes else "Classification"

    @property
    def shaves(self) -> int:
        """SHAVEs that it was compiled for; an IR has all of them."""
        return self.blob.shaves if self.blob is not None else 12


def load_network(data: bytes, twins: Mapping[str, str], blobs_need_twin: bool = False) -> Network:
    """Check `data` and read what it holds; `twins` names the IR to run for a blob, by the sha256 of the blob."""
    digest = hashlib.sha256(data).hexdigest()
    twin = twins.get(digest)
    if twin is None and not blobs_need_twin:
        blob = _compiled(data)
        if blob is not None:
            return _stand_in(digest, len(data), blob)
    xml, weights = _unzip(data) if twin is None else _read_twin(Path(twin))
    return _inspect(digest, len(data), xml, weights)


def _compiled(data: bytes) -> Blob | None:
    try:
        return read_blob(data)
    except (ValueError, struct.error) as exc:
        raise NetworkInvalid(f"compiled network is damaged: {exc}") from exc


def _stand_in(digest: str, size_bytes: int, blob: Blob) -> Network:
    work = Work(blob.macs_dense, blob.macs_depthwise, blob.layers)
    return Network(
        digest, digest, size_bytes, blob.channels, blob.height, blob.width, 0 if blob.boxes else blob.outputs,
        blob.total_layers, work, b"", b"", blob.boxes, blob,
    )  # fmt: skip


def _read_twin(path: Path) -> tuple[bytes, bytes]:
    if path.suffix == ".xml":
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()
    return _unzip(path.read_bytes())


def _unzip(data: bytes) -> tuple[bytes, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(archive.infolist(), len(data))
            return archive.read("model.xml"), archive.read("model.bin")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as exc:
        if isinstance(exc, NetworkInvalid):
            raise
        raise NetworkInvalid(f"network is no single-file IR: {exc}") from exc


def _check_members(members: list[zipfile.ZipInfo], size_bytes: int) -> None:
    names = [m.filename for m in members]
    if len(names) != len(_MEMBERS) or set(names) != _MEMBERS:
        raise NetworkInvalid(f"network zip holds {sorted(names)}, allowed are {sorted(_MEMBERS)}")
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise NetworkInvalid(f"{member.filename} is compressed or encrypted, it must be stored")
        if member.file_size > size_bytes or (member.filename == "model.xml" and member.file_size > XML_LIMIT_BYTES):
            raise NetworkInvalid(f"{member.filename} claims {member.file_size} bytes of a file of {size_bytes}")


def _inspect(digest: str, size_bytes: int, xml: bytes, weights: bytes) -> Network:
    # Entity expansion is the one attack that expat allows; IR never has a document type.
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise NetworkInvalid("model.xml declares a document type, IR has none")
    try:
        graph = _Graph(ElementTree.fromstring(xml), len(weights))
        (_, channels, height, width), classes, boxes = graph.ends()
        work = graph.work()
    except (ElementTree.ParseError, KeyError, ValueError, IndexError, TypeError) as exc:
        raise NetworkInvalid(f"model.xml is no usable IR: {exc!r}") from exc
    program = hashlib.sha256(xml + weights).hexdigest()
    return Network(
        digest, program, size_bytes, channels, height, width, classes, graph.size(), work, xml, weights, boxes
    )


class _Graph:
    """Layers and edges of one `model.xml`."""

    def __init__(self, root: ElementTree.Element, weights_bytes: int) -> None:
        if root.tag != "net" or root.get("version") not in {"10", "11"}:
            raise NetworkInvalid(f"IR version is {root.get('version')!r}, allowed are 10 and 11")
        self._layers = {e.get("id", ""): e for e in root.iterfind("layers/layer")}
        self._sources: dict[str, list[str]] = {key: [] for key in self._layers}
        for edge in root.iterfind("edges/edge"):
            self._sources[edge.get("to-layer", "")].append(edge.get("from-layer", ""))
        self._constant = self._find_constants()
        self._check_constants(weights_bytes)

    def size(self) -> int:
        """Layers that compute: everything but constants, parameters and results."""
        idle = {"Parameter", "Result"}
        return sum(e.get("type") not in idle and k not in self._constant for k, e in self._layers.items())

    def ends(self) -> tuple[Dims, int, int]:
        """Shape of the one input (1, C, H, W), and the classes and boxes of the one output."""
        (source,) = (e for e in self._layers.values() if e.get("type") == "Parameter")
        (result,) = (e for e in self._layers.values() if e.get("type") == "Result")
        shape, output = _dims(source, "output"), _dims(result, "input")
        if len(shape) != 4 or shape[0] != 1 or not output or min(*shape, *output) < 1:
            raise NetworkInvalid(f"network maps {shape} to {output}, wanted (1, C, H, W) to scores or boxes")
        if len(output) in {3, 4} and output[-1] == BOX_VALUES and set(output[:-2]) == {1}:
            return shape, self._detected_classes(), output[-2]
        while len(output) > 2 and output[-1] == 1:  # a (1, classes, 1, 1) head
            output = output[:-1]
        if len(output) != 2 or output[0] != 1:
            raise NetworkInvalid(f"network maps {shape} to {output}, wanted (1, classes), (1, N, 7) or (1, 1, N, 7)")
        return shape, output[1], 0

    def _detected_classes(self) -> int:
        """`num_classes` of DetectionOutput-1; later versions and other heads do not tell."""
        heads = (e.find("data") for e in self._layers.values() if e.get("type") == "DetectionOutput")
        return next((int(d.get("num_classes", "0")) for d in heads if d is not None), 0)

    def work(self) -> Work:
        dense = depthwise = layers = 0
        for key, layer in self._layers.items():
            if key in self._constant:
                continue
            macs, is_depthwise = _macs(layer)
            depthwise += macs if is_depthwise else 0
            dense += 0 if is_depthwise else macs
            layers += macs > 0 or self._counts(key, layer)
        return Work(dense, depthwise, layers)

    def _counts(self, key: str, layer: ElementTree.Element) -> bool:
        """Whether the law counts a layer without weights. A product of two signals is an h-swish or an SE gate."""
        kind = layer.get("type", "")
        if kind in {"Add", "Multiply"}:
            return not any(s in self._constant for s in self._sources[key])
        return kind in _ACTIVATIONS or (kind in _POOLS)

    def _find_constants(self) -> set[str]:
        constant = {k for k, e in self._layers.items() if e.get("type") in {"Const", "Constant"}}
        grown = True
        while grown:
            more = {
                k
                for k, e in self._layers.items()
                if k not in constant
                and e.get("type") in _TRANSPARENT
                and self._sources[k]
                and all(s in constant for s in self._sources[k])
            }
            constant |= more
            grown = bool(more)
        return constant

    def _check_constants(self, weights_bytes: int) -> None:
        for layer in self._layers.values():
            data = layer.find("data")
            if layer.get("type") == "Const" and data is not None:
                end = int(data.get("offset", "0")) + int(data.get("size", "0"))
                if end > weights_bytes:
                    raise NetworkInvalid(f"constant {layer.get('name')!r} ends at {end} of {weights_bytes} bytes")


def _dims(layer: ElementTree.Element, side: str, number: int = 0) -> Dims:
    ports = layer.findall(f"{side}/port")
    return tuple(int(d.text or "-1") for d in ports[number].iterfind("dim"))


def _macs(layer: ElementTree.Element) -> tuple[int, bool]:
    """Multiply-accumulates of one layer and whether it is depthwise."""
    kind = layer.get("type")
    if kind == "Convolution":
        return math.prod(_dims(layer, "input", 1)) * math.prod(_dims(layer, "output")[2:]), False
    if kind == "GroupConvolution":
        weights = _dims(layer, "input", 1)
        return math.prod(weights) * math.prod(_dims(layer, "output")[2:]), weights[2] == 1
    if kind == "MatMul":
        return math.prod(_dims(layer, "input", 1)), False
    return 0, False
