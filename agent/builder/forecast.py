"""What a sub-net would be, before it is built: sizes and service time at once, accuracy where something tells it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.builder.accuracy import fit_accuracy
from agent.builder.arch import Arch, complete
from agent.builder.build import read_arch
from agent.builder.candidates import Candidate, Candidates
from agent.builder.counts import Counts
from agent.builder.measured import law_from
from agent.builder.predict import LatencyLaw
from agent.builder.report import read_report
from agent.builder.supernet import Supernet, load_supernet
from agent.builder.targets import target
from agent.errors import BuildError
from agent.library import open_library
from agent.library.manifest import Manifest

# A Myriad blob holds weights in half precision, a frame and a descriptor for each stage; an IR is f32 and XML.
# Fitted to blobs from 20 k to 7.7 M parameters, which it meets within 2 %.
_BLOB_BYTES = (5200, 2.0, 50)
_IR_BYTES = (13_000, 4.0, 1350)
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class ForecastRequest:
    """What `library predict` was asked for. `library` tells accuracies, and ids for `measured`."""

    supernet: Path
    arch: Path | str
    measured: Path | None = None
    library: Path | None = None
    target: str = "myriad2"
    shaves: int = 12
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Guess:
    """Accuracy with the interval of 95 %, and where it comes from."""

    top1: float
    ci95_low: float
    ci95_high: float
    source: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Sizes are counted, the rest is predicted; `refused` says why the target does not take the sub-net."""

    id: str
    arch: Arch
    params: int
    macs_dense: int
    macs_depthwise: int
    layers: int
    service_ms: float
    service_low_ms: float
    service_high_ms: float
    latency_source: str
    blob_bytes: int
    ir_bytes: int
    accuracy: Guess | None
    refused: str | None


def forecast(request: ForecastRequest) -> Forecast:
    """Read the supernet, count, predict; nothing is run. Raises BuildError leaves."""
    supernet = load_supernet(request.supernet)
    arch = read_arch(request.arch, supernet)
    law = LatencyLaw(time_scale=request.time_scale, shaves=request.shaves)
    if request.measured is not None:
        law = law_from(request.measured, request.library or Path("library"), law)
    candidates = Candidates(supernet, law)
    one = candidates.of(arch)
    low_ms, high_ms = law.interval_ms(one.predicted_ms)
    counts = one.counts
    return Forecast(
        arch.subnet_id(),
        arch,
        counts.params,
        counts.macs_dense,
        counts.macs_depthwise,
        counts.layers,
        one.predicted_ms,
        low_ms,
        high_ms,
        law.source,
        _size_bytes(counts, _BLOB_BYTES),
        _size_bytes(counts, _IR_BYTES),
        None if request.library is None else _accuracy(request.library, supernet, candidates, one),
        target(request.target).refuses(arch, supernet.cut(arch)),
    )


def _size_bytes(counts: Counts, law: tuple[int, float, int]) -> int:
    """A file's size from parameters and layers; `law` has its frame, bytes per parameter and bytes per layer."""
    frame, per_parameter, per_layer = law
    return round(frame + per_parameter * counts.params + per_layer * counts.layers)


def _accuracy(path: Path, supernet: Supernet, candidates: Candidates, one: Candidate) -> Guess | None:
    """As measured where the library has this very sub-net, else from a predictor fitted to what its build tried."""
    library = open_library(path)
    manifest = library.manifest
    if manifest.supernet is None or manifest.supernet.sha256 != supernet.sha256:
        raise BuildError(f"{path}: the library was not built from {supernet.path}; its accuracies say nothing of it")
    for subnet in manifest.subnets:
        if subnet.id == one.arch.subnet_id():
            told = subnet.accuracy
            return Guess(told.top1, told.ci95_low, told.ci95_high, f"measured on {told.n} images of {told.dataset}")
    tried = _tried(path, library.digest, manifest, supernet)
    model = fit_accuracy([candidates.of(arch) for arch in tried], list(tried.values()), candidates.space)
    if model is None:
        return None
    top1 = model.predict(one)
    half = _Z95 * model.error
    return Guess(top1, max(0.0, top1 - half), min(1.0, top1 + half), model.words())


def _tried(path: Path, digest: str, manifest: Manifest, supernet: Supernet) -> dict[Arch, float]:
    """Accuracy of all sub-nets that the build tried, or of those in the library where its report is not there."""
    report = read_report(path, digest)
    if report is not None and report["tried"]:
        return {complete(row["arch"], supernet.space): float(row["top1"]) for row in report["tried"]}
    rows: dict[Arch, float] = {}
    for subnet in manifest.subnets:
        if subnet.arch is not None:
            rows[complete(_values(subnet.arch), supernet.space)] = subnet.accuracy.top1
    return rows


def _values(arch: Any) -> Mapping[str, object]:
    values: dict[str, object] = {"ks": arch.ks, "e": arch.e, "d": arch.d, "r": arch.r}
    return values | ({"w": arch.w} if arch.w else {})


def as_json(one: Forecast) -> dict[str, object]:
    """The forecast for `--json`: the architecture as it is written, infinite bounds left out."""
    values: dict[str, object] = {name: getattr(one, name) for name in Forecast.__dataclass_fields__}
    values["arch"] = json.loads(one.arch.to_json())
    guess = one.accuracy
    values["accuracy"] = None
    if guess is not None and math.isfinite(guess.top1):
        values["accuracy"] = {name: getattr(guess, name) for name in Guess.__dataclass_fields__}
    return values
