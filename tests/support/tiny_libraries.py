"""Little libraries for tests, written without any tool-kit: sound in form, not meant to be run."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agent.library.ir import pack_ir
from agent.library.manifest import Manifest, blob_file, decode_manifest, golden_file
from agent.library.publish import publish

LABELS = ("ok", "scratch", "crack", "dent")
FORMAT: Literal["openvino-ir-10"] = "openvino-ir-10"  # of the simulated camera

_XML = """<?xml version="1.0"?>
<net name="tiny" version="{version}">
<layers>
<layer id="0" name="image" type="Parameter" version="opset1"><data shape="{shape}" element_type="f32"/>
<output><port id="0" precision="FP32">{input_dims}</port></output></layer>
<layer id="1" name="weights" type="Const" version="opset1">
<data element_type="f32" shape="{count}" offset="0" size="{size}"/>
<output><port id="0" precision="FP32"><dim>{count}</dim></port></output></layer>
<layer id="2" name="scores" type="MatMul" version="opset1">
<input><port id="0" precision="FP32">{input_dims}</port><port id="1" precision="FP32"><dim>{count}</dim></port></input>
<output><port id="2" precision="FP32">{output_dims}</port></output></layer>
<layer id="3" name="probabilities" type="SoftMax" version="opset1">
<input><port id="0" precision="FP32">{output_dims}</port></input>
<output><port id="1" precision="FP32">{output_dims}</port></output></layer>
<layer id="4" name="result" type="Result" version="opset1">
<input><port id="0" precision="FP32">{output_dims}</port></input></layer>
</layers>
<edges>
<edge from-layer="0" from-port="0" to-layer="2" to-port="0"/>
<edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/>
<edge from-layer="3" from-port="1" to-layer="4" to-port="0"/>
</edges>
</net>
"""


def tiny_xml(side: int = 32, classes: int = 4, count: int = 16, version: str = "10") -> bytes:
    """`model.xml` of a network of that input and output."""

    def dims(*sizes: int) -> str:
        return "".join(f"<dim>{size}</dim>" for size in sizes)

    text = _XML.format(
        version=version,
        shape=f"1,1,{side},{side}",
        input_dims=dims(1, 1, side, side),
        output_dims=dims(1, classes),
        count=count,
        size=4 * count,
    )
    return text.encode()


def tiny_ir(side: int = 32, classes: int = 4, salt: int = 0) -> bytes:
    """Single-file IR; `salt` makes another digest."""
    return pack_ir(tiny_xml(side, classes), np.full(16, salt, "<f4").tobytes())


def png(value: int = 10, side: int = 16) -> bytes:
    """A grey 8-bit PNG."""
    pixels: NDArray[np.uint8] = np.full((side, side), value, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def artifact(blob: bytes) -> dict[str, Any]:
    """Manifest entry of a network's file for the simulated camera."""
    digest = sha256(blob)
    return {
        "format": FORMAT,
        "target": "simulated",
        "shaves": 12,
        "file": blob_file(digest, FORMAT),
        "sha256": digest,
        "size_bytes": len(blob),
    }


def tiny_subnet(index: int, side: int = 32) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Manifest entry number `index` as plain JSON values, and its files."""
    blob, image = tiny_ir(side, salt=index), png(10 + index)
    golden = golden_file(sha256(image))
    top1 = 0.5 + 0.1 * index
    entry = {
        "id": f"net-{index}",
        "arch": {"ks": [3, 0], "e": [2.0, 0.0], "d": [1], "r": side},
        "params": 1000 + index,
        "macs_dense": 10_000,
        "macs_depthwise": 100,
        "layers": 15,
        "accuracy": {"top1": top1, "n": 100, "ci95_low": top1 - 0.1, "ci95_high": top1 + 0.1, "dataset": "held"},
        "latency": {"predicted_ms": 10.0 * (index + 1), "source": "test", "preprocessing_ms": 1.2},
        "artifacts": [artifact(blob)],
        "golden": [{"image": golden, "class_id": 1, "confidence": 0.9, "tolerance": 0.05}],
    }
    return entry, {blob_file(sha256(blob), FORMAT): blob, golden: image}


def tiny_manifest(count: int = 2, **changes: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A manifest of `count` sub-nets as plain JSON values, and all files."""
    made = [tiny_subnet(index) for index in range(count)]
    values: dict[str, Any] = {
        "schema": "ofa-agent.library/1",
        "name": "tiny",
        "version": 1,
        "created": 0,
        "task": {"type": "classification", "labels": list(LABELS)},
        "input": {
            "width": 32,
            "height": 32,
            "channels": 1,
            "pixel_format": "Mono8",
            "mean": [127.0],
            "scale": [64.0],
        },
        "supernet": {"family": "ofa-small", "sha256": "0" * 64},
        "subnets": [entry for entry, _ in made],
    }
    return values | changes, {name: data for _, files in made for name, data in files.items()}


def decoded(values: dict[str, Any]) -> Manifest:
    """Plain JSON values through the strict reader."""
    return decode_manifest(json.dumps(values).encode())


def publish_tiny(path: Path, count: int = 2, **changes: Any) -> Path:
    """Publish such a library; returns `path`."""
    values, files = tiny_manifest(count, **changes)
    publish(decoded(values), files, path)
    return path


def edit_manifest(library: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest of a published library in place, past all checks."""
    file = library / "manifest.json"
    values = json.loads(file.read_text())
    change(values)
    file.write_text(json.dumps(values))
