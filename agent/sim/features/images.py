"""Pixels: of the scene and of the injected image, as sensor, region, binning and image pipeline give them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from agent.sim.chunks import PLAIN, Geometry, ImageKey, Processing
from agent.sim.scaling import interpolate, plan_axis
from agent.sim.scene import Scene

Gray = NDArray[np.uint8]
Indices = NDArray[np.intp]
_INJECTED_KEPT = 8


class ImageSource:
    """Pixels by key, for the VPU and the host. Thread-safe: values are only added."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._injected: dict[str, Gray] = {}

    def inject(self, data: bytes, width: int, height: int) -> str:
        """Take an injected image: 16-bit little-endian, value << 2 (facts/firefly-dl.md section 8)."""
        digest = hashlib.sha256(data + f"{width}x{height}".encode()).hexdigest()
        size = 2 * width * height
        raw = np.frombuffer(data[:size].ljust(size, b"\0"), "<u2").reshape(height, width)
        kept = dict(list(self._injected.items())[1 - _INJECTED_KEPT :])
        self._injected = {**kept, digest: (raw >> 2).astype(np.uint8)}
        return digest

    def scaled(self, image: ImageKey, height: int, width: int) -> NDArray[np.float32]:
        """The image as the scaler gives it to the VPU."""
        if image.source == "injected":
            pixels = process(self._injected[image.digest], image.processing)
            rows, columns = plan_axis(pixels.shape[0], height), plan_axis(pixels.shape[1], width)
            return interpolate(pixels[np.ix_(rows.needed, columns.needed)], rows, columns)
        window = image.geometry
        rows, columns = plan_axis(window.height, height), plan_axis(window.width, width)
        return interpolate(self._seen(image, rows.needed, columns.needed), rows, columns)

    def frame(self, image: ImageKey) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """All pixels of the frame, (height, width); formats above 8 bits as uint16, most significant bits used."""
        window = image.geometry
        if image.source == "injected":
            pixels = np.zeros((window.height, window.width), np.uint8)
            whole = process(self._injected[image.digest], image.processing)
            part = whole[window.offset_y :, window.offset_x :][: window.height, : window.width]
            pixels[: part.shape[0], : part.shape[1]] = part
        else:
            pixels = self._seen(image, np.arange(window.height), np.arange(window.width))
        if window.pixel_format == "Mono8":
            return pixels
        return np.left_shift(pixels.astype(np.uint16), 8, dtype=np.uint16)

    def _seen(self, image: ImageKey, rows: Indices, columns: Indices) -> Gray:
        """Pixels of the region of interest at ascending `rows` x `columns` of it."""
        window = image.geometry
        rows_at, flips_rows = _mirrored(rows, window.height, window.reverse_y)
        columns_at, flips_columns = _mirrored(columns, window.width, window.reverse_x)
        pixels = self._binned(image.content, rows_at + window.offset_y, columns_at + window.offset_x, window)
        pixels = pixels[::-1] if flips_rows else pixels
        pixels = pixels[:, ::-1] if flips_columns else pixels
        return pixels if image.processing == PLAIN else process(pixels, image.processing)

    def _binned(self, content: int, rows: Indices, columns: Indices, window: Geometry) -> Gray:
        high, wide = window.bin_y, window.bin_x
        if high == wide == 1:
            return self._scene.region(content, rows, columns)
        every_row = (rows[:, None] * high + np.arange(high)).ravel()
        every_column = (columns[:, None] * wide + np.arange(wide)).ravel()
        fine = self._scene.region(content, every_row, every_column).astype(np.float32)
        sums = fine.reshape(len(rows), high, len(columns), wide).sum(axis=(1, 3))
        values: Gray = np.clip(sums if window.bin_sums else sums / (high * wide), 0, 255).astype(np.uint8)
        return values


def process(pixels: Gray, how: Processing) -> Gray:
    """Pixels after the image pipeline; neighbourhood filters see the pixels that are given."""
    if how == PLAIN:
        return pixels
    values = pixels.astype(np.float32)
    if how.denoises:
        values = _box(values)
    if how.sharpens:
        values += 0.5 * (values - _box(values))
    values = np.clip(values * how.light / 255.0 + how.black, 0.0, 1.0)
    if how.gamma != 1.0:
        values = values**how.gamma
    processed: Gray = np.rint(values * 255.0).astype(np.uint8)
    return processed


def _box(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of 3 x 3 pixels, edges repeated."""
    padded = np.pad(values, 1, mode="edge")
    height, width = values.shape
    total = sum(padded[y : y + height, x : x + width] for y in range(3) for x in range(3))
    mean: NDArray[np.float32] = (total / np.float32(9)).astype(np.float32)
    return mean


def _mirrored(positions: Indices, size: int, reverse: bool) -> tuple[Indices, bool]:
    """Ascending positions on the sensor, and whether what is found there has to be turned round."""
    return (size - 1 - positions[::-1], True) if reverse else (positions, False)
