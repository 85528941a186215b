"""Names of the blob formats and what a blob says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from agent.errors import BlobInvalid

BlobFormat = Literal["ncsdk-graph-2", "ncsdk-graph-1", "openvino-blob-5", "openvino-blob-6", "openvino-ir-10"]
FORMATS: tuple[BlobFormat, ...] = get_args(BlobFormat)

EXTENSIONS: dict[BlobFormat, str] = {
    "ncsdk-graph-2": "graph",
    "ncsdk-graph-1": "graph",
    "openvino-blob-5": "blob",
    "openvino-blob-6": "blob",
    "openvino-ir-10": "ovir",
}

# The largest once-for-all sub-net is 192 MB in f32 (ResNet50D, facts/ofa.md 3); the camera holds far less.
MAX_BLOB_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What a blob says about itself; None where its format does not tell.

    `input_shape` and `output_shape` are NCHW and NC; `outputs` counts result tensors.
    """

    format: BlobFormat
    size_bytes: int
    version: str | None = None
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None
    outputs: int | None = None
    shaves: int | None = None
    layer_types: tuple[str, ...] = ()


class InputMismatch(BlobInvalid):
    """A sound network whose input is not the one the manifest declares."""

    reason: ClassVar[str] = "BLOB_INPUT_MISMATCH"
