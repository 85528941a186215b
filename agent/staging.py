"""From a config to what the supervisors are told, at the start and at a reload: opened libraries and settings.

Everything that can fail is done before anybody is told anything; see agent.config.reload.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from agent.clock import Clock
from agent.config import AgentConfig
from agent.config.schema import Camera
from agent.domain.device import CameraInfo
from agent.domain.reference import Reference, reference_key
from agent.domain.reload import Change, ReloadClass
from agent.domain.trust import TrustBook
from agent.errors import JournalError, LibraryError
from agent.library import Library, open_library
from agent.library.marks import VersionMark, judged
from agent.library.reads import LibraryReads
from agent.logs import event, logger
from agent.supervisor.library_age import AgedLibrary
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.source import LibrarySource, SubnetSource

_log = logger("config")


class Reconfigurable(Protocol):
    """A supervisor as a reload sees it."""

    def reconfigure(self, settings: SupervisorSettings, source: SubnetSource | None) -> None:
        """Hold to these from now on; what runs is not disturbed. On the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What one supervisor is told."""

    settings: SupervisorSettings
    source: SubnetSource | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """One version of a library, opened for every camera from the same folder."""

    path: Path
    libraries: Mapping[str, Library]

    @property
    def library(self) -> Library:
        return next(iter(self.libraries.values()))

    @property
    def mark(self) -> tuple[Path, str]:
        """Where it is and what is in it."""
        return self.path, self.library.digest

    def same_for(self, camera: str, other: Shelf | None) -> bool:
        """Whether that camera would read the same files from the other one."""
        return (
            other is not None
            and other.mark == self.mark
            and other.libraries[camera].accepted_formats == self.libraries[camera].accepted_formats
        )

    def __str__(self) -> str:
        manifest = self.library.manifest
        return f"{manifest.name} {manifest.version} in {self.path} (manifest {self.library.digest[:12]})"


class Ahead:
    """A library that was opened to see whether it can be used. It is handed over once: nobody else keeps it alive."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._shelf = shelf

    def take(self) -> Shelf | None:
        shelf, self._shelf = self._shelf, None
        return shelf


@dataclass(frozen=True, slots=True)
class _Vouching:
    """What the book knows of a library and of one camera; see agent.supervisor.source.Vouching."""

    book: TrustBook
    version: VersionMark
    camera: str
    info_of: Callable[[str], CameraInfo | None]

    async def admitted(self) -> None:
        await self.version.kept()

    async def reference(self, network_sha256: str) -> Reference | None:
        info = self.info_of(self.camera)
        if info is None:
            return None
        key = reference_key(info.serial, info.firmware, network_sha256)
        text = await self.book.trust(key)
        found = Reference.parse(text) if text is not None else None
        if text is not None and (found is None or found.key != key):
            raise LibraryError(
                f"camera {self.camera}: the commissioning record of network {network_sha256[:12]} was altered or is"
                " damaged; record it again (`ofa-agent camera reference`)"
            )
        return found


@dataclass(frozen=True, slots=True)
class _State:
    """A config, its library, and what each camera's supervisor is told of them."""

    config: AgentConfig
    shelf: Shelf | None
    version: VersionMark | None
    told: Mapping[str, Told]


