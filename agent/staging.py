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

from agent.clock import Clock, in_thread
from agent.config import AgentConfig
from agent.config.schema import Camera
from agent.domain.reload import Change, ReloadClass
from agent.errors import LibraryError
from agent.library import Library, followed, open_library
from agent.logs import event, logger
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


@dataclass(frozen=True, slots=True)
class _State:
    """A config, its library, and what each camera's supervisor is told of them."""

    config: AgentConfig
    shelf: Shelf | None
    told: Mapping[str, Told]


class Staging:
    """Owner of the library that is in use, and of what the supervisors were told last.

    `settings_of` says what a camera's supervisor gets of a config; `also` tells whoever else holds to a part of it.
    """

    def __init__(
        self,
        config: AgentConfig,
        clock: Clock,
        settings_of: Callable[[AgentConfig, Camera], SupervisorSettings],
        also: Callable[[AgentConfig], None] = lambda config: None,  # noqa: ARG005
    ) -> None:
        """Opens the library. Blocks on the disk. Raises LibraryError."""
        self._clock = clock
        self._settings_of = settings_of
        self._also = also
        self._supervisors: Mapping[str, Reconfigurable] = {}
        self._state = self._after(config, open_shelf(config), None)

    @property
    def told(self) -> Mapping[str, Told]:
        """What each supervisor holds to, by its camera."""
        return self._state.told

    @property
    def shelf(self) -> Shelf | None:
        """The library that is in use."""
        return self._state.shelf

    def attach(self, supervisors: Mapping[str, Reconfigurable]) -> None:
        """Whom a reload is to tell, by their cameras."""
        self._supervisors = supervisors

    async def stage(self, config: AgentConfig) -> Handover:
        """Open the library of `config` beside the one in use. Raises LibraryError where it must not be used."""
        before = self._state
        shelf = await in_thread(self._clock, "library-stage", lambda: usable_shelf(config, before.shelf))
        return Handover(before, self._after(config, shelf, before), self._tell)

    def _after(self, config: AgentConfig, shelf: Shelf | None, before: _State | None) -> _State:
        told = {}
        for camera in config.cameras:
            source: SubnetSource | None = None
            if shelf is not None:
                kept = before is not None and shelf.same_for(camera.name, before.shelf)
                source = before.told[camera.name].source if before is not None and kept else None
                source = source or LibrarySource(shelf.libraries[camera.name], self._clock)
            told[camera.name] = Told(self._settings_of(config, camera), source)
        return _State(config, shelf, told)

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

    def undo(self) -> None:
        event(_log, logging.ERROR, "config_rolled_back")
        self._tell(self._before)


def open_shelf(config: AgentConfig) -> Shelf | None:
    """The library of a config for each of its cameras, or None. Blocks on the disk. Raises LibraryError.

    A link is followed once, so that no two cameras get different versions.
    """
    if config.library is None:
        return None
    path, keys = followed(config.library.path), config.library.trusted_keys
    libraries = {camera.name: open_library(path, camera.accepted_formats, keys) for camera in config.cameras}
    if len({library.digest for library in libraries.values()}) > 1:
        raise LibraryError(f"{path}: was replaced while it was opened; try again")
    return Shelf(path, libraries)


def usable_shelf(config: AgentConfig, used: Shelf | None) -> Shelf | None:
    """As `open_shelf`; also raises LibraryError where a camera could run nothing of it, or it is older than `used`."""
    shelf = open_shelf(config)
    if shelf is None or config.library is None:
        return None
    for camera in config.cameras:
        library = shelf.libraries[camera.name]
        if all(subnet.artifact(camera.accepted_formats) is None for subnet in library.catalogue.subnets):
            formats = ", ".join(camera.accepted_formats)
            raise LibraryError(f"{shelf.path}: no sub-net has a format that camera {camera.name} accepts ({formats})")
    if used is not None and not config.library.allow_older:
        _refuse_older(shelf, used)
    return shelf


def _refuse_older(shelf: Shelf, used: Shelf) -> None:
    new, old = shelf.library.manifest, used.library.manifest
    if new.name == old.name and new.version < old.version:
        raise LibraryError(
            f"{shelf.path}: version {new.version} of library {new.name!r} is older than {old.version} in use; "
            "publish a newer one, or say `library: {allow_older: true}` to go back"
        )
