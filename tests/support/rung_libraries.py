"""Libraries of tiny networks whose service times on the simulated camera are chosen, and their truth as a replay's.

A rung's service time is a number of cheap layers; its size is padding that nothing reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agent.library import open_library
from agent.library.ir import pack_ir, unpack_ir
from agent.library.publish import publish
from agent.replay.ladder import Ladder, Net
from agent.sim.latency import LatencyModel
from agent.sim.network import load_network
from agent.sim.parts import CLASSES
from agent.sim.spec import SimulationSpec
from tests.support.networks import chain_ir
from tests.support.tiny_libraries import FORMAT, artifact, decoded, tiny_manifest

SIDE = 8
_LAYERS_OF_HEAD = 2  # a chain without links


@dataclass(frozen=True)
class Rung:
    """One sub-net as it is wanted. `size_bytes` is the least that its file has."""

    id: str
    service_ms: float
    top1: float
    size_bytes: int = 0


@dataclass(frozen=True)
class TrueLadder:
    """What the simulated camera really does: service times at a slow-down of 1, and the exponents of the slow-down.

    The swap times are those of `ladder_of`'s caller; nothing here measures them.
    """

    ladder: Ladder
    sensitivity: tuple[float, ...]


def publish_rungs(path: Path, rungs: Sequence[Rung], spec: SimulationSpec) -> Path:
    """Publish a library of these rungs for cameras of `spec`; its predictions are what the camera really takes."""
    law = LatencyModel(spec.vpu, spec.seed)
    made = [_made(rung, number, spec, law) for number, rung in enumerate(rungs)]
    values, _ = tiny_manifest(
        0,
        name="rungs",
        task={"type": "classification", "labels": list(CLASSES)},
        input={"width": SIDE, "height": SIDE, "channels": 1, "pixel_format": "Mono8", "mean": [127.5], "scale": [64.0]},
        subnets=[entry for entry, _ in made],
    )
    publish(decoded(values), {file: blob for entry, blob in made for file in [entry["artifacts"][0]["file"]]}, path)
    return path


def true_ladder(library: Path, spec: SimulationSpec, swap_s: Sequence[float]) -> TrueLadder:
    """The rungs of a library on a camera of `spec`, in the library's order."""
    opened, law = open_library(library, (FORMAT,)), LatencyModel(spec.vpu, spec.seed)
    nets, sensitivity = [], []
    for subnet, seconds in zip(opened.catalogue.subnets, swap_s, strict=True):
        base_ms, gamma = law.undisturbed(load_network(opened.read_blob(subnet.id), {}))
        nets.append(Net(subnet.id, subnet.accuracy.top1, base_ms, seconds))
        sensitivity.append(gamma)
    return TrueLadder(Ladder(tuple(nets)), tuple(sensitivity))


def without_fixed_costs(spec: SimulationSpec) -> SimulationSpec:
    """`spec` with service times that are base x slow-down ** gamma x jitter and nothing else, as a replay has them."""
    return replace(spec, vpu=replace(spec.vpu, preprocessing_ms=0.0, scaling_ms=0.0))


def _made(rung: Rung, number: int, spec: SimulationSpec, law: LatencyModel) -> tuple[dict[str, Any], bytes]:
    """Manifest entry and blob of a rung; hidden factors of the camera move its time by a few per cent."""
    calm = LatencyModel(replace(spec.vpu, digest_sigma=0.0), spec.seed)
    one, two = (calm.undisturbed(load_network(_blob(links, number, 0), {}))[0] for links in (1, 2))
    links = max(1, 1 + round((rung.service_ms - one) / (two - one)))
    blob = _blob(links, number, rung.size_bytes)
    service_ms, _ = law.undisturbed(load_network(blob, {}))
    low, high = rung.top1 - 0.02, min(1.0, rung.top1 + 0.02)
    entry = {
        "id": rung.id,
        "arch": None,
        "params": 1000,
        "macs_dense": 10_000,
        "macs_depthwise": 0,
        "layers": links + _LAYERS_OF_HEAD,
        "accuracy": {"top1": rung.top1, "n": 1000, "ci95_low": low, "ci95_high": high, "dataset": "test"},
        "latency": {"predicted_ms": service_ms, "source": "simulation"},
        "artifacts": [artifact(blob)],
        "golden": [],
    }
    return entry, blob


def _blob(links: int, seed: int, size_bytes: int) -> bytes:
    blob = chain_ir(len(CLASSES), SIDE, links, seed)
    missing = size_bytes - len(blob)
    if missing <= 0:
        return blob
    parts = unpack_ir(blob, "chain")
    padding = np.random.Generator(np.random.PCG64(seed)).bytes(math.ceil(missing / 64) * 64)
    return pack_ir(parts.xml, parts.weights + padding)
