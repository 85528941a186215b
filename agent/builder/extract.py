"""One sub-net from a supernet to a single-file IR (`library extract`)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.builder.arch import Arch
from agent.builder.batchnorm import Statistics, estimate_statistics, split_batches
from agent.builder.build import read_arch
from agent.builder.counts import Counts, count
from agent.builder.graph import InputFold
from agent.builder.images import load_images
from agent.builder.ir import net_to_ir
from agent.builder.pixel_format import for_pixels
from agent.builder.plan import STATISTICS, Net
from agent.builder.resize import to_input
from agent.builder.supernet import PixelFormat, Supernet, load_supernet
from agent.builder.targets.output import write_whole
from agent.builder.weight_files import read_file, read_npz
from agent.errors import BuildError

# Published reference cases keep re-estimated statistics under this prefix (facts/ofa.md, last section).
_PREFIX = "rc/"


@dataclass(frozen=True, slots=True)
class ExtractRequest:
    """What `library extract` was asked for. `arch` is a file or JSON text; at most one of `bn`, `calibrate`.

    `pixel_format` is what the sub-net shall take, by default what the supernet was trained with.

    `bn` is an npz of ready statistics (`NAME.bn.running_mean`, ...). `calibrate` is an npz with `calib`
    (n, c, r, r), already normalised, and optionally `calib_batches`; or an image set as for `library build`.
    """

    supernet: Path
    arch: Path | str
    out: Path
    bn: Path | None = None
    calibrate: Path | None = None
    softmax: bool = False
    fold_input: bool = False
    u8_input: bool = False
    pixel_format: PixelFormat | None = None


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What was written. `variant` is the supernet's width as published, "w1.2"; empty for one of its own."""

    path: Path
    family: str
    variant: str
    arch: Arch
    counts: Counts
    size_bytes: int
    sha256: str
    statistics: str


def extract_subnet(request: ExtractRequest) -> ExtractReport:
    """Cut, set batch-norm statistics, write. Raises BuildError leaves; the file appears whole or not at all."""
    if request.bn is not None and request.calibrate is not None:
        raise BuildError("extract: ready statistics and calibration images exclude each other; give one")
    supernet = load_supernet(request.supernet)
    if request.pixel_format is not None:
        supernet = for_pixels(supernet, request.pixel_format)
    arch = read_arch(request.arch, supernet)
    net = supernet.cut(arch)
    statistics = "supernet"
    if request.bn is not None:
        net, statistics = net.with_statistics(read_statistics(request.bn, net)), "given"
    elif request.calibrate is not None:
        net, statistics = net.with_statistics(_calibrated(request.calibrate, net, supernet)), "re-estimated"
    normalisation = supernet.normalisation
    fold = InputFold(normalisation.mean, normalisation.scale) if request.fold_input else None
    data = net_to_ir(net, softmax=request.softmax, fold=fold, element="u8" if request.u8_input else "f32")
    write_whole(request.out, data)
    digest = hashlib.sha256(data).hexdigest()
    family, variant = supernet.family.name, supernet.variant
    return ExtractReport(request.out, family, variant, arch, count(net), len(data), digest, statistics)


def read_statistics(path: Path, net: Net) -> Statistics:
    """Running means and variances of every batch norm of `net` from an npz. Raises BuildError."""
    arrays = _npz(path)
    given = {key.removeprefix(_PREFIX): value for key, value in arrays.items()}
    statistics: Statistics = {}
    for unit in net.units():
        for part in STATISTICS:
            name = f"{unit.name}.bn.{part}"
            value, shape = given.get(name), net.weights[name].shape
            if value is None or value.shape != shape:
                found = "missing" if value is None else f"of shape {list(value.shape)}"
                raise BuildError(f"{path}: {name} is {found}, need {list(shape)}")
            if not np.isfinite(value).all() or (part == "running_var" and value.min() < 0):
                raise BuildError(f"{path}: {name} holds values that no batch norm has")
            statistics[name] = value.astype(np.float32)
    return statistics


def _calibrated(path: Path, net: Net, supernet: Supernet) -> Statistics:
    arrays = {} if path.is_dir() else _npz(path)
    if "calib" in arrays:
        images = arrays["calib"].astype(np.float32)
        batches = tuple(int(v) for v in np.ravel(arrays["calib_batches"])) if "calib_batches" in arrays else None
    else:
        images = to_input(load_images(path, net.channels).images, net.side_px, supernet.normalisation)
        batches = None
    batches = batches or split_batches(len(images))
    return estimate_statistics(net, images[: sum(batches)], batches)


def _npz(path: Path) -> dict[str, NDArray[np.generic]]:
    arrays = read_npz(read_file(path), str(path))
    return {key: value for key, value in arrays.items() if value.dtype.kind in "fiu"}
