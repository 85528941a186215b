"""The agent itself in GetStatus: its version, its configuration and its journal."""

from __future__ import annotations

from importlib import metadata

from agent.api.config import reload_report
from agent.api.moment import timestamp
from agent.api.services import Services
from agent.domain.journal import JournalState
from agent.pb.ofa_agent.v1 import types_pb2

VERSION = metadata.version("ofa-agent")


class AgentFacts:
    """Owner of what the journal said of itself last; made when the agent starts to serve, on the event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._started_wall_ns = services.clock.wall_ns()
        self._journal: JournalState | None = None
        services.journal.on_state(self._told)

    def message(self) -> types_pb2.AgentStatus:
        """As things are now."""
        config, journal = self._services.config, self._journal
        return types_pb2.AgentStatus(
            version=VERSION,
            started_at=timestamp(self._started_wall_ns),
            config=None if config is None else reload_report(config.report),
            journal=None
            if journal is None
            else types_pb2.JournalStatus(
                writable=journal.writable,
                readable=journal.readable,
                error=journal.error,
                lost_notes=journal.lost_notes,
            ),
        )

    def _told(self, state: JournalState) -> None:
        self._journal = state
