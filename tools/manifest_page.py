"""Makes docs/reference/manifest.md from the records that a manifest is read by; with --check it changes nothing and
fails where they differ."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent.library.manifest import MAX_MANIFEST_BYTES, Manifest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import generated  # noqa: E402  run as a program it does not know its package

PAGE = ROOT / "docs" / "reference" / "manifest.md"
_HEAD = f"""# The manifest of a library

A library is a folder: `manifest.json`, `manifest.json.sig` where it is signed, and the files that the manifest names,
`blobs/SHA256.graph` (or `.blob`, `.ovir`) and `golden/SHA256.png`. The manifest holds the digest of every other file,
so that one signature over its bytes covers all of them. This page is made from the records that the agent reads it by,
with `python tools/manifest_page.py`.

It is read strictly, before anything else of the library: an unknown key, a wrong type, a number out of range, an id
that comes twice, a file name that is not its digest, and more than {MAX_MANIFEST_BYTES // 2**20} MiB are refused with
`FILE: KEY: reason`. It is written one way only (keys sorted, two spaces, a newline at the end), so that equal content
has equal bytes. Make and change one with `ofa-agent library build` and `ofa-agent library add`, not by hand; look into
it with `ofa-agent library show DIR`; compare two with `ofa-agent library diff DIR OTHER`.
"""
_PATTERNS = {
    r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z": "name: 1 to 64 letters, digits and `._+-`, not `._+-` first",
    r"\A[0-9a-f]{64}\Z": "64 hex digits",
    r"\Ablobs/[0-9a-f]{64}\.(graph|blob|ovir)\Z": "`blobs/SHA256.graph`, `.blob` or `.ovir`",
    r"\Agolden/[0-9a-f]{64}\.png\Z": "`golden/SHA256.png`",
}
_MEANINGS = {
    "Manifest.schema": "Of this page.",
    "Manifest.name": "Versions are counted for each name.",
    "Manifest.version": "An older one than was in use is refused.",
    "Manifest.created": "When it was made, in seconds since 1970; `SOURCE_DATE_EPOCH` where that is set.",
    "Manifest.task": "What the networks answer.",
    "Manifest.input": "What the networks take, unless one says otherwise.",
    "Manifest.supernet": "Where the sub-nets were cut from; null where there is none.",
    "Manifest.subnets": "The ladder, in any order.",
    "Task.type": "",
    "Task.labels": "In the order of the networks' outputs.",
    "Input.width": "Pixels.",
    "Input.height": "Pixels.",
    "Input.channels": "1 with `Mono8`, else 3.",
    "Input.pixel_format": "",
    "Input.mean": "One for each channel.",
    "Input.scale": "One for each channel.",
    "Supernet.family": "As in `library build`.",
    "Supernet.sha256": "Of the checkpoint's file.",
    "Subnet.id": "Names it everywhere: `ofa-agent subnets`, results, metrics.",
    "Subnet.arch": "Its elastic choices; null where it was not cut from a supernet.",
    "Subnet.params": "Parameters.",
    "Subnet.macs_dense": "Multiply-accumulates of one inference in dense layers.",
    "Subnet.macs_depthwise": "The same in depthwise ones.",
    "Subnet.layers": "Layers.",
    "Subnet.accuracy": "As measured on images that chose nothing.",
    "Subnet.latency": "As predicted; replaced by what the camera shows.",
    "Subnet.artifacts": "Its compiled forms.",
    "Subnet.golden": "The self-test after each upload; empty: none.",
    "Subnet.input": "Its own, where it is not the library's.",
    "Subnet.calibration": "Of its batch norms.",
    "Subnet.head": "Of its last layer.",
    "Arch.ks": "Kernel sizes.",
    "Arch.e": "Expansions.",
    "Arch.d": "Depths.",
    "Arch.r": "Side of the input in pixels.",
    "Arch.w": "Widths.",
    "Accuracy.top1": "",
    "Accuracy.n": "Images it was measured on.",
    "Accuracy.ci95_low": "",
    "Accuracy.ci95_high": "",
    "Accuracy.dataset": "For people.",
    "Latency.predicted_ms": "Service time.",
    "Latency.source": "What predicted it, and its error.",
    "Latency.preprocessing_ms": "Part of it.",
    "Calibration.images": "How many.",
    "Calibration.sha256": "",
    "Head.kept": "",
    "Head.fitted_top1": "",
    "Head.supernet_top1": "",
    "Artifact.format": "Must be among `cameras[].accepted_formats` to be used.",
    "Artifact.target": "What it was compiled for.",
    "Artifact.shaves": "That it was compiled for.",
    "Artifact.file": "",
    "Artifact.sha256": "Of the file.",
    "Artifact.size_bytes": "Of the file.",
    "Golden.image": "8 bits, of the size that the network takes.",
    "Golden.class_id": "That it must answer.",
    "Golden.confidence": "That it must answer.",
    "Golden.tolerance": "By which the confidence may differ.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say that it differs; returns the exit code."""
    return generated.run(PAGE, "docs/reference/manifest.md", page, "tools/manifest_page.py", __doc__, argv)


def page() -> str:
    """The text that the page should have; raises KeyError for a key that has no meaning here yet."""
    shapes: Mapping[str, Any] = msgspec.json.schema(Manifest)["$defs"]
    names = ["Manifest", *(name for name in shapes if name != "Manifest")]
    return "\n".join([_HEAD, *(_section(name, shapes[name]) for name in names)])


def _section(name: str, shape: Mapping[str, Any]) -> str:
    needed = set(shape.get("required", ()))
    rows = [
        f"| `{key}` | {_value(value)}{'' if key in needed else _left_out(value)} | {_MEANINGS[f'{name}.{key}']} |"
        for key, value in shape["properties"].items()
    ]
    told = " ".join(shape["description"].split()).replace(" (facts/firefly-dl.md S13)", "")
    return "\n".join([f"## {name}\n", f"{told}\n", "| key | value | |", "|---|---|---|", *rows, ""])


def _left_out(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    return f"; left out: {default}" if isinstance(default, (int, float)) else "; may be left out"


def _value(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        return " or ".join(_value(one) for one in value["anyOf"])
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    return _by_type(value)


def _by_type(value: Mapping[str, Any]) -> str:
    kind: str = value["type"]
    if kind == "array":
        count = _range(value, "minItems", "maxItems")
        return f"list of {f'{count}: ' if count else ''}{_value(value['items'])}"
    if kind == "string":
        length = _range(value, "minLength", "maxLength")
        return _PATTERNS.get(value["pattern"], f"printable text of {length} characters")
    words = {"integer": "whole number", "number": "number", "null": "null"}
    bounds = _range(value, "minimum", "maximum")
    return f"{words[kind]}{f', {bounds}' if bounds else ''}"


def _range(value: Mapping[str, Any], low: str, high: str) -> str:
    least, most = value.get(low, value.get("exclusiveMinimum")), value.get(high)
    if least is None or most is None:
        return "" if most is None else f"at most {_number(most)}"
    above = "above " if low not in value else ""
    return f"{above}{_number(least)} to {_number(most)}"


def _number(value: float) -> str:
    return f"{value:g}" if value != int(value) or value >= 10**9 else f"{value:.0f}"


if __name__ == "__main__":
    sys.exit(main())