class Staging:
    """Owner of the library that is in use, and of what the supervisors were told last.

    `settings_of` says what a camera's supervisor gets of a config; `also` tells whoever else holds to a part of it.
    """

    def __init__(
        self,
        clock: Clock,
        book: TrustBook,
        settings_of: Callable[[AgentConfig, Camera], SupervisorSettings],
        also: Callable[[AgentConfig], None] = lambda config: None,  # noqa: ARG005
        info_of: Callable[[str], CameraInfo | None] = lambda camera: None,  # noqa: ARG005
    ) -> None:
        """`book` knows which versions were in use, and with `info_of`, which tells what camera is behind a name, what
        it answered when it was commissioned. Nothing is opened before `open`."""
        self._clock = clock
        self.book = book
        self._settings_of = settings_of
        self._also = also
        self._info_of = info_of
        self._reads: LibraryReads | None = None
        self._supervisors: Mapping[str, Reconfigurable] = {}

    async def open(self, config: AgentConfig, ahead: Ahead | None = None) -> None:
        """Begin with the library of that config, which may be open. Raises LibraryError, JournalError where the book
        cannot be read.

        One that cannot be written is no reason not to begin: then nothing of the library is handed out until it can.
        """
        opened = None if ahead is None else ahead.take()
        self._state = await self._after(config, opened or await self._read(config, open_shelf), None)
        if self._state.version is not None:
            try:
                await self._state.version.kept()
            except JournalError as error:
                event(_log, logging.ERROR, "library_version_not_kept", error=error)

    @property
    def told(self) -> Mapping[str, Told]:
        """What each supervisor holds to, by its camera."""
        return self._state.told

    @property
    def shelf(self) -> Shelf | None:
        """The library that is in use."""
        return self._state.shelf

    @property
    def aged(self) -> AgedLibrary | None:
        """The library that is in use, where the config says how old it may become."""
        shelf, settings = self._state.shelf, self._state.config.library
        if shelf is None or settings is None or settings.max_age_days is None:
            return None
        manifest = shelf.library.manifest
        return AgedLibrary(f"{manifest.name} {manifest.version}", manifest.created, settings.max_age_days)

    def attach(self, supervisors: Mapping[str, Reconfigurable]) -> None:
        """Whom a reload is to tell, by their cameras."""
        self._supervisors = supervisors

    async def stage(self, config: AgentConfig) -> Handover:
        """Open the library of `config` beside the one in use. Raises LibraryError where it must not be used."""
        shelf = await self._read(config, usable_shelf)
        return Handover(self._state, await self._after(config, shelf, self._state), self._tell)

    async def _read(self, config: AgentConfig, opened: Callable[[AgentConfig], Shelf | None]) -> Shelf | None:
        if config.library is None:
            return None
        if self._reads is None or self._reads.path != config.library.path:
            self._reads = LibraryReads(config.library.path, self._clock)
        return await self._reads.run("library-stage", lambda: opened(config))

    async def _after(self, config: AgentConfig, shelf: Shelf | None, before: _State | None) -> _State:
        version = await self._version(config, shelf)
        told = {}
        for camera in config.cameras:
            source: SubnetSource | None = None
            if shelf is not None and version is not None:
                kept = before is not None and shelf.same_for(camera.name, before.shelf)
                source = before.told[camera.name].source if before is not None and kept else None
                source = source or LibrarySource(
                    shelf.libraries[camera.name],
                    self._clock,
                    _Vouching(self.book, version, camera.name, self._info_of),
                )
            told[camera.name] = Told(self._settings_of(config, camera), source)
        return _State(config, shelf, version, told)

    async def _version(self, config: AgentConfig, shelf: Shelf | None) -> VersionMark | None:
        """Raises LibraryError where an older one must not be used."""
        if shelf is None or config.library is None:
            return None
        return VersionMark(self.book, await judged(self.book, shelf.library, config.library.allow_older))

    def _tell(self, state: _State) -> None:
        """All of them, also where one of them fails: what it raised is raised when all were told."""
        failed: list[Exception] = []
        self._state = state
        for tell in self._tellings(state):
            try:
                tell()
            except Exception as error:  # noqa: BLE001 - raised below; the others have to be told first
                failed.append(error)
        if failed:
            raise failed[0]

    def _tellings(self, state: _State) -> Iterator[Callable[[], None]]:
        for name, supervisor in self._supervisors.items():
            yield partial(supervisor.reconfigure, state.told[name].settings, state.told[name].source)
        yield partial(self._also, state.config)


class Handover:
    """Another config, ready to be told to the supervisors; see agent.config.reload.Staged."""

    def __init__(self, before: _State, after: _State, tell: Callable[[_State], None]) -> None:
        self._before = before
        self._after = after
        self._tell = tell

    @property
    def changes(self) -> Sequence[Change]:
        """Another library where the same path led to one before."""
        old, new = self._before.shelf, self._after.shelf
        if old is None or new is None or old.mark == new.mark:
            return ()
        return (Change("library", ReloadClass.SWAP, str(old), str(new)),)

    def apply(self) -> None:
        self._tell(self._after)

    async def commit(self) -> None:
        """From now on an older version of the library is refused, also after a restart. Raises JournalError."""
        if self._after.version is not None:
            await self._after.version.kept()

    def undo(self) -> None:
        event(_log, logging.ERROR, "config_rolled_back")
        self._tell(self._before)


def open_shelf(config: AgentConfig) -> Shelf | None:
    """The library of a config for each of its cameras, or None. Blocks on the disk. Raises LibraryError.

    It is read once for all of them: no two cameras get different versions.
    """
    if config.library is None:
        return None
    library = open_library(config.library.path, (), config.library.trusted_keys or None)
    wanted = dict.fromkeys(camera.accepted_formats for camera in config.cameras)
    by_formats = {formats: library.accepting(formats) for formats in wanted}
    return Shelf(library.path, {camera.name: by_formats[camera.accepted_formats] for camera in config.cameras})


def usable_shelf(config: AgentConfig) -> Shelf | None:
    """As `open_shelf`; also raises LibraryError where a camera could run nothing of it."""
    shelf = open_shelf(config)
    if shelf is None:
        return None
    for camera in config.cameras:
        library = shelf.libraries[camera.name]
        if all(subnet.artifact(camera.accepted_formats) is None for subnet in library.catalogue.subnets):
            formats = ", ".join(camera.accepted_formats)
            raise LibraryError(f"{shelf.path}: no sub-net has a format that camera {camera.name} accepts ({formats})")
    return shelf
