"""The build report: a JSON file beside the library with what the manifest has no room for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.builder.entries import Finished
from agent.builder.ladder import Rung
from agent.builder.predict import LatencyLaw
from agent.builder.supernet import Supernet
from agent.errors import BuildError
from agent.writing import write_whole

if TYPE_CHECKING:
    from agent.builder.build import BuildReport

SCHEMA = "ofa-agent.build-report/1"
# A fitted last layer that brings less than this is no reason to stop there (facts/ofa.md 1.11).
_LITTLE_GAIN = 0.01


def advice(images: Path, made: Sequence[Finished], supernet: Supernet) -> list[str]:
    """What fitting the last layer brought, and the larger adaptation where that was little or cannot be told."""
    transfers = [one.transfer for one in made if one.transfer is not None]
    if not transfers:
        return []
    kept = sum(one.kept == "supernet" for one in transfers)
    lines = []
    if kept:
        lines.append(f"fitting the last layer was no gain on {kept} of {len(transfers)} sub-nets: they keep their own")
    gains = [one.after.top1 - one.before.top1 for one in transfers if one.before is not None]
    if gains and max(gains) >= _LITTLE_GAIN and not kept:
        return lines
    command = f"python -m agent.builder.train --images {images} --out adapted.safetensors --budget-minutes 60"
    if len(supernet.normalisation.mean) == 1:
        lines.append(f"if the accuracy is not enough, train all weights on these images (extra [train]): {command}")
    else:
        lines.append(
            "if the accuracy is not enough, fine-tune the supernet where it comes from; for grey images "
            f"a small supernet can be trained here (extra [train]): {command}"
        )
    return lines


def write_report(
    path: Path,
    report: BuildReport,
    made: Sequence[Finished],
    law: LatencyLaw,
    tried: Sequence[Rung],
    labels: Sequence[str],
) -> None:
    """Write the file, whole or not at all. Raises BuildError."""
    content = {
        "schema": SCHEMA,
        "library": str(report.path),
        "manifest_sha256": report.digest,
        "version": report.version,
        "images": asdict(report.images),
        "latency": {"source": law.source, "relative_sigma": law.relative_sigma},
        "labels": list(labels),
        "subnets": [_subnet(one, law) for one in made],
        "dropped": [asdict(one) for one in report.dropped],
        "tried": [
            {
                "arch": json.loads(rung.candidate.arch.to_json()),
                "predicted_ms": rung.candidate.predicted_ms,
                "top1": rung.top1,
            }
            for rung in tried
        ],
        "notes": list(report.notes),
    }
    try:
        write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as exc:
        raise BuildError(f"{path}: the build report cannot be written: {exc.strerror}") from exc


def _subnet(one: Finished, law: LatencyLaw) -> Mapping[str, object]:
    """`confusion` has a row for each true class and a column for each answer, in the order of the labels."""
    return {
        "id": one.id,
        "arch": json.loads(one.candidate.arch.to_json()),
        "accuracy": asdict(one.score),
        "mean_recall": one.recall,
        "confusion": one.confusion,
        "transfer": None if one.transfer is None else asdict(one.transfer),
        "predicted_ms": one.candidate.predicted_ms,
        "interval_ms": law.interval_ms(one.candidate.predicted_ms),
        "artifacts": [{"format": a.format, "target": a.target, "size_bytes": len(a.data)} for a in one.artifacts],
    }


def report_path(library: Path) -> Path:
    """Where the report of a library is written where nothing else is said."""
    return library.with_name(f"{library.name}.report.json")


def read_report(library: Path, digest: str) -> Mapping[str, Any] | None:
    """The report beside a library; None where there is none, or not of this very manifest."""
    absolute = Path(os.path.abspath(library))
    try:
        content = json.loads(report_path(absolute).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(content, dict) and content.get("schema") == SCHEMA and content.get("manifest_sha256") == digest
    return content if fits else None
