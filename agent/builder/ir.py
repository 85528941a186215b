"""A model as a single-file IR, byte for byte the same for the same network."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from agent.builder.graph import InputElement, InputFold, build_model
from agent.builder.plan import Net
from agent.builder.runtime import load_ir, load_openvino
from agent.library.ir import pack_ir, unpack_ir

if TYPE_CHECKING:
    from openvino import CompiledModel, Model


def net_to_ir(net: Net, *, softmax: bool, fold: InputFold | None = None, element: InputElement = "f32") -> bytes:
    """Single-file IR v10 of a sub-net: batch 1, NCHW input of `element`."""
    return model_to_ir(build_model(net, softmax=softmax, fold=fold, element=element))


def model_to_ir(model: Model) -> bytes:
    """Serialise as IR version 10, which tool-kits from 2020 on read."""
    with tempfile.TemporaryDirectory() as folder:
        xml, weights = Path(folder, "model.xml"), Path(folder, "model.bin")
        load_openvino().serialize(model, str(xml), str(weights), "IR_V10")
        return pack_ir(xml.read_bytes(), weights.read_bytes())


def compile_ir(data: bytes, where: str) -> CompiledModel:
    """Compile a single-file IR for the CPU. Raises BlobInvalid where the container is unsound."""
    parts = unpack_ir(data, where)
    return load_ir(parts.xml, parts.weights)
