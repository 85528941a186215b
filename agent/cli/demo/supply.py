"""The demo's library: built from the shipped supernet with freshly rendered parts, and kept while nothing changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.cli.demo.phases import TIME_SCALE
from agent.cli.demo.shipped import shipped
from agent.errors import BuildError

SUPERNET = shipped("demo/supernet.safetensors")
# The supernet was trained on scene 1 and chosen on scene 2. These are other scenes, and the line shows a third one.
CALIBRATION_SEED, HELD_OUT_SEED, LINE_SEED = 101, 102, 103
CALIBRATION_IMAGES, HELD_OUT_IMAGES = 1024, 3000
STAMP = "demo.json"  # beside the library: what it was built from
_RECIPE = 3  # grows when a build would come out otherwise


def ensure_library(folder: Path, supernet: Path, tell: Callable[[str], None]) -> Path:
    """The library `folder`/library, built where there is none, it is broken or its supernet or recipe changed."""
    from agent.library import verify_library

    if not supernet.is_file():
        raise BuildError(f"{supernet}: the demo's supernet is missing; install ofa-agent again or give --supernet")
    out, stamp = folder / "library", _stamp(supernet)
    if _read_stamp(folder) == stamp and verify_library(out).ok:
        return out
    (folder / STAMP).unlink(missing_ok=True)
    _build(out, supernet, tell)
    (folder / STAMP).write_text(json.dumps(stamp))
    return out


def digests(library: Path) -> dict[str, str]:
    """sha256 of the artifact of each sub-net, as the library declares it."""
    from agent.library import open_library

    return {subnet.id: subnet.artifacts[0].sha256 for subnet in open_library(library).catalogue.subnets}


def _build(out: Path, supernet: Path, tell: Callable[[str], None]) -> None:
    from agent.builder.build import BuildRequest, build_library
    from agent.builder.predict import LatencyLaw

    tell("rendering parts for calibration and for the accuracy test")
    with TemporaryDirectory(prefix="ofa-demo-") as scratch:
        request = BuildRequest(
            supernet=supernet,
            images=_render(Path(scratch) / "calibration.npz", CALIBRATION_SEED, CALIBRATION_IMAGES),
            held_out=_render(Path(scratch) / "held-out.npz", HELD_OUT_SEED, HELD_OUT_IMAGES),
            out=out,
            name="demo",
            law=LatencyLaw(time_scale=TIME_SCALE),
            force=True,  # a broken library may stand there
        )
        build_library(request, tell)


def _render(path: Path, seed: int, count: int) -> Path:
    import numpy as np

    from agent.sim.parts import CLASSES, render_set

    images, labels = render_set(seed, count)
    np.savez(path, images=images, labels=labels, classes=np.array(CLASSES))
    return path


def _stamp(supernet: Path) -> dict[str, object]:
    digest = hashlib.sha256(supernet.read_bytes()).hexdigest()
    return {"recipe": _RECIPE, "supernet": digest, "time_scale": TIME_SCALE}


def _read_stamp(folder: Path) -> object:
    try:
        return json.loads((folder / STAMP).read_text())
    except (OSError, ValueError):
        return None
