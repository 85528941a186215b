"""How the controls at the status page are taken away; see tests.security.removals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.security.stand_ins import Put, nothing, value


def _waits(real: Any) -> Any:
    async def taken(response: Any, events: bytes, within_s: float) -> bool:
        await response.write(events)
        return True

    return taken


def _as_aiohttp_does(real: Any) -> Any:
    from aiohttp import web

    return web.RequestHandler.handle_error


class _Any(frozenset[str]):
    """A set that everything is in."""

    def __contains__(self, item: object) -> bool:
        return True


REMOVALS: Mapping[str, Put] = {
    "web-rebinding": nothing,
    "web-embedding": value({}),
    "web-fetching": value(lambda request: False),
    "web-changing": value(_Any()),
    "web-slow-asking": nothing,
    "web-all-connections": value(lambda self: True),
    "web-never-reads": _waits,
    "web-many-readers": value(lambda self: True),
    "web-garbage": _as_aiohttp_does,
}
