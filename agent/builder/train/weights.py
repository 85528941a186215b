"""The supernet file: float32 safetensors with everything needed to use it in its metadata."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from agent.builder.train.data import Normalisation
from agent.builder.train.elastic import BN_EPS, Supernet
from agent.builder.train.spec import SupernetSpec

FORMAT = "ofa-agent.supernet/1"


@dataclass(frozen=True, slots=True)
class SupernetHeader:
    """What the file says about its weights; `side_px` is the camera image's side before the resize."""

    spec: SupernetSpec
    norm: Normalisation
    labels: tuple[str, ...]
    side_px: int = 64
    bn_eps: float = BN_EPS

    def to_metadata(self) -> dict[str, str]:
        """safetensors metadata: strings only, structures as JSON."""
        pixels = {"width": self.side_px, "height": self.side_px, "channels": 1, "pixel_format": "Mono8"}
        scaling = {"mean": [self.norm.mean], "scale": [self.norm.scale]}
        return {
            "format": FORMAT,
            "family": self.spec.family,
            "spec": self.spec.to_json(),
            "input": json.dumps(pixels | scaling),
            "labels": json.dumps(self.labels),
            "bn_eps": repr(self.bn_eps),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> SupernetHeader:
        """The inverse of `to_metadata`; ValueError when the format is not ours."""
        if metadata.get("format") != FORMAT:
            raise ValueError(f"supernet format is {metadata.get('format')!r}, need {FORMAT!r}")
        pixels = json.loads(metadata["input"])
        return cls(
            spec=SupernetSpec.from_json(metadata["spec"]),
            norm=Normalisation(pixels["mean"][0], pixels["scale"][0]),
            labels=tuple(json.loads(metadata["labels"])),
            side_px=pixels["width"],
            bn_eps=float(metadata["bn_eps"]),
        )


def save_supernet(path: Path, net: Supernet, header: SupernetHeader) -> None:
    """Write the weights and their header; counters of the batch norms are left out.

    Equal weights give equal bytes.
    """
    tensors = {
        name: value.detach().to(torch.float32).contiguous()
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    path.write_bytes(_with_sorted_metadata(save(tensors, header.to_metadata())))


def load_supernet(path: Path) -> tuple[Supernet, SupernetHeader]:
    """Read a file written by `save_supernet`."""
    with safe_open(path, framework="pt") as file:
        header = SupernetHeader.from_metadata(file.metadata() or {})
        names: list[str] = file.keys()
        tensors = {name: file.get_tensor(name) for name in names}
    net = Supernet(header.spec)
    missing, unexpected = net.load_state_dict(tensors, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"{path}: missing weights {missing}, unexpected {unexpected}")
    return net, header


def _with_sorted_metadata(content: bytes) -> bytes:
    """The same safetensors file with its metadata in order of name.

    The library keeps them in a hash map with a random seed, so its files differ from run to run. Tensor offsets
    count from the end of the header and stay valid.
    """
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + content[8 + length :]
