"""Image tools of the SDK that the simulation does not have: each call raises NotImplementedError with its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

__all__ = [
    "ImageUtility",
    "ImageUtilityCCM",
    "ImageUtilityHeatmap",
    "ImageUtilityPolarization",
    "ImageUtilityStereo",
]


def _missing(name: str) -> Callable[..., NoReturn]:
    def call(*_arguments: Any, **_keywords: Any) -> NoReturn:
        raise NotImplementedError(name)

    return call


def _tools(owner: str, *calls: str) -> type:
    return type(owner, (), {call: staticmethod(_missing(f"{owner}.{call}")) for call in calls})


ImageUtility = _tools("ImageUtility", "CreateNormalized", "CreateScaled", "Normalize", "Scale")
ImageUtilityHeatmap = _tools(
    "ImageUtilityHeatmap", "CreateHeatmap", "SetHeatmapColorGradient", "SetHeatmapRange", "GetHeatmapColorGradient"
)
ImageUtilityPolarization = _tools(
    "ImageUtilityPolarization", "ExtractPolarQuadrant", "CreateStokesS0", "CreateStokesS1", "CreateStokesS2",
    "CreateAolp", "CreateDolp", "CreateGlareReduced",
)  # fmt: skip
ImageUtilityStereo = _tools("ImageUtilityStereo", "ComputePointCloud", "FilterSpeckles", "ComputeDistanceToPoint")
ImageUtilityCCM = _tools("ImageUtilityCCM", "CreateColorCorrected")
