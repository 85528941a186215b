"""What an added network takes: sizes from its file where that tells, the rest from its owner, the library or defaults.

Without a word from either, pixels are scaled as FLIR's own flow does it: mean and scale 127.5, BGR8 for three channels
(facts/firefly-dl.md S22).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.errors import BadInput, BlobInvalid
from agent.library import manifest as schema
from agent.library.blob import BlobInfo

DEFAULT_MEAN = DEFAULT_SCALE = 127.5
_PIXEL_FORMATS: dict[int, schema.PixelFormat] = {1: "Mono8", 3: "BGR8"}


@dataclass(frozen=True, slots=True)
class InputChoice:
    """What the owner says: `size` is (width, height, channels); one mean or scale stands for all channels."""

    size: tuple[int, int, int] | None = None
    pixel_format: schema.PixelFormat | None = None
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()


def choose_input(info: BlobInfo, choice: InputChoice, library: schema.Input | None, where: str) -> schema.Input:
    """The input of the network `info`. Raises BadInput, BlobInvalid."""
    width, height, channels = _size(info, choice, where)
    if channels not in _PIXEL_FORMATS:
        raise BlobInvalid(f"{where}: takes {channels} channels, the camera delivers 1 or 3")
    like = library if library is not None and library.channels == channels else None
    chosen = choice.pixel_format or (like.pixel_format if like else _PIXEL_FORMATS[channels])
    if (chosen == "Mono8") != (channels == 1):
        raise BadInput("pixel-format", f"{chosen} does not fit the {channels} channel(s) of {where}")
    return schema.Input(
        width=width,
        height=height,
        channels=1 if channels == 1 else 3,
        pixel_format=chosen,
        mean=_per_channel("mean", choice.mean, like.mean if like else (DEFAULT_MEAN,), channels),
        scale=_per_channel("scale", choice.scale, like.scale if like else (DEFAULT_SCALE,), channels),
    )


def _size(info: BlobInfo, choice: InputChoice, where: str) -> tuple[int, int, int]:
    """Width, height, channels."""
    told = info.input_shape
    if told is not None:
        if len(told) != 4 or told[0] != 1 or max(told) > 4096:
            raise BlobInvalid(f"{where}: takes {list(told)}, expected one image of up to 4096 pixels a side")
        size = told[3], told[2], told[1]
        if choice.size not in (None, size):
            raise BadInput("input", f"{_by(choice.size)}, but {where} takes {_by(size)}")
        return size
    if choice.size is None:
        raise BadInput(
            "input", f"{where}: a file of this kind does not tell the shape of its input; give WIDTHxHEIGHTxCHANNELS"
        )
    if info.inputs is not None and math.prod(choice.size) != info.inputs:
        raise BadInput("input", f"{_by(choice.size)} are {math.prod(choice.size)} values, {where} takes {info.inputs}")
    return choice.size


def _per_channel(name: str, chosen: tuple[float, ...], default: tuple[float, ...], channels: int) -> tuple[float, ...]:
    values = chosen or default
    if len(values) not in (1, channels):
        raise BadInput(name, f"{len(values)} values for {channels} channels")
    return values * channels if len(values) == 1 else values


def _by(size: tuple[int, int, int] | None) -> str:
    return "x".join(map(str, size or ()))
