"""kill -9 at any moment: what was acknowledged holds, each request runs once, the audit verifies."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.domain.journal import Alarm
from agent.telemetry.ids import RandomIds
from agent.telemetry.journal import SqliteJournal
from tests.reliability.recorder import Reliability
from tests.system.kill_loop import Loop
from tests.system.station import CAMERA, Station


async def raise_alarms(journal: Path, count: int) -> None:
    """There is always one more to be acknowledged."""
    writer = SqliteJournal(journal, SystemClock(), RandomIds())
    await writer.open()
    await writer.put_alarms([Alarm(0, CAMERA, f"cause-{number}", "45 C", 17) for number in range(count)])
    await writer.close()


class Forgetful(Loop):
    """A machine that loses what its daemon has written."""

    async def _last_look(self) -> None:
        shutil.rmtree(self._folder / "state")
        await super()._last_look()


READY_S = 3.0
Counted = Callable[[float | None], None]


def killed(
    ladder: Path, kills: int, seed: int, kind: type[Loop] = Loop, preloaded: bool = True,
    counted: Counted = lambda _: None,
) -> None:  # fmt: skip
    """`counted` hears of each kill, with the seconds that the daemon had taken to be READY, None where it never was."""
    manifest = json.loads((ladder / "manifest.json").read_text())
    station = Station(ladder)
    try:
        asyncio.run(raise_alarms(station.folder / "state" / "journal.sqlite3", 2 * kills))
        station.start_cameras()
        loop = kind(station.folder, CAMERA, [one["id"] for one in manifest["subnets"]], seed, preloaded)
        loop.counted = counted
        asyncio.run(loop.run(kills))
    finally:
        station.close()
    sys.stderr.write(f"kill_loop seed={seed} {loop.told()}\n")
    assert loop.counts["kills"] == kills
    assert loop.counts["acknowledged"] > 0


def test_commands_outlive_a_daemon_that_is_killed(ladder: Path) -> None:
    killed(ladder, kills=5, seed=3)


@pytest.mark.soak
def test_a_daemon_that_forgets_a_command_is_found_out(ladder: Path) -> None:
    with pytest.raises(AssertionError, match="asked for was"):
        killed(ladder, kills=5, seed=3, kind=Forgetful)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_a_thousand_kills_lose_no_acknowledged_command(ladder: Path, reliability: Reliability) -> None:
    """Each start is of a new process, as the service manager's; READY is timed from before its interpreter starts."""

    def counted(ready_s: float | None) -> None:
        reliability.count(2, "kills", seed=1000)
        if ready_s is not None:
            reliability.measured(2, "ready_s", ready_s, most=READY_S)

    killed(ladder, reliability.scaled(1000), seed=1000, preloaded=False, counted=counted)
