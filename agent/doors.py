"""The ways in of a daemon: from its config, and over to another one at a reload.

api.unix_socket ─► UnixDoor        api.tcp ─► TlsDoor        (there is no third)

What reads certificates is loaded only where the config has `api.tcp`: it weighs 7 MiB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.api.access import Door
from agent.api.limits import ApiLimits
from agent.api.unix_door import UnixDoor
from agent.clock import Clock, SystemClock, in_thread
from agent.config import AgentConfig, Tls
from agent.config.reload import Stage, Staged
from agent.domain.reload import Change

if TYPE_CHECKING:
    from agent.api.tls_door import Alarms, TlsDoor
    from agent.api.tls_files import TlsFiles


def check_doors(config: AgentConfig) -> None:
    """Read what the doors of a config need. Blocks on the disk. Raises BadInput with the key that is wrong."""
    if config.api.tcp is not None:
        _files(config.api.tcp.tls, SystemClock())


class Doors:
    """Owner of the doors of one daemon."""

    def __init__(self, config: AgentConfig, clock: Clock, alarms: Alarms, limits: ApiLimits) -> None:
        """Blocks on the disk. Raises BadInput with the key of the config that is wrong."""
        self._clock = clock
        self._unix = UnixDoor(config.api.unix_socket, config.api.unix_roles, limits)
        self._tls = _tls_door(config, clock, alarms, limits)
        self._config = config

    @property
    def all(self) -> Sequence[Door]:
        return [self._unix] if self._tls is None else [self._unix, self._tls]

    async def run(self) -> None:
        """Look after the files of certificates until cancelled."""
        if self._tls is not None:
            await self._tls.run()

    def staging(self, rest: Stage) -> Stage:
        """What stages a config for the doors and for `rest`."""

        async def stage(config: AgentConfig) -> Staged:
            files = await in_thread(self._clock, "tls-stage", lambda: self._files(config))
            return _Handover(self, self._config, config, files, await rest(config))

        return stage

    def use(self, config: AgentConfig, files: TlsFiles | None) -> None:
        """Hold to `config` from now on; `files` are those that it names. An address never changes: it needs a start."""
        self._config = config
        self._unix.grant(config.api.unix_roles)
        if self._tls is not None and config.api.tcp is not None and files is not None:
            self._tls.take(files, config.api.tcp.roles)

    @property
    def files(self) -> TlsFiles | None:
        """Those in use."""
        return None if self._tls is None else self._tls.files

    @property
    def not_after_ns(self) -> int | None:
        """When the certificate that clients are shown ends, in wall-clock ns; None where there is no TLS door."""
        files = self.files
        return None if files is None else files.pair.not_after_ns

    def _files(self, config: AgentConfig) -> TlsFiles | None:
        """Those that a config names; the same ones where it names the same. Raises BadInput."""
        if config.api.tcp is None:
            return None
        return _files(config.api.tcp.tls, self._clock, self.files)


class _Handover:
    """Another config, ready for the doors and for the rest; see agent.config.reload.Staged."""

    def __init__(
        self, doors: Doors, before: AgentConfig, after: AgentConfig, files: TlsFiles | None, rest: Staged
    ) -> None:
        self._doors = doors
        self._before, self._files_before = before, doors.files
        self._after, self._files_after = after, files
        self._rest = rest

    @property
    def changes(self) -> Sequence[Change]:
        return self._rest.changes

    async def commit(self) -> None:
        await self._rest.commit()

    def apply(self) -> None:
        self._doors.use(self._after, self._files_after)
        self._rest.apply()

    def undo(self) -> None:
        self._doors.use(self._before, self._files_before)
        self._rest.undo()


def _tls_door(config: AgentConfig, clock: Clock, alarms: Alarms, limits: ApiLimits) -> TlsDoor | None:
    tcp = config.api.tcp
    if tcp is None:
        return None
    from agent.api.tls_door import TlsDoor

    files, folder = _files(tcp.tls, clock), config.api.unix_socket.parent
    return TlsDoor(tcp.listen, files, tcp.roles, clock, alarms, limits=limits, folder=folder)


def _files(tls: Tls, clock: Clock, used: TlsFiles | None = None) -> TlsFiles:
    """Those that the config names, and `used` where that are the same."""
    from agent.api.tls_files import TlsFiles, TlsPaths

    paths = TlsPaths(tls.cert, tls.key, tls.client_ca, tls.revoked)
    return used if used is not None and used.paths == paths else TlsFiles(paths, clock)
