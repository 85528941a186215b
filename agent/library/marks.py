"""Whether a version of a library may be used after those that were, and the writing down of that."""

from __future__ import annotations

import asyncio
import logging

from agent.domain.trust import Admission, Mark, TrustBook, library_key
from agent.errors import LibraryError
from agent.library.store import Library
from agent.logs import event, logger

_log = logger("library")


async def judged(book: TrustBook, library: Library, allow_older: bool) -> Admission:
    """What is known of that library; nothing is written. LibraryError where it must not be used; JournalError."""
    manifest = library.manifest
    text = await book.trust(library_key(manifest.name))
    seen = Mark.parse(text) if text is not None else None
    damaged = text is not None and seen is None
    admission = Admission(manifest.name, Mark(manifest.version, library.digest), seen, damaged)
    why = admission.refusal()
    if why and not allow_older:
        raise LibraryError(
            f"{library.path}: {why}; publish a newer one, or say `library: {{allow_older: true}}` to go back"
        )
    return admission


class VersionMark:
    """Owner of the mark of one library: written down once, before anything of the library touches a camera."""

    def __init__(self, book: TrustBook, admission: Admission) -> None:
        self._book = book
        self._admission = admission
        self._kept = not admission.news
        self._writing = asyncio.Lock()

    async def kept(self) -> None:
        """Durable when it returns: this version is the newest of its name. Raises JournalError."""
        async with self._writing:
            if not self._kept:
                await self._keep(self._admission)

    async def _keep(self, admission: Admission) -> None:
        await self._book.put_trust(library_key(admission.name), str(admission.mark), admission.entry())
        self._kept = True
        back = admission.goes_back
        event(_log, logging.WARNING if back else logging.INFO, "library_taken_back" if back else "library_taken",
              library=admission.name, version=admission.mark.version, manifest=admission.mark.digest,
              before=admission.seen or "none")  # fmt: skip
