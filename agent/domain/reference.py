"""What one camera answered for the golden images of a network when it was commissioned.

A reference can only refuse: both the manifest's answer and the camera's own have to be met, each within the tolerance
of the manifest. Whoever alters one can therefore keep a good network from the line, and never bring a bad one onto it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from agent.domain.audit import AuditEntry, one_line
from agent.domain.device import GoldenCheck

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ROUNDING = 1e-9  # so that no rounding lets more pass than the manifest does


@dataclass(frozen=True, slots=True)
class Answer:
    """Class and confidence for one golden image."""

    image_sha256: str
    class_id: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Reference:
    """The answers of one network on one camera of one firmware."""

    serial: str
    firmware: str
    network_sha256: str
    answers: tuple[Answer, ...]

    @property
    def key(self) -> str:
        """What it is called in a TrustBook."""
        return reference_key(self.serial, self.firmware, self.network_sha256)

    def __str__(self) -> str:
        return one_line(asdict(self))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(str(self).encode()).hexdigest()

    @classmethod
    def parse(cls, text: str) -> Reference | None:
        """None for anything but what `str` gave."""
        try:
            told = json.loads(text)
            answers = tuple(Answer(**one) for one in told.pop("answers"))
            found = cls(**told, answers=answers)
            sound = all(map(_sound, answers)) and str(found) == text
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return None
        return found if sound else None

    def entry(self, before: Reference | None, client: str) -> AuditEntry:
        """For the audit: who recorded which answers; the digests tell a record that was altered since."""
        named = {"firmware": self.firmware, "network_sha256": self.network_sha256, "serial": self.serial}
        return AuditEntry(
            client=client,
            origin="commissioning",
            method="ReferenceRecorded",
            outcome="OK",
            asked=one_line(named),
            before=one_line({"record_sha256": before.sha256}) if before else "",
            after=one_line({"record_sha256": self.sha256}),
        )

    def tightened(self, images: Sequence[str], goldens: Sequence[GoldenCheck]) -> tuple[GoldenCheck, ...] | str:
        """The checks with this reference, `images` being the sha256 of each one's file; else why they cannot be met.

        What passes one of them passes the one that was given, too.
        """
        known = {answer.image_sha256: answer for answer in self.answers}
        narrowed = []
        for number, (image, golden) in enumerate(zip(images, goldens, strict=True), start=1):
            answer = known.get(image)
            if answer is None:
                return f"has no answer for golden image {number}"
            own = _narrowed(golden, answer)
            if own is None:
                return (
                    f"says class {answer.class_id} at {answer.confidence:.3f} for golden image {number}, the library"
                    f" class {golden.class_id} at {golden.confidence:.3f} +- {golden.tolerance:.3f}"
                )
            narrowed.append(own)
        return tuple(narrowed)


def reference_key(serial: str, firmware: str, network_sha256: str) -> str:
    """What the reference of a network on a camera is called in a TrustBook."""
    return f"reference:{serial}/{firmware}/{network_sha256}"


def _narrowed(golden: GoldenCheck, answer: Answer) -> GoldenCheck | None:
    least = max(golden.confidence, answer.confidence) - golden.tolerance
    most = min(golden.confidence, answer.confidence) + golden.tolerance
    tolerance = (most - least) / 2 - _ROUNDING
    if answer.class_id != golden.class_id or tolerance < 0:
        return None
    return replace(golden, confidence=(least + most) / 2, tolerance=tolerance)


def _sound(answer: Answer) -> bool:
    """Of an answer out of a file the types are not known yet."""
    image, class_id, confidence = (getattr(answer, name) for name in ("image_sha256", "class_id", "confidence"))
    named = isinstance(image, str) and _SHA256.fullmatch(image) is not None
    return named and isinstance(class_id, int) and isinstance(confidence, float) and math.isfinite(confidence)
