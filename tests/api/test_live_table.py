"""`ofa-agent watch` on a terminal of its own, before a served API."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from agent.api import ApiServer, Services
from agent.clock import SystemClock
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget, Priority
from agent.domain.journal import Alarm, SwapOutcome, SwapRecord
from agent.domain.notice import LineState
from agent.domain.operation import Operation, SwapWork
from agent.domain.states import CameraState, SwapStage
from tests.api.harness import CALM, Rig, run, serving
from tests.support.fake_control import SNAPSHOT, FakeControl
from tests.support.terminal import Terminal

CALM_STATE = replace(SNAPSHOT, degraded=(), detail="", swap=None, coming=None, changes=(), line=LineState())


def calm(name: str) -> FakeControl:
    return FakeControl(name, now=replace(CALM_STATE, camera=name))


def watching(rig: Rig, columns: int = 80, rows: int = 24, *more: str) -> Terminal:
    return Terminal(["watch", "--socket", str(rig.path), *more], columns, rows, {"NO_COLOR": ""})


def test_all_cameras_stand_in_a_table_that_changes_where_it_stands(tmp_path: Path) -> None:
    first, second = calm("station-1"), calm("station-2")

    async def main() -> None:
        async with serving(tmp_path, first, second) as rig, watching(rig) as terminal:
            await terminal.shows("station-1 ACTIVE", "station-2 ACTIVE", "42.0/80.0", "2 cameras, 0 alarms")
            screen = terminal.screen
            assert (screen.second, screen.cursor_shown) == (True, False)
            place = next(i for i, line in enumerate(screen.lines()) if line.startswith("station-2"))
            second.change(state=CameraState.SWAPPING, swap=SNAPSHOT.swap, generation=None, active_subnet=None)
            work = SwapWork("swap-9", "w1-big", "w1-huge", "budget", SwapStage.UPLOADING, 10, 20, 0.5, 1.25, 2.5)
            second.desk.put(Operation("operations/swap-9", "station-2", work, started_wall_ns=1))
            await terminal.shows("station-2 SWAPPING", "to w1-huge: UPLOADING, 50.0 %, gap 1.2 s of about 2.5 s")
            assert screen.lines()[place].startswith("station-2")
            alarm = Alarm(7, "station-1", "lease:plc", "the lease of plc ran out", 1, None, None)
            rig.journal.known_alarms.append(alarm)
            claim = Claim("c-1", "plc", "station-1", ClaimKind.LEASE, Budget(40.0), 60.0, 1)
            budget = EffectiveBudget("b-2", Budget(max_latency_ms=40.0), Priority.LEASE, (), fail_safe=True)
            first.change(budget=budget, claims=(claim,))
            await terminal.shows("EXPIRED", "42.0/40.0", "the lease of plc ran out", "2 cameras, 1 alarm")
            await terminal.until(lambda: not screen.lines()[-1] and "█" in screen.text())

    run(main())


def test_it_writes_what_changed_takes_another_size_at_once_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, calm("station-1")) as rig, watching(rig) as terminal:
            await terminal.shows("station-1 ACTIVE", "Ctrl-C ends")
            terminal.screen.touched.clear()
            clock = terminal.screen.lines()[0]
            await terminal.until(lambda: terminal.screen.lines()[0] != clock)
            assert terminal.screen.touched == {0}
            terminal.resize(120, 6)
            await terminal.shows("p99 over time")
            assert len(terminal.screen.lines()[0]) == 119
            assert len(terminal.screen.text().splitlines()) <= 6
            terminal.type(b"\x1a")  # Ctrl-Z
            await terminal.until(lambda: not terminal.screen.second)
            await terminal.stopped()
            assert terminal.modes == terminal.modes_before
            terminal.process.send_signal(signal.SIGCONT)
            await terminal.until(lambda: terminal.screen.second and "p99 over time" in terminal.screen.text())
            assert terminal.modes != terminal.modes_before
            terminal.type(b"typed and not shown\x03")
            assert await terminal.ended() == 0
            assert (terminal.screen.second, terminal.screen.cursor_shown) == (False, True)
            assert terminal.modes == terminal.modes_before
            assert "typed" not in terminal.screen.text()

    run(main())


def test_a_lost_daemon_is_seen_at_once_and_comes_back_by_itself(tmp_path: Path) -> None:
    control = calm("station-1")

    async def main() -> None:
        async with serving(tmp_path, control) as rig, watching(rig) as terminal:
            await terminal.shows("station-1 ACTIVE")
            await rig.server.stop()
            await terminal.shows("DAEMON LOST since", "station-1 UNKNOWN", "w1-big")
            services = Services({"station-1": control}, rig.journal, SystemClock(), {})
            again = ApiServer(services, rig.path, CALM)
            await again.start()
            try:
                await terminal.until(lambda: "station-1 ACTIVE" in terminal.screen.text())
                assert "LOST" not in terminal.screen.text()
            finally:
                await again.stop()

    run(main())


def test_a_camera_that_is_not_there_is_told_in_a_line_before_the_screen_is_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig, watching(rig, 80, 24, "--camera", "station-9") as terminal:
            assert await terminal.ended() == 2
            assert not terminal.screen.second
            assert "station-9" in terminal.screen.text()

    run(main())


def test_lines_are_written_where_they_are_asked_for_and_with_colours_for_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, calm("station-1")) as rig, watching(rig, 200, 24, "--lines") as terminal:
            await terminal.shows("station-1 ACTIVE w1-big (generation 3, verified) [<= 80 ms, p99, default]")
            terminal.type(b"\x03")
            assert await terminal.ended() == 0
            assert terminal.screen.styles == set()

    run(main())


def test_an_operation_that_is_followed_has_a_bar_until_it_ends(tmp_path: Path) -> None:
    control = calm("station-1")

    def put(progress: float, gap_s: float, record: SwapRecord | None = None) -> None:
        work = SwapWork("swap-9", "w1-big", "w1-huge", "budget", SwapStage.UPLOADING, 10, 20, progress, gap_s, 2.5)
        work = replace(work, record=record)
        control.desk.put(Operation("operations/swap-9", "station-1", work, started_wall_ns=1, done=record is not None))

    ended = SwapRecord("swap-9", "station-1", "w1-big", "w1-huge", "budget", "b", 1, SwapOutcome.VERIFIED)

    async def main() -> None:
        put(0.25, 0.6)
        async with serving(tmp_path, control) as rig:
            words = ["operations", "wait", "swap-9", "--socket", str(rig.path)]
            async with Terminal(words) as terminal:
                await terminal.shows("██░░░░░░░░ station-1: UPLOADING, 25.0 %, gap 0.6 s of about 2.5 s")
                put(0.5, 1.25)
                await terminal.shows("█████░░░░░ station-1: UPLOADING, 50.0 %, gap 1.2 s of about 2.5 s, ", " s left")
                put(1.0, 2.4, ended)
                assert await terminal.ended() == 0
                assert "  state     done" in terminal.screen.text()

    run(main())
