"""A small real library, built from the shipped supernet in a few seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from agent.builder.build import BuildReport, BuildRequest, build_library
from agent.builder.predict import LatencyLaw
from agent.sim.parts import CLASSES, render_set

SUPERNET = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "supernet.safetensors"
TIME_SCALE = 9.0
# (kernel, expansion, depth, side): five rungs from the fastest to the most accurate corner
RUNGS = ((3, 2, 1, 40), (3, 2, 2, 48), (3, 4, 2, 48), (5, 4, 2, 56), (5, 6, 3, 64))


def build_ladder(folder: Path, calibration: int = 1024, held_out: int = 600) -> BuildReport:
    """Build into `folder/library`; seeds differ from the training set's."""
    for name, seed, count in (("calibration", 3, calibration), ("held_out", 4, held_out)):
        images, labels = render_set(seed, count)
        np.savez(folder / f"{name}.npz", images=images, labels=labels, classes=np.array(CLASSES))
    archs = []
    for number, (k, e, d, r) in enumerate(RUNGS):
        path = folder / f"arch-{number}.json"
        path.write_text(json.dumps({"ks": [k] * 9, "e": [e] * 9, "d": [d] * 3, "r": r}), encoding="utf-8")
        archs.append(path)
    request = BuildRequest(
        SUPERNET,
        folder / "calibration.npz",
        folder / "held_out.npz",
        folder / "library",
        archs=tuple(archs),
        law=LatencyLaw(time_scale=TIME_SCALE),
    )
    return build_library(request)
