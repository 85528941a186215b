"""Reading a supernet file: weights, family, input and labels, all checked before anything is cut from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from agent.builder.arch import Arch, Space
from agent.builder.counts import count
from agent.builder.cutter import Survey
from agent.builder.errors import (
    MissingWeights,
    NonFinite,
    SupernetInvalid,
    UnexpectedWeights,
    WrongFamily,
    WrongShape,
)
from agent.builder.families import Family, Source, families, family_for
from agent.builder.plan import Net, Weights
from agent.builder.tensors import Array
from agent.builder.weight_files import read_file, read_weights

FORMAT = "ofa-agent.supernet/1"

# Published checkpoints use the older name of a block's body (facts/ofa.md 1.3).
_OLD_NAME, _NEW_NAME = ".mobile_inverted_conv.", ".conv."
# torch's wrapper for several GPUs puts this before every name.
_WRAPPER = "module."
# How many batches a norm has seen: no weight.
_COUNTERS = ".num_batches_tracked"
_VARIANCES = ".running_var"
_SHOWN = 4

PixelFormat = Literal["Mono8", "RGB8", "BGR8"]
_CHANNELS: dict[PixelFormat, int] = {"Mono8": 1, "RGB8": 3, "BGR8": 3}

# ImageNet statistics in 0..255 units, RGB: what the published supernets were trained with (facts/ofa.md 1.1).
_IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_SCALE = (0.229 * 255, 0.224 * 255, 0.225 * 255)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Network input = (pixel - mean) / scale per channel, pixels 0..255."""

    pixel_format: PixelFormat
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
    def variant(self) -> str:
        """Width multiplier as published, "w1.2"; empty for a supernet of widths of its own."""
        return self.family.variant(self.source)

    @property
    def space(self) -> Space:
        """The choices that its sub-nets are made from."""
        return self.family.space(self.source)

    def cut(self, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture; its weights may be views of the supernet's."""
        return self.family.cut(self.source, arch)


def load_supernet(path: Path | str) -> Supernet:
    """Read a state dict from `.pth`, `.safetensors` or `.npz`, with our metadata or as published without.

    Raises SupernetInvalid or one of its leaves: WrongFamily, MissingWeights, UnexpectedWeights, WrongShape, NonFinite,
    UnsafeCheckpoint.
    """
    path = Path(path)
    data = read_file(path)
    file = read_weights(data, str(path))
    metadata = file.metadata
    if metadata and metadata.get("format") != FORMAT:
        raise SupernetInvalid(f"{path}: metadata format {metadata.get('format')!r}, expected {FORMAT!r}")
    weights = _renamed(file.weights, path)
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
    try:
        _check_complete(supernet)
    except SupernetInvalid as exc:
        _check_family(supernet, exc)
        raise
    return supernet


def _check_family(supernet: Supernet, fault: SupernetInvalid) -> None:
    """Where the weights are another family's, say that instead of what is missing of this one."""
    for other in families():
        if other.name != supernet.family.name and _fits(other, supernet.source):
            raise WrongFamily(
                f"{supernet.path}: says family {supernet.family.name!r}, its weights are those of {other.name!r}"
            ) from fault


def _fits(family: Family, source: Source) -> bool:
    survey = Survey(source.weights)
    if not family.recognises(source.weights):
        return False
    try:
        space = family.space(source)
        family.cut(replace(source, weights=survey), space.largest(max(space.r)))
    except SupernetInvalid:
        return False
    return not (survey.missing or survey.misshapen)


def some(names: Sequence[str]) -> str:
    """The first few of many names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _plain_name(key: str) -> str:
    """The name of today's code: without the wrapper of parallel training, and with `conv` for a block's body."""
    return key.removeprefix(_WRAPPER).replace(_OLD_NAME, _NEW_NAME)


def _renamed(weights: Weights, path: Path) -> dict[str, Array]:
    renamed = {_plain_name(key): value for key, value in weights.items()}
    if len(renamed) != len(weights):
        seen: set[str] = set()
        twice = [name for name in map(_plain_name, weights) if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
        raise UnexpectedWeights(f"{path}: {some(twice)} in the file under an old and a new name")
    return {key: value for key, value in renamed.items() if not key.endswith(_COUNTERS)}


def _check_values(weights: Weights, path: Path) -> None:
    bad = [key for key, value in weights.items() if not np.isfinite(value).all()]
    if bad:
        raise NonFinite(f"{path}: {some(bad)} holds NaN or infinity")
    negative = [key for key, value in weights.items() if key.endswith(_VARIANCES) and value.min(initial=0) < 0]
    if negative:
        raise SupernetInvalid(f"{path}: {some(negative)} holds variances below 0")


def _check_complete(supernet: Supernet) -> None:
    """Cut the extremes once: between them they use every weight, matrix and shape rule."""
    space, side_px, path = supernet.space, max(supernet.space.r), supernet.path
    survey = Survey(supernet.source.weights)
    source = replace(supernet.source, weights=survey)
    all_blocks = space.uniform(min(space.ks, default=0), min(space.e), max(space.d), side_px)
    for arch in (space.largest(side_px), all_blocks, space.smallest(side_px)):
        try:
            net = supernet.family.cut(source, arch)
            _check_survey(survey, path)
            count(net)  # follows every shape through the net
        except SupernetInvalid as exc:
            _check_survey(survey, path)
            raise type(exc)(f"{path}: {exc}") from exc
        _check_ends(supernet, net)
    if unused := survey.unused():
        raise UnexpectedWeights(f"{path}: {some(unused)} unexpected: {supernet.family.name} has no such weight")
    if loose := survey.partly_used():
        raise WrongShape(f"{path}: {some([f'{key} {fault}' for key, fault in loose.items()])}")


def _check_survey(survey: Survey, path: Path) -> None:
    if survey.missing:
        raise MissingWeights(f"{path}: {some(survey.missing)} missing")
    if survey.misshapen:
        raise WrongShape(f"{path}: {some([f'{key} {fault}' for key, fault in survey.misshapen.items()])}")


def _check_ends(supernet: Supernet, net: Net) -> None:
    path, labels, mean = supernet.path, supernet.labels, supernet.normalisation.mean
    if labels and net.classes != len(labels):
        raise SupernetInvalid(f"{path}: classifier has {net.classes} outputs, labels are {len(labels)}")
    if net.channels != len(mean):
        raise SupernetInvalid(f"{path}: first convolution takes {net.channels} channels, input mean has {len(mean)}")


def _json_object(metadata: Mapping[str, str], key: str, path: Path) -> Mapping[str, object]:
    try:
        value = json.loads(metadata.get(key, "{}"))
    except (ValueError, RecursionError) as exc:
        raise SupernetInvalid(f"{path}: metadata {key}: not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise SupernetInvalid(f"{path}: metadata {key}: {type(value).__name__}, expected an object")
    return value


def _normalisation(values: Mapping[str, object], path: Path) -> Normalisation:
    if not values:
        return Normalisation("RGB8", _IMAGENET_MEAN, _IMAGENET_SCALE)
    mean, scale = _floats(values.get("mean")), _floats(values.get("scale"))
    pixel_format = next((one for one in _CHANNELS if one == values.get("pixel_format", "Mono8")), None)
    channels = 0 if pixel_format is None else _CHANNELS[pixel_format]
    if pixel_format is None or len(mean) != channels or len(scale) != channels or min(scale) <= 0:
        raise SupernetInvalid(f"{path}: metadata input: {dict(values)!r} is not a pixel format, mean and scale")
    return Normalisation(pixel_format, mean, scale)


def _floats(value: object) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(isinstance(v, int | float) and np.isfinite(v) for v in value):
        return ()
    return tuple(float(v) for v in value)


def _labels(metadata: Mapping[str, str], path: Path) -> tuple[str, ...]:
    try:
        value = json.loads(metadata.get("labels", "[]"))
    except (ValueError, RecursionError) as exc:
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
