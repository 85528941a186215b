"""Requests to a camera's thread while the thread does not come back to take them."""

from __future__ import annotations

import asyncio

import pytest

from agent.camera.guard import Guard
from agent.camera.mailbox import Mailbox
from agent.clock import VirtualClock, run_virtual
from agent.errors import CameraBusy, CameraTimeout

CAPACITY = 4


def nothing(_: Guard) -> None:
    pass


def test_requests_that_nobody_waits_for_any_more_leave_their_places_to_others() -> None:
    clock = VirtualClock()

    async def main() -> None:
        mailbox = Mailbox(clock, CAPACITY)
        for _ in range(3 * CAPACITY):
            with pytest.raises(CameraTimeout):
                await mailbox.ask("health", nothing, 1.0)

    run_virtual(clock, main())


def test_requests_that_somebody_waits_for_are_refused_beyond_the_capacity() -> None:
    clock = VirtualClock()

    async def main() -> None:
        mailbox = Mailbox(clock, CAPACITY)
        waiting = [asyncio.ensure_future(mailbox.ask("health", nothing, 1.0)) for _ in range(CAPACITY)]
        await asyncio.sleep(0.5)
        with pytest.raises(CameraBusy, match="4 requests wait already"):
            await mailbox.ask("health", nothing, 1.0)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, CameraTimeout) for outcome in outcomes)

    run_virtual(clock, main())
