"""What a target is: a processor, its legal space, and the way from a sub-net's IR to the file that runs there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.builder.arch import Arch
from agent.builder.plan import Net
from agent.library.blob import BlobFormat

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled file of a sub-net, as it goes into the manifest; `target` and `shaves` as there."""

    format: BlobFormat
    target: str
    shaves: int | None
    data: bytes


class Target(Protocol):
    """A way to compile. Single use is not required; `compile` may run in several threads, one call each."""

    @property
    def name(self) -> str:
        """`simulated`, `myriad2`, `myriadx` or `firefly-dl`."""

    @property
    def folds_input(self) -> bool:
        """The artifact takes raw 8-bit pixels: the IR must be made with an `InputFold`, and the manifest's input
        declares mean 0 and scale 1 (interfaces.md section 5)."""

    def refuses(self, arch: Arch, net: Net) -> str | None:
        """Why this sub-net is outside of the target's legal space; None where it is inside."""

    def check(self) -> None:
        """Raises BuildError where the target's tools are missing, saying what to do. Never fetches anything."""

    def prepare(self, progress: Progress) -> None:
        """Make the tools ready, fetching what may be fetched; then as `check`. Blocks."""

    def compile(self, ir: bytes, net: Net, progress: Progress) -> tuple[Artifact, ...]:
        """All artifacts of a sub-net, the target's own first, then the IR as `simulated` where that is another.

        `ir` ends in SoftMax. Blocks, seconds for a Myriad. Raises BuildError or LibraryError leaves.
        """
