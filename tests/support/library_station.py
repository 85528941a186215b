"""A station with a signed library behind a link, as an attacker finds it: real files, real keys, the daemon's own way
from the config to the bytes that would go on a camera."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.app import supervisor_settings
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig, Camera, LibrarySource
from agent.domain.device import CameraInfo
from agent.domain.trust import TrustBook
from agent.library import generate_key, sign_library
from agent.library.signing import sign
from agent.staging import Staging
from agent.swap.transaction import Payload
from tests.support.memory_trust import MemoryTrust
from tests.support.tiny_libraries import edit_manifest, publish_tiny

CAMERA = "station-1"


@dataclass
class Station:
    """Version 1 is published, signed by `key`, in use, and kept in mind by `trust`."""

    folder: Path
    trust: TrustBook = field(default_factory=MemoryTrust)
    formats: tuple[str, ...] = ("openvino-ir-10",)
    clock: VirtualClock = field(default_factory=VirtualClock)
    info: CameraInfo | None = None

    def __post_init__(self) -> None:
        self.key, self.public = self.folder / "release.key", self.folder / "release.pub"
        if not self.key.exists():
            self.new_key("release")
            self.publish("v1")
        self.turn(self.folder / "v1")

    def copied(self, folder: Path) -> Station:
        """The same in another folder: making keys and publishing takes its time."""
        for name in ("release.key", "release.pub"):
            shutil.copy(self.folder / name, folder / name)
        shutil.copytree(self.folder / "v1", folder / "v1")
        return Station(folder, formats=self.formats)

    @property
    def link(self) -> Path:
        return self.folder / "library"

    def new_key(self, name: str) -> tuple[Path, Path]:
        private, public = self.folder / f"{name}.key", self.folder / f"{name}.pub"
        generate_key(private, public)
        return private, public

    def publish(self, name: str, count: int = 2, key: Path | None = None, **changes: Any) -> Path:
        """Another version beside the link, signed."""
        path = publish_tiny(self.folder / name, count, **changes)
        sign_library(path, key or self.key)
        return path

    def forge(self, library: Path, change: Callable[[dict[str, Any]], object], key: Path | None = None) -> None:
        """Change the manifest in place and sign it past all checks, as whoever has a trusted key could."""
        edit_manifest(library, change)
        (library / "manifest.json.sig").write_bytes(sign((library / "manifest.json").read_bytes(), key or self.key))

    def turn(self, target: Path) -> None:
        staging = self.link.with_name(".library")
        staging.symlink_to(target)
        staging.replace(self.link)

    def config(self, **library: Any) -> AgentConfig:
        source = LibrarySource(**{"path": self.link, "trusted_keys": (self.public,), **library})
        return AgentConfig(
            self.folder / "agent.yaml", (Camera(CAMERA, "simulated", "1", self.formats),), library=source
        )

    async def started(self, **library: Any) -> Staging:
        """As a new run of the daemon would open it."""
        staging = Staging(self.clock, self.trust, supervisor_settings, info_of=lambda camera: self.info)
        await staging.open(self.config(**library))
        return staging

    async def loaded(self, subnet_id: str = "net-0", **library: Any) -> Payload:
        """What would go on the camera after a start. Raises LibraryError."""
        source = (await self.started(**library)).told[CAMERA].source
        assert source is not None
        return await source.load(subnet_id)

    def load(self, subnet_id: str = "net-0", **library: Any) -> Payload:
        return run_virtual(self.clock, self.loaded(subnet_id, **library))
