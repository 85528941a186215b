"""What a support bundle asks of a running daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from agent.cli.connection import client_of
from agent.cli.wire import plain
from agent.errors import AgentError, DaemonUnreachable

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from agent.cli.connection import Connection
    from agent.client import AgentClient

TIMEOUT_S = 5.0
SWAPS = 200
AUDIT = 500

Ask = Callable[["AgentClient"], Awaitable["Message"]]
_ASKED: dict[str, Ask] = {
    "daemon/status.json": lambda client: client.get_status(),
    "daemon/alarms.json": lambda client: client.list_alarms(include_cleared=True),
    "daemon/swaps.json": lambda client: client.list_swaps(limit=SWAPS),
    "daemon/audit.json": lambda client: client.list_audit_entries(limit=AUDIT),
}
NAMES = tuple(_ASKED)


def collect(connection: Connection) -> dict[str, object]:
    """Each part as a value, or the error in its place; for each camera also its sub-nets and its decision."""
    return asyncio.run(_collect(connection))


async def _collect(connection: Connection) -> dict[str, object]:
    found: dict[str, object] = {}
    async with client_of(connection, TIMEOUT_S) as client:
        for name, ask in _ASKED.items():
            found[name] = await _answer(client, ask)
            if isinstance(found[name], DaemonUnreachable):  # nobody is there for the others either
                return dict.fromkeys(NAMES, found[name])
        for camera in _cameras(found["daemon/status.json"]):
            found[f"daemon/{camera}/subnets.json"] = await _answer(client, partial(_subnets, camera))
            found[f"daemon/{camera}/decision.json"] = await _answer(client, partial(_decision, camera))
    return found


async def _answer(client: AgentClient, ask: Ask) -> object:
    try:
        return plain(await ask(client))
    except AgentError as exc:
        return exc


def _subnets(camera: str, client: AgentClient) -> Awaitable[Message]:
    return client.list_subnets(camera)


def _decision(camera: str, client: AgentClient) -> Awaitable[Message]:
    return client.explain(camera)


def _cameras(status: object) -> list[str]:
    cameras = status.get("cameras", []) if isinstance(status, dict) else []
    return [str(camera["camera"]) for camera in cameras]
