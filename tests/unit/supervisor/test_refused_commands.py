"""A command that the journal refuses has changed nothing: not what is told at once, nor later, nor after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agent.domain.operation import ProfileAsk
from agent.domain.orders import Mode
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState
from agent.errors import JournalError
from agent.supervisor import Supervisor
from tests.unit.supervisor.bench import FAST, NO_DWELL, SLOW, Bench, tell, until

Command = Callable[[Supervisor], Awaitable[object]]
COMMANDS: dict[str, Command] = {
    "set_budget": lambda s: s.set_budget("plc", FAST, 60.0, True),
    "renew_budget": lambda s: s.renew_budget("plc"),
    "release_budget": lambda s: s.release_budget("plc"),
    "release_budget, announced only": lambda s: s.release_budget("plc", True),
    "prepare_budget": lambda s: tell(s, FAST, 3.0, name="p-2"),
    "commit_budget": lambda s: s.commit_budget("plc", "p-1", False),
    "commit_budget, and wait": lambda s: s.commit_budget("plc", "p-1", True),
    "set_mode": lambda s: s.set_mode("hmi", Mode.MANUAL),
    "pin": lambda s: s.pin("hmi", "large"),
    "unpin": lambda s: s.unpin("hmi"),
    "rollback": lambda s: s.rollback("hmi"),
    "permit_swap": lambda s: s.permit_swap("hmi", 60.0, True),
    "inhibit_swap": lambda s: s.inhibit_swap("hmi", None, "cleaning"),
    "start_profile": lambda s: s.start_profile(ProfileAsk(("middle",), 20)),
}


async def busy(supervisor: Supervisor) -> None:
    """A camera with something of everything: a lease, an announcement, a pin, an inhibition, a line that stands."""
    await supervisor.set_budget("plc", FAST, 3000.0, True)
    await until(supervisor, CameraState.ACTIVE, "small")
    await supervisor.set_budget("plc", SLOW, 3000.0, True)
    await until(supervisor, CameraState.ACTIVE, "large")
    await supervisor.pin("anna", "small")
    await until(supervisor, CameraState.ACTIVE, "small")
    await tell(supervisor, FAST, 600.0, ttl_s=60.0)
    await supervisor.inhibit_swap("plc", None, "a part is under the camera")
    await supervisor.report_line("plc", True, None, None)
    await asyncio.sleep(1.0)


def _told(told: CameraSnapshot) -> tuple[object, ...]:
    return told.state, told.active_subnet, told.budget, told.claims, told.changes, told.orders, told.permit_boot_ns


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_the_journal_refuses_changes_nothing(name: str) -> None:
    bench = Bench(settings=NO_DWELL)

    async def story(supervisor: Supervisor) -> None:
        await busy(supervisor)
        if name == "start_profile":
            await supervisor.permit_swap("plc", 60.0, lift_only=True)
        before, operations = _told(supervisor.snapshot()), _working(supervisor)
        bench.journal.broken = True
        with pytest.raises(JournalError):
            await COMMANDS[name](supervisor)
        assert _told(supervisor.snapshot()) == before
        bench.journal.broken = False
        now = supervisor.snapshot()
        seen.extend((now.claims, now.changes, now.orders))
        await asyncio.sleep(5.0)
        assert (_told(supervisor.snapshot()), _working(supervisor)) == (before, operations)

    async def later(supervisor: Supervisor) -> None:
        now = supervisor.snapshot()
        assert (now.claims, now.changes, now.orders) == tuple(seen)

    seen: list[object] = []
    bench.run(story)
    bench.run(later)


def _working(supervisor: Supervisor) -> list[str]:
    return [one.name for one in supervisor.operations.all() if one.error is None]
