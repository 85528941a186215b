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

Platform = Literal["myriad2", "myriadx"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)
# A Myriad 2 (MA2450, the camera's) has 12 SHAVEs and as many CMX slices, a Myriad X 16 and 19.
MYRIAD2_SHAVES = 12
MYRIADX_SHAVES = 16
MYRIADX_CMX_SLICES = 19

# The largest once-for-all sub-net is 192 MB in f32 (ResNet50D, facts/ofa.md 3); the camera holds far less.
MAX_BLOB_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Work:
    """What running a network once costs: parameters, multiply-accumulates, and L of the latency law.

    L counts convolutions, fully connected layers, pools, additions, products and h-swishes
    (facts/myriad-blobs.md 6).
    """

    params: int
    macs_dense: int
    macs_depthwise: int
    layers: int


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What a blob says about itself; None where its format does not tell.

    `input_shape` and `output_shape` are those of one image, NCHW and NC. `inputs` and `outputs` count the values
    that go in and come out, `result_tensors` the tensors they come out in, `stages` the steps of a compiled network.
    `platform` is the processor it was compiled for.
    """

    format: BlobFormat
    size_bytes: int
    version: str | None = None
    platform: Platform | None = None
    shaves: int | None = None
    stages: int | None = None
    inputs: int | None = None
    outputs: int | None = None
    result_tensors: int | None = None
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None
    layer_types: tuple[str, ...] = ()
    work: Work | None = None


class InputMismatch(BlobInvalid):
    """A sound network whose input is not the one the manifest declares."""

    reason: ClassVar[str] = "BLOB_INPUT_MISMATCH"
