"""Chunk data control (facts/firefly-dl.md 1.3); the Chunk... mirrors are filled by the host from the last image."""

from __future__ import annotations

from functools import partial

from agent.sim.nodes.imaging import PIXEL_FORMATS
from agent.sim.nodes.table import STREAMING, Category, boolean, enumeration, integer, real, register

_ACTIVE = "{ChunkModeActive}"
_integer = partial(integer, access="RO", host=True, available=_ACTIVE)
_real = partial(real, access="RO", host=True, available=_ACTIVE)
BOX_REGISTER_BYTES = 2048

CHUNK_DATA = Category(
    "ChunkDataControl",
    (
        boolean("ChunkModeActive", locked=STREAMING),
        enumeration(
            "ChunkSelector",
            entries=("Image", "FrameID", "OffsetX", "OffsetY", "Width", "Height", "ExposureTime", "Gain", "BlackLevel",
            "PixelFormat", "Timestamp", "ExposureEndLineStatusAll", "InferenceFrameId", "InferenceResult",
            "InferenceConfidence", "InferenceBoundingBoxResult"),
        ),
        # The image itself is always on (S6).
        boolean(
            "ChunkEnable", selector="ChunkSelector",
            locked="{TLParamsLocked} || ({ChunkSelector} = {ChunkSelector.Image})",
        ),
        _integer("ChunkFrameID", size=8),
        _integer("ChunkTimestamp", size=8, unit="ns"),
        _integer("ChunkOffsetX"),
        _integer("ChunkOffsetY"),
        _integer("ChunkWidth"),
        _integer("ChunkHeight"),
        _real("ChunkExposureTime", unit="us"),
        enumeration("ChunkGainSelector", entries=("All",), available=_ACTIVE),
        _real("ChunkGain", unit="dB"),
        enumeration("ChunkBlackLevelSelector", entries=("All",), available=_ACTIVE),
        _real("ChunkBlackLevel", unit="%"),
        enumeration(
            "ChunkPixelFormat", access="RO", host=True, entries=tuple(PIXEL_FORMATS),
            numbers=tuple(PIXEL_FORMATS.values()), available=_ACTIVE,
        ),
        _integer("ChunkExposureEndLineStatusAll", hex=True),
        _integer("ChunkInferenceFrameId", size=8, signed=True),
        _integer("ChunkInferenceResult", signed=True),
        _real("ChunkInferenceConfidence"),
        register(
            "ChunkInferenceBoundingBoxResult", access="RO", size=BOX_REGISTER_BYTES, host=True, available=_ACTIVE
        ),
    ),
)  # fmt: skip
