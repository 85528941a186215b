"""Reading a supernet file: weights, family, input and labels, all checked before anything is cut from it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agent.builder.arch import Arch, Space
from agent.builder.counts import count
from agent.builder.errors import NonFinite, SupernetInvalid
from agent.builder.families import Family, Source, family_for
from agent.builder.plan import Net, Weights

_Arrays = dict[str, NDArray[np.float32]]

FORMAT = "ofa-agent.supernet/1"
MAX_FILE_BYTES = 1024 * 1024 * 1024

# Published checkpoints use the older name of a block's body (facts/ofa.md 1.3).
_OLD_NAME, _NEW_NAME = ".mobile_inverted_conv.", ".conv."

_CHANNELS = {"Mono8": 1, "RGB8": 3}

# ImageNet statistics in 0..255 units, RGB: what the published supernets were trained with (facts/ofa.md 1.1).
_IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_SCALE = (0.229 * 255, 0.224 * 255, 0.225 * 255)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Network input = (pixel - mean) / scale per channel, pixels 0..255."""

    pixel_format: Literal["Mono8", "RGB8"]
    mean: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Supernet:
    """A supernet that passed all checks. `labels` is empty where the file has none."""

    path: Path
    sha256: str
    family: Family
    source: Source
    normalisation: Normalisation
    labels: tuple[str, ...]

    @property
    def space(self) -> Space:
        """The choices that its sub-nets are made from."""
        return self.family.space(self.source)

    def cut(self, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture; its weights may be views of the supernet's."""
        return self.family.cut(self.source, arch)


def load_supernet(path: Path | str) -> Supernet:
    """Read a `.safetensors` file with our metadata, or an `.npz` of a state dict.

    Raises SupernetInvalid or one of its leaves: WrongFamily, MissingWeights, WrongShape, NonFinite.
    """
    path = Path(path)
    data = _read(path)
    weights, metadata = _from_npz(data, path) if data[:4] == b"PK\x03\x04" else _from_safetensors(data, path)
    weights = {_rename(key): value for key, value in weights.items()}
    _check_values(weights, path)
    family = family_for(metadata.get("family"), weights, str(path))
    source = Source(weights, _json_object(metadata, "spec", path), _bn_eps(metadata, family, path))
    supernet = Supernet(
        path,
        hashlib.sha256(data).hexdigest(),
        family,
        source,
        _normalisation(_json_object(metadata, "input", path), path),
        _labels(metadata, path),
    )
    _check_complete(supernet)
    return supernet


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SupernetInvalid(f"{path}: more than {MAX_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as exc:
        raise SupernetInvalid(f"{path}: cannot be read: {exc.strerror}") from exc


def _from_npz(data: bytes, path: Path) -> tuple[_Arrays, dict[str, str]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {key: np.asarray(archive[key], np.float32) for key in archive.files}, {}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as exc:
        raise SupernetInvalid(f"{path}: not a readable npz of arrays: {exc}") from exc


def _from_safetensors(data: bytes, path: Path) -> tuple[_Arrays, dict[str, str]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, ValueError, KeyError) as exc:
        raise SupernetInvalid(f"{path}: neither a safetensors file nor an npz: {exc}") from exc
    metadata = header.get("__metadata__", {})
    if metadata.get("format") != FORMAT:
        raise SupernetInvalid(f"{path}: metadata format {metadata.get('format')!r}, expected {FORMAT!r}")
    return {key: np.asarray(value, np.float32) for key, value in tensors.items()}, metadata


def _rename(key: str) -> str:
    return key.replace(_OLD_NAME, _NEW_NAME)


def _check_values(weights: Weights, path: Path) -> None:
    for key, value in weights.items():
        if not np.isfinite(value).all():
            raise NonFinite(f"{path}: {key} holds NaN or infinity")


def _check_complete(supernet: Supernet) -> None:
    """Cut the extremes once: between them they use every weight, matrix and shape rule."""
    space, side_px = supernet.space, max(supernet.space.r)
    all_blocks = space.uniform(min(space.ks, default=0), min(space.e), max(space.d), side_px)
    for arch in (space.largest(side_px), all_blocks, space.smallest(side_px)):
        net = supernet.cut(arch)
        count(net)  # follows every shape through the net
        if supernet.labels and net.classes != len(supernet.labels):
            raise SupernetInvalid(
                f"{supernet.path}: classifier has {net.classes} outputs, labels are {len(supernet.labels)}"
            )
        if net.channels != len(supernet.normalisation.mean):
            raise SupernetInvalid(
                f"{supernet.path}: first convolution takes {net.channels} channels, "
                f"input mean has {len(supernet.normalisation.mean)}"
            )


def _json_object(metadata: Mapping[str, str], key: str, path: Path) -> Mapping[str, object]:
    try:
        value = json.loads(metadata.get(key, "{}"))
    except ValueError as exc:
        raise SupernetInvalid(f"{path}: metadata {key}: not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise SupernetInvalid(f"{path}: metadata {key}: {type(value).__name__}, expected an object")
    return value


def _normalisation(values: Mapping[str, object], path: Path) -> Normalisation:
    if not values:
        return Normalisation("RGB8", _IMAGENET_MEAN, _IMAGENET_SCALE)
    pixel_format = values.get("pixel_format", "Mono8")
    mean, scale = _floats(values.get("mean")), _floats(values.get("scale"))
    channels = _CHANNELS.get(str(pixel_format))
    if channels is None or len(mean) != channels or len(scale) != channels or min(scale) <= 0:
        raise SupernetInvalid(f"{path}: metadata input: {dict(values)!r} is not a pixel format, mean and scale")
    return Normalisation("Mono8" if channels == 1 else "RGB8", mean, scale)


def _floats(value: object) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(isinstance(v, int | float) and np.isfinite(v) for v in value):
        return ()
    return tuple(float(v) for v in value)


def _labels(metadata: Mapping[str, str], path: Path) -> tuple[str, ...]:
    try:
        value = json.loads(metadata.get("labels", "[]"))
    except ValueError as exc:
        raise SupernetInvalid(f"{path}: metadata labels: not JSON: {exc}") from exc
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise SupernetInvalid(f"{path}: metadata labels: expected a list of names")
    return tuple(value)


def _bn_eps(metadata: Mapping[str, str], family: Family, path: Path) -> float:
    text = metadata.get("bn_eps")
    try:
        value = family.bn_eps if text is None else float(text)
    except ValueError as exc:
        raise SupernetInvalid(f"{path}: metadata bn_eps: {text!r} is not a number") from exc
    if not 0 < value < 1:
        raise SupernetInvalid(f"{path}: metadata bn_eps: {value}, expected between 0 and 1")
    return value
