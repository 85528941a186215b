"""The status page of a daemon: from its config to a running server, and over to another config at a reload.

aiohttp is loaded only where the config has a `web` section.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Protocol

from agent.clock import Clock
from agent.config import AgentConfig
from agent.domain.alarms import AlarmBook
from agent.domain.journal import Journal
from agent.domain.reload import ReloadReport
from agent.web.sources import Exposition, PictureSource, WatchedCamera, WebSources


class PageServer(Protocol):
    """A running page: `port` is where it listens."""

    port: int

    def show_pictures(self, on: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """What of the daemon the page shows."""

    cameras: Mapping[str, WatchedCamera]
    pictures: Mapping[str, PictureSource]
    journal: Journal
    alarms: AlarmBook
    clock: Clock
    boot_id: str
    report: Callable[[], ReloadReport]
    metrics: Exposition | None = None


class StatusPage:
    """Owner of the page's server, where the config has one."""

    def __init__(self) -> None:
        self.server: PageServer | None = None

    @asynccontextmanager
    async def serving(self, config: AgentConfig, shown: Shown) -> AsyncIterator[None]:
        """Serve as the config says until the context ends. Raises Refused, BadInput where nothing can
        listen there."""
        if config.web is None:
            yield
            return
        from agent.web.server import WebServer

        async with WebServer(_sources(shown), config.web.listen, config.web.preview) as server:
            self.server = server
            try:
                yield
            finally:
                self.server = None

    def use(self, config: AgentConfig) -> None:
        """Hold to another config from now on; an address never changes: it needs a start."""
        if self.server is not None and config.web is not None:
            self.server.show_pictures(config.web.preview)


def _sources(shown: Shown) -> WebSources:
    return WebSources(
        cameras=shown.cameras,
        pictures=shown.pictures,
        swaps=shown.journal.swaps,
        alarms=lambda: shown.alarms.alarms(active_only=True),
        clock=shown.clock,
        boot_id=shown.boot_id,
        version=metadata.version("ofa-agent"),
        config=shown.report,
        metrics=shown.metrics,
    )
