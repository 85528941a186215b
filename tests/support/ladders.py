"""A small ladder of sub-nets in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from agent.domain.device import GoldenCheck, NetworkSetup
from agent.domain.subnet import Accuracy, Arch, Artifact, Catalogue, Golden, InputSpec, Subnet
from agent.errors import LibraryError
from agent.swap.transaction import Payload

INPUT = InputSpec(64, 64, 1, "Mono8", (128.0,), (64.0,))
RUNGS = (("small", 16.0, 0.80), ("middle", 28.0, 0.88), ("large", 45.0, 0.95))


def subnet(subnet_id: str, predicted_ms: float, top1: float) -> Subnet:
    digest = subnet_id[0] * 64
    artifact = Artifact("openvino-ir-10", "simulated", 12, f"blobs/{digest}.ovir", digest, len(blob(subnet_id)))
    return Subnet(
        id=subnet_id,
        arch=Arch((3,), (2.0,), (1,), 64),
        params=1000,
        macs_dense=1000,
        macs_depthwise=100,
        layers=10,
        accuracy=Accuracy(top1, 1000, top1 - 0.02, top1 + 0.02, "test"),
        predicted_ms=predicted_ms,
        latency_source="predicted",
        input=INPUT,
        artifacts=(artifact,),
        goldens=(Golden("golden/0.png", 2, 0.9, 0.05),),
    )


def catalogue(rungs: tuple[tuple[str, float, float], ...] = RUNGS) -> Catalogue:
    labels = tuple(f"class-{n}" for n in range(8))
    return Catalogue("test", 1, "0" * 64, "classification", labels, tuple(subnet(*rung) for rung in rungs))


def blob(subnet_id: str) -> bytes:
    return subnet_id.encode() * 100


@dataclass
class LadderSource:
    """A source of payloads; `broken` names sub-nets whose bytes are damaged."""

    catalogue: Catalogue = field(default_factory=catalogue)
    broken: set[str] = field(default_factory=set)

    def artifact_digest(self, subnet_id: str) -> tuple[str, int]:
        found = self.catalogue.get(subnet_id)
        if found is None:
            raise LibraryError(f"no sub-net {subnet_id}")
        return found.artifacts[0].sha256, found.artifacts[0].size_bytes

    async def load(self, subnet_id: str) -> Payload:
        if subnet_id in self.broken:
            raise LibraryError(f"blobs/{subnet_id}: damaged")
        data = blob(subnet_id)
        golden = GoldenCheck(np.zeros((4, 4), np.uint8), 2, 0.9, 0.05)
        setup = NetworkSetup(subnet_id, "classification", INPUT, len(data), 8)
        return Payload(setup, self.artifact_digest(subnet_id)[0], data, (golden,))
