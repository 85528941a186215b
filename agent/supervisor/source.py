"""From a sub-net's id to bytes that may go on a camera."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Protocol

from agent.clock import Clock
from agent.domain.device import GoldenCheck, NetworkSetup
from agent.domain.reference import Reference
from agent.domain.subnet import Catalogue
from agent.errors import BadInput, LibraryError
from agent.library import Library
from agent.library.reads import LibraryReads
from agent.swap.transaction import Payload, PayloadSource


class SubnetSource(PayloadSource, Protocol):
    """Where a supervisor's sub-nets come from."""

    @property
    def catalogue(self) -> Catalogue: ...

    def artifact_digest(self, subnet_id: str) -> tuple[str, int]:
        """sha256 and size in bytes of what would be uploaded; raises LibraryError where nothing is accepted."""
        ...


class Vouching(Protocol):
    """What has to be known of a library beyond its files before a network of it is handed out."""

    async def admitted(self) -> None:
        """Returns when it is durable that this version is in use. Raises JournalError."""
        ...

    async def reference(self, network_sha256: str) -> Reference | None:
        """What this camera answered when it was commissioned. Raises LibraryError, JournalError."""
        ...


class LibrarySource:
    """Reads payloads from one library version; the reading and hashing happen off the event loop.

    Without `vouching` nothing is known but the files.
    """

    def __init__(self, library: Library, clock: Clock, vouching: Vouching | None = None) -> None:
        self._library = library
        self._reads = LibraryReads(library.path, clock)
        self._vouching = vouching

    @property
    def catalogue(self) -> Catalogue:
        return self._library.catalogue

    def artifact_digest(self, subnet_id: str) -> tuple[str, int]:
        artifact = self._library.artifact(subnet_id)
        return artifact.sha256, artifact.size_bytes

    async def load(self, subnet_id: str) -> Payload:
        """Every check of the library on these very bytes; raises a leaf of LibraryError, JournalError."""
        if self._vouching is None:
            return await self._reads.run(f"library-{subnet_id}", lambda: self._read(subnet_id))
        await self._vouching.admitted()
        payload = await self._reads.run(f"library-{subnet_id}", lambda: self._read(subnet_id))
        reference = await self._vouching.reference(payload.sha256)
        return payload if reference is None else self._held_to(reference, payload)

    def _held_to(self, reference: Reference, payload: Payload) -> Payload:
        subnet = self.catalogue.get(payload.setup.subnet_id)
        images = [PurePosixPath(golden.image).stem for golden in subnet.goldens] if subnet is not None else []
        goldens = reference.tightened(images, payload.goldens)
        if isinstance(goldens, str):
            raise LibraryError(
                f"{self._library.path}: the commissioning record of sub-net {payload.setup.subnet_id!r} on camera"
                f" {reference.serial} {goldens}; record it again (`ofa-agent camera reference`)"
            )
        return replace(payload, goldens=goldens)

    def _read(self, subnet_id: str) -> Payload:
        catalogue = self.catalogue
        subnet = catalogue.get(subnet_id)
        if subnet is None:
            raise BadInput("subnet", f"{subnet_id!r} is not in library {catalogue.name!r}")
        sha256, _ = self.artifact_digest(subnet_id)
        blob = self._library.read_blob(subnet_id)
        goldens = tuple(
            GoldenCheck(image.pixels, image.golden.class_id, image.golden.confidence, image.golden.tolerance)
            for image in self._library.golden_images(subnet_id)
        )
        setup = NetworkSetup(subnet_id, catalogue.task, subnet.input, len(blob), len(catalogue.labels))
        return Payload(setup, sha256, blob, goldens)
