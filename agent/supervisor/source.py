"""From a sub-net's id to bytes that may go on a camera."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from agent.clock import Clock
from agent.domain.device import GoldenCheck, NetworkSetup
from agent.domain.subnet import Catalogue
from agent.errors import BadInput
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


async def _admitted() -> None:
    """Of a library whose version nobody keeps count of."""


class LibrarySource:
    """Reads payloads from one library version; the reading and hashing happen off the event loop.

    `admitted` returns when it is durable that this version is in use; nothing is handed out before.
    """

    def __init__(self, library: Library, clock: Clock, admitted: Callable[[], Awaitable[None]] = _admitted) -> None:
        self._library = library
        self._reads = LibraryReads(library.path, clock)
        self._admitted = admitted

    @property
    def catalogue(self) -> Catalogue:
        return self._library.catalogue

    def artifact_digest(self, subnet_id: str) -> tuple[str, int]:
        artifact = self._library.artifact(subnet_id)
        return artifact.sha256, artifact.size_bytes

    async def load(self, subnet_id: str) -> Payload:
        """Every check of the library on these very bytes; raises a leaf of LibraryError, JournalError."""
        await self._admitted()
        return await self._reads.run(f"library-{subnet_id}", lambda: self._read(subnet_id))

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
