"""Image tools of the SDK that the simulation does not have: each call raises NotImplementedError with its name."""

from __future__ import annotations

from agent.sim.host.rare import missing

__all__ = [
    "ImageUtility",
    "ImageUtilityCCM",
    "ImageUtilityHeatmap",
    "ImageUtilityPolarization",
    "ImageUtilityStereo",
]


def _tools(owner: str, *calls: str) -> type:
    return type(owner, (), {call: staticmethod(missing(f"{owner}.{call}")) for call in calls})


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
