"""Config files for long runs of reloads: seven of ten good, the others bad in every way, and what must come of each."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.domain.reload import ReloadOutcome
from tests.support.tiny_libraries import edit_manifest, publish_tiny

APPLIED, UNCHANGED = ReloadOutcome.APPLIED, ReloadOutcome.UNCHANGED
REFUSED, NEEDS_RESTART = ReloadOutcome.REFUSED, ReloadOutcome.NEEDS_RESTART


@dataclass(frozen=True)
class Values:
    """What the file says where it may say anything; the rest needs a restart."""

    notice_s: int = 1
    dwell_s: int = 5
    window: str = "any"
    latency_ms: int = 80
    own_window: str = ""  # of camera b
    scheduled_ppm: int = 0
    allow_older: bool = True
    version: int = 1  # where the link of the library leads

    @property
    def meaning(self) -> Values:
        """The same for texts that mean the same: a camera that says what the file says has no policy of its own."""
        return replace(self, own_window=self.own_window or self.window)

    def text(self, head: str) -> str:
        """The file; `head` is everything that stays."""
        schedule = f'[{{cron: "* * * * *", parts_per_minute: {self.scheduled_ppm}}}]' if self.scheduled_ppm else "[]"
        own = f"{{swap: {{window: {self.own_window}}}}}" if self.own_window else "{}"
        return (
            f"{head.replace('OWN', own)}library: {{path: library, allow_older: {str(self.allow_older).lower()}}}\n"
            f"policy:\n  notice_s: {self.notice_s}\n  default_budget: {{max_latency_ms: {self.latency_ms}}}\n"
            f"  schedule: {schedule}\n  swap: {{min_dwell_s: {self.dwell_s}, window: {self.window}}}\n"
        )


@dataclass(frozen=True)
class Attempt:
    """One reload to be tried: the file is written, the links are turned; `error` is what the message has to hold."""

    text: bytes
    wanted: ReloadOutcome
    values: Values
    error: str = ""


class Story:
    """Owner of the file and of the links around it, and of what must be in force.

    The libraries `v1` to `v3` are good ones, `broken` is not, and `nowhere` is not there.
    """

    def __init__(
        self, folder: Path, head: str, seed: int, publish: Callable[[Path, int], object] | None = None
    ) -> None:
        self.folder = folder
        self.file = folder / "agent.yaml"
        self.values = Values()
        self._head = head
        self._draw = random.Random(seed)
        make = publish or (lambda path, version: publish_tiny(path, 2, version=version))
        for version in (1, 2, 3):
            make(folder / f"v{version}", version)
        publish_tiny(folder / "broken", 2, version=9)
        edit_manifest(folder / "broken", lambda values: values.pop("task"))
        self._turn("library", "v1")
        self.write(self.values.text(head).encode())

    def next(self) -> Attempt:
        """Draw the next attempt and bring it onto the disk."""
        attempt = self._bad() if self._draw.random() < 0.3 else self._good()
        if not attempt.error:
            self._turn("library", f"v{attempt.values.version}")
        self.write(attempt.text)
        return attempt

    def settled(self, attempt: Attempt) -> None:
        """The attempt is over; what it left of the links is put right."""
        if attempt.wanted in (APPLIED, UNCHANGED):
            self.values = attempt.values
        self._turn("library", f"v{self.values.version}")

    def write(self, text: bytes) -> None:
        """As an editor, or as a ConfigMap: the bytes in place, or a link that is turned."""
        if self._draw.random() < 0.5:
            if self.file.is_symlink():
                self.file.unlink()
            self.file.write_bytes(text)
            return
        name = f"data-{self._draw.randrange(2)}"
        (self.folder / name).write_bytes(text)
        self._turn("agent.yaml", name)

    def _good(self) -> Attempt:
        draw = self._draw
        old = self.values
        values = draw.choice(
            [
                old,
                replace(old, notice_s=draw.randrange(9)),
                replace(old, dwell_s=draw.randrange(9), window=draw.choice(WINDOWS)),
                replace(old, latency_ms=draw.randrange(40, 90), own_window=draw.choice(WINDOWS)),
                replace(old, scheduled_ppm=draw.choice((0, 300, 600))),
                replace(old, version=draw.choice((1, 2, 3)), allow_older=True),
                replace(old, allow_older=draw.random() < 0.5),
            ]
        )
        return Attempt(
            values.text(self._head).encode(), UNCHANGED if values.meaning == old.meaning else APPLIED, values
        )

    def _bad(self) -> Attempt:
        """Something that must not be taken over, with other good values beside it so that a part would show."""
        draw = self._draw
        values = replace(self.values, notice_s=10 + draw.randrange(9))
        text, wanted, error = draw.choice(self._flaws(values.text(self._head)))
        return Attempt(text if isinstance(text, bytes) else text.encode(), wanted, self.values, error)

    def _flaws(self, good: str) -> list[tuple[str | bytes, ReloadOutcome, str]]:
        cut = good.index("notice_s") + 1 + self._draw.randrange(7)
        bomb = "a: &a [1, 2]\nb: &b [*a, *a]\n" + good
        return [
            (good[:cut], REFUSED, ":"),  # half-written
            ("", REFUSED, ":1: file: is empty"),
            (re.sub(r"min_dwell_s: \d", "min_dwell_s: .nan", good), REFUSED, "policy.swap.min_dwell_s: .nan is not a"),
            (good + "surprise: 1\n", REFUSED, ": surprise: unknown key"),
            (bomb, REFUSED, ":2: b[0]: alias *a is not allowed"),
            ("[" * 100 + "\n", REFUSED, ":1: file"),
            (good.encode() + b"# \xff\n", REFUSED, "is not UTF-8"),
            (
                re.sub(r"schedule: .*", 'schedule: [{cron: "61 * * * *"}]', good),
                REFUSED,
                "cron: '61 * * * *' bad minute",
            ),
            (re.sub(r"(swap: .*)window: \w+", r"\1window: never", good), REFUSED, "swap.window: 'never' is not one of"),
            (good + "telemetry: {journal_days: 9}\n", NEEDS_RESTART, ": telemetry.journal_days: needs a restart"),
            (good.replace("name: b", "name: c"), NEEDS_RESTART, ": cameras[b]: needs a restart"),
            (good.replace("path: library", "path: nowhere"), REFUSED, ": library.path: "),
            (good.replace("path: library", "path: broken"), REFUSED, ": library.path: "),
            (good.replace("path: library", "path: agent.yaml"), REFUSED, ": library.path: "),
        ]

    def _turn(self, link: str, target: str) -> None:
        staging = self.folder / f".{link}"
        staging.unlink(missing_ok=True)
        staging.symlink_to(target)
        staging.replace(self.folder / link)


WINDOWS = ("any", "line_stopped", "permit")
