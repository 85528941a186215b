"""Captures: labelled pictures of a running camera, for training a network on."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.domain.device import Picture
from agent.domain.operation import Operation
from agent.domain.result import InferenceResult
from agent.errors import BadInput

LONGEST_LABEL = 64
MOST_IMAGES = 100_000
DEFAULT_EVERY_S, LEAST_EVERY_S, MOST_EVERY_S = 0.2, 0.05, 3600.0
LEAST_TIMEOUT_S, MOST_TIMEOUT_S = 1.0, 24 * 3600.0
_GRACE_S, _PATIENCE = 60.0, 3.0  # of the default timeout: to begin with, and times what the images take
_LONGEST_NAME_BYTES = 255  # of a folder, on every common file system
_PUNCTUATION = frozenset(" .-_")
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))})


@dataclass(frozen=True, slots=True)
class CaptureAsk:
    """`count` images of what `label` says, one in `every_s` on average; given up after `timeout_s`.

    `timeout_s` None: a minute and three times as long as the images take.
    """

    label: str
    count: int
    every_s: float = DEFAULT_EVERY_S
    timeout_s: float | None = None

    def validated(self) -> CaptureAsk:
        """Itself, with the label's letters composed and a timeout; or BadInput."""
        label = label_of(self.label)
        if not 1 <= self.count <= MOST_IMAGES:
            raise BadInput("count", f"{self.count} is not within 1 to {MOST_IMAGES}")
        if not LEAST_EVERY_S <= self.every_s <= MOST_EVERY_S:
            raise BadInput(
                "min_interval", f"{self.every_s:g} s is not within {LEAST_EVERY_S:g} s to {MOST_EVERY_S:g} s"
            )
        timeout_s = self.timeout_s
        if timeout_s is None:
            timeout_s = min(MOST_TIMEOUT_S, _GRACE_S + _PATIENCE * self.count * self.every_s)
        if not LEAST_TIMEOUT_S <= timeout_s <= MOST_TIMEOUT_S:
            bounds = f"{LEAST_TIMEOUT_S:g} s to {MOST_TIMEOUT_S:g} s (a day)"
            raise BadInput("timeout", f"{timeout_s:g} s is not within {bounds}")
        return replace(self, label=label, timeout_s=timeout_s)


def label_of(text: str) -> str:
    """A label that is a folder's name on Linux and Windows alike, its letters composed; raises BadInput."""
    label = unicodedata.normalize("NFC", text)
    shown = repr(label[:LONGEST_LABEL])
    if not 1 <= len(label) <= LONGEST_LABEL or len(label.encode("utf-8", "replace")) > _LONGEST_NAME_BYTES:
        raise BadInput("label", f"{shown} has {len(label)} characters, not 1 to {LONGEST_LABEL}")
    wrong = next((char for char in label if not _allowed(char)), None)
    if wrong is not None:
        allowed = "letters, digits, spaces, dots, hyphens and underscores"
        raise BadInput("label", f"{shown} has {wrong!r} in it; it becomes a folder: use {allowed}")
    if label[0] in " ." or label[-1] in " .":
        raise BadInput("label", f"{shown} begins or ends with a space or a dot; it becomes a folder")
    if label.partition(".")[0].rstrip().upper() in _DEVICES:
        raise BadInput("label", f"{shown} is the name of a device on Windows; use another")
    return label


def _allowed(char: str) -> bool:
    """Letters, the marks that belong to them, and digits of every script."""
    return char in _PUNCTUATION or unicodedata.category(char)[0] in "LM" or char.isdecimal()


@dataclass(frozen=True, slots=True)
class CapturedImage:
    """One picture of a capture as a PNG file: 8-bit grey of a monochrome camera, else RGB.

    `sequence` counts from 1, lost ones included. `captured_wall_ns` is the end of exposure. `subnet_id` is the network
    that ran, None without one; `result` is that of this very frame, None where it was not inferred or its result had
    not come in time.
    """

    sequence: int
    camera: str
    label: str
    captured_wall_ns: int
    picture: Picture
    subnet_id: str | None
    result: InferenceResult | None
    png: bytes = field(repr=False)


class Capture(Protocol):
    """One capture under way; it goes on by itself, and ends where its reader closes it. Event-loop side only."""

    @property
    def operation(self) -> Operation:
        """How far it is."""
        ...

    @property
    def done(self) -> bool:
        """All images were read; none comes any more."""
        ...

    async def next(self, timeout_s: float) -> CapturedImage | None:
        """The next image, or None where none came within `timeout_s`. A reader that is too slow loses the oldest ones.

        Raises what ended the capture before its time, once the images until then are read: Cancelled, CameraTimeout,
        CameraGone.
        """
        ...

    def close(self) -> None:
        """The reader goes away: end the capture; harmless where it has ended."""
        ...
