"""Service times that a camera measured, and the latency law fitted to them.

The file (JSON, as `ofa-agent profile` writes it, or by hand):

    {"schema": "ofa-agent.measured/1", "shaves": 12,
     "subnets": {"r48-d112-0a1b2c": {"service_ms": 23.4, "results": 300}, "r64-d333-9f8e7d": {"service_ms": 61.0}}}

`service_ms` is the median service time (interfaces.md section 3). An id is looked up in the library that is being
replaced; one that is not in it tells its own work: `macs_dense`, `macs_depthwise`, `layers`, `side_px`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from agent.builder.counts import Counts
from agent.builder.predict import LatencyLaw
from agent.errors import BuildError, LibraryError
from agent.library import open_library
from agent.library.manifest import Manifest

SCHEMA: Literal["ofa-agent.measured/1"] = "ofa-agent.measured/1"
MAX_FILE_BYTES = 4 << 20
MIN_MEASURED = 3
# How far a coefficient is expected to be from the law's, as a share of it: the prior that keeps a fit of five
# coefficients to few sub-nets sound. The camera as a whole may be off by .3 (policy.md, Model).
_COEFFICIENT_SIGMA = 0.3
# Measured medians are this good at best: jitter is about 1 % (facts/myriad-blobs.md 6).
_LEAST_SIGMA = 0.01
_REFERENCE_SIDE_PX = 224
_COEFFICIENTS = 5

_Count = Annotated[int, Meta(ge=0, le=10**15)]


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service_ms: Annotated[float, Meta(gt=0.0, le=1e6)]
    results: Annotated[int, Meta(ge=1)] | None = None
    macs_dense: _Count | None = None
    macs_depthwise: _Count | None = None
    layers: _Count | None = None
    side_px: Annotated[int, Meta(ge=1, le=4096)] | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: Literal["ofa-agent.measured/1"]
    subnets: dict[str, _Entry]
    shaves: Annotated[int, Meta(ge=1, le=16)] = 12
    camera: str | None = None
    library: str | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One sub-net's work and what a camera took for it."""

    counts: Counts
    side_px: int
    service_ms: float


def law_from(path: Path, library: Path, prior: LatencyLaw) -> LatencyLaw:
    """The law fitted to a file; ids are looked up in `library`, where there is one. Raises BuildError."""
    read = _read(path)
    if read.shaves != prior.shaves:
        raise BuildError(f"{path}: measured with {read.shaves} SHAVEs, the library is built for {prior.shaves}")
    return fit_law(measurements(path, read.subnets, library), prior)


def service_times(path: Path) -> dict[str, float]:
    """Medians in ms, by sub-net. Raises BuildError."""
    return {subnet_id: entry.service_ms for subnet_id, entry in _read(path).subnets.items()}


def measurements(path: Path, entries: Mapping[str, _Entry], library: Path) -> list[Measurement]:
    """What was measured, with the work of each sub-net. Raises BuildError where that of one is not known."""
    manifest = _manifest(library)
    found = []
    for subnet_id, entry in entries.items():
        told = (entry.macs_dense, entry.macs_depthwise, entry.layers, entry.side_px)
        if None not in told:
            dense, depthwise, layers, side_px = (int(value) for value in told if value is not None)
            found.append(Measurement(Counts(0, dense, depthwise, layers), side_px, entry.service_ms))
            continue
        subnet = next((one for one in manifest.subnets if one.id == subnet_id), None) if manifest else None
        if subnet is None or manifest is None:
            raise BuildError(
                f"{path}: subnets.{subnet_id}: not in the library {library}; "
                "add macs_dense, macs_depthwise, layers and side_px"
            )
        counts = Counts(subnet.params, subnet.macs_dense, subnet.macs_depthwise, subnet.layers)
        found.append(Measurement(counts, manifest.input_of(subnet).width, entry.service_ms))
    if len(found) < MIN_MEASURED:
        raise BuildError(f"{path}: {len(found)} measured sub-nets, a fit needs {MIN_MEASURED}")
    return found


def fit_law(measured: Sequence[Measurement], prior: LatencyLaw) -> LatencyLaw:
    """Least squares of the law's coefficients in relative errors, held near the prior where little was measured.

    Its error is that of predictions for sub-nets left out of the fit.
    """
    x = np.array([_terms(one, prior) for one in measured])
    y = np.array([one.service_ms for one in measured])
    left_out = []
    for place in range(len(y)):
        others = np.arange(len(y)) != place
        guess = float(x[place] @ _factors(x[others], y[others]))
        left_out.append(math.log(max(guess, 1e-9) / y[place]))
    sigma = max(_LEAST_SIGMA, math.sqrt(float(np.mean(np.square(left_out)))))
    dense, depthwise, layer, area, fixed = (float(value) for value in _factors(x, y))
    return replace(
        prior,
        dense_mmacs_per_ms=prior.dense_mmacs_per_ms / dense,
        depthwise_mmacs_per_ms=prior.depthwise_mmacs_per_ms / depthwise,
        layer_ms=prior.layer_ms * layer,
        layer_area_ms=prior.layer_area_ms * area,
        preprocessing_ms=prior.preprocessing_ms * fixed,
        scaling_ms=prior.scaling_ms * fixed,
        relative_sigma=sigma,
        source=f"fit: {len(y)} measured sub-nets, error {100 * sigma:.1f} % (each left out once)",
    )


def _terms(one: Measurement, prior: LatencyLaw) -> list[float]:
    """The prior's times of dense work, depthwise work, layers, layers by area, and pre-processing (ms)."""
    counts, area = one.counts, (one.side_px / _REFERENCE_SIDE_PX) ** 2
    stretch = prior.network_ms(Counts(0, 0, 0, 1), _REFERENCE_SIDE_PX) / (prior.layer_ms + prior.layer_area_ms)
    return [
        stretch * counts.macs_dense / 1e6 / prior.dense_mmacs_per_ms,
        stretch * counts.macs_depthwise / 1e6 / prior.depthwise_mmacs_per_ms,
        stretch * counts.layers * prior.layer_ms,
        stretch * counts.layers * prior.layer_area_ms * area,
        prior.fixed_ms,
    ]


def _factors(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive factors on the prior's terms: relative residuals against the spread of factors about a common one.

    Two goes: the first finds the factor of the whole camera, the second that of each term about it.
    """
    scaled = x / y[:, None]
    common = float(np.exp(np.mean(np.log(1 / scaled.sum(1)))))
    weight = (_LEAST_SIGMA / _COEFFICIENT_SIGMA) ** 2
    matrix = scaled.T @ scaled + weight * np.eye(_COEFFICIENTS) / common**2
    target = scaled.T @ np.ones(len(y)) + weight * np.ones(_COEFFICIENTS) / common
    # A term may turn out much cheaper than the law has it, but none gives time back.
    return np.clip(np.linalg.solve(matrix, target), 0.02 * common, None)


def _read(path: Path) -> _File:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise BuildError(f"{path}: cannot be read: {exc.strerror}") from exc
    if len(data) > MAX_FILE_BYTES:
        raise BuildError(f"{path}: more than {MAX_FILE_BYTES} bytes")
    try:
        return msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BuildError(f"{path}: not a file of measured service times ({SCHEMA}): {exc}") from exc


def _manifest(library: Path) -> Manifest | None:
    try:
        return open_library(library).manifest
    except LibraryError:
        return None
