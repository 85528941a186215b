"""Signed libraries of very many sub-nets, made in seconds: a real ladder and, below it, a crowd of tiny networks.

Each of the crowd has what a full-size search leaves in a manifest (twenty blocks, two golden images), a file of its
own, and too little accuracy ever to be chosen where a rung of the ladder can be had.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from agent.library import generate_key
from agent.library.ir import pack_ir
from agent.library.signing import sign
from tests.support.tiny_libraries import artifact, sha256, tiny_xml

BLOCKS, STAGES, SIDES = 20, 5, (160, 176, 192, 208, 224)  # OFA-MobileNetV3's
KERNELS, EXPANSIONS = (3, 5, 7), (3.0, 4.0, 6.0)


def widen(ladder: Path, out: Path, size: int, seed: int = 7) -> Path:
    """A library of `size` sub-nets in `out`: those of `ladder`, then the crowd. Not signed."""
    shutil.copytree(ladder, out, ignore=shutil.ignore_patterns("*.sig"))
    manifest = json.loads((out / "manifest.json").read_bytes())
    source = np.random.default_rng(seed)
    classes = len(manifest["task"]["labels"])
    for number in range(len(manifest["subnets"]), size):
        blob = _blob(number, classes)
        entry = _entry(number, blob, source, manifest["subnets"][0])
        (out / entry["artifacts"][0]["file"]).write_bytes(blob)
        manifest["subnets"].append(entry)
    # As publish writes it, without its syncing and reading each of so many files.
    (out / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2))
    return out


def signed(library: Path, folder: Path) -> Path:
    """Sign the manifest as it lies there with a new key in `folder`; returns the public half's file."""
    private, public = folder / f"{library.name}.key", folder / f"{library.name}.pub"
    generate_key(private, public)
    (library / "manifest.json.sig").write_bytes(sign((library / "manifest.json").read_bytes(), private))
    return public


def _blob(number: int, classes: int) -> bytes:
    return pack_ir(tiny_xml(SIDES[0], classes), np.full(16, number, "<f4").tobytes())


def _entry(number: int, blob: bytes, source: np.random.Generator, first: dict[str, Any]) -> dict[str, Any]:
    top1 = 0.2 + 0.2 * float(source.random())
    side = int(source.choice(SIDES))
    depths = [int(depth) for depth in source.integers(2, 5, STAGES)]
    used = [place < depth for depth in depths for place in range(BLOCKS // STAGES)]
    return {
        "id": f"r{side}-d{''.join(map(str, depths))}-{sha256(blob)[:6]}",
        "arch": {
            "ks": [int(source.choice(KERNELS)) if on else 0 for on in used],
            "e": [float(source.choice(EXPANSIONS)) if on else 0.0 for on in used],
            "d": depths,
            "r": side,
        },
        "params": 4_000_000 + number,
        "macs_dense": 200_000_000 + number,
        "macs_depthwise": 20_000_000 + number,
        "layers": 60,
        "accuracy": {"top1": top1, "n": 600, "ci95_low": top1 - 0.04, "ci95_high": top1 + 0.04, "dataset": "held_out"},
        "latency": {
            "predicted_ms": 30.0 + 100.0 * float(source.random()),
            "source": "model: myriad-2 two-point law, x9",
            "preprocessing_ms": 1.2,
        },
        "artifacts": [artifact(blob)],
        "calibration": first["calibration"],
        "golden": first["golden"],
        "input": first["input"] | {"width": SIDES[0], "height": SIDES[0]},
    }
