"""What a supernet family has to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.builder.arch import Arch, Space
from agent.builder.plan import Net, Weights


@dataclass(frozen=True, slots=True)
class Source:
    """What a supernet file gives a family: weights, the spec (empty where it has none), batch-norm epsilon."""

    weights: Weights
    spec: Mapping[str, object]
    bn_eps: float


class Family(Protocol):
    """Names, search space and extraction rule of one kind of supernet.

    `cut` of the largest sub-net must use every weight of the file whole: that is how a file is checked.
    """

    @property
    def name(self) -> str:
        """As it stands in files and manifests."""

    @property
    def bn_eps(self) -> float:
        """Batch-norm epsilon where the file does not say."""

    def recognises(self, weights: Weights) -> bool:
        """The names of the weights are this family's, and no other's."""

    def variant(self, source: Source) -> str:
        """Which of the family's supernets it is, as "w1.2", told by the shapes; empty for one of its own widths."""

    def space(self, source: Source) -> Space:
        """Legal choices of these weights. Raises SupernetInvalid leaves."""

    def cut(self, source: Source, arch: Arch) -> Net:
        """The static sub-net of a canonical architecture. Raises SupernetInvalid leaves."""
