"""The one path by which another config comes into a running daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.config.last_good import NAME, Loaded, load
from agent.config.reload import MAX_WAITING
from agent.domain.reload import Change, ReloadClass, ReloadOrigin, ReloadOutcome
from agent.errors import ConfigError, LibraryError, LibraryNotFound, RestartNeeded, TooMany
from tests.unit.config.configs import written
from tests.unit.config.desk import BASE, CALL, Rig, other, passes, rigged


def test_a_changed_file_is_taken_over_and_told(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.write(other(notice_s=2))
        report = await rig.desk.reload(CALL)
        assert report == rig.desk.report
        assert (report.outcome, report.origin, report.ok) == (ReloadOutcome.APPLIED, CALL, True)
        assert report.changes == (Change("policy.notice_s", ReloadClass.LIVE, "1", "2"),)
        assert report.wall_ns == rig.clock.wall_ns()
        assert rig.holds(2.0)
        assert rig.last_good == other(notice_s=2)

    rigged(tmp_path, main)


def test_the_start_is_the_first_report_and_its_file_the_first_good_one(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        report = rig.desk.report
        assert (report.outcome, report.origin, report.ok) == (ReloadOutcome.APPLIED, ReloadOrigin.START, True)
        assert rig.last_good == BASE
        assert rig.alarms.standing == {}

    rigged(tmp_path, main)


def test_a_file_that_says_the_same_tells_nobody(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.write(BASE + "# a remark\n")
        rig.rooms.breaks = 0  # would fail if anybody were told
        assert (await rig.desk.reload(CALL)).outcome is ReloadOutcome.UNCHANGED
        assert rig.last_good == BASE + "# a remark\n"

    rigged(tmp_path, main)


def test_another_library_behind_the_same_path_is_a_change(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.rooms.extra = (Change("library", ReloadClass.SWAP, "tiny 1", "tiny 2"),)
        report = await rig.desk.reload(CALL)
        assert (report.outcome, report.changes) == (ReloadOutcome.APPLIED, rig.rooms.extra)

    rigged(tmp_path, main)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (BASE + "x: 1\n", "9: x: unknown key; known here: api"),
        (BASE[:-30], "6: cameras[0].sdk: 'sp' is not one of spinnaker, simulated"),
        (other(notice_s=".nan"), "8: policy.notice_s: .nan is not a finite number"),
        (BASE + "a: &a [1]\nb: [*a, *a]\n", "10: b[0]: alias *a is not allowed"),
        ("", "1: file: is empty"),
        ("version: 1\ncameras: [\n", "3: syntax: "),
    ],
)
def test_a_file_that_cannot_be_used_leaves_all_as_it_was(tmp_path: Path, text: str, error: str) -> None:
    async def main(rig: Rig) -> None:
        rig.write(text)
        with pytest.raises(ConfigError) as caught:
            await rig.desk.reload(CALL)
        told = str(caught.value)
        assert told.startswith(f"{rig.file}:")
        assert rig.desk.report.error == told
        assert (rig.desk.report.outcome, rig.desk.report.ok) == (ReloadOutcome.REFUSED, False)
        assert rig.alarms.standing == {"config_invalid": told}
        assert rig.holds(1.0)
        assert rig.rooms.staged == 0
        assert rig.last_good == BASE
        assert told.removeprefix(f"{rig.file}:").startswith(error)

    rigged(tmp_path, main)


def test_a_good_file_ends_the_alarm_of_a_bad_one(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.write("nonsense")
        with pytest.raises(ConfigError):
            await rig.desk.reload(CALL)
        rig.write(BASE)
        assert (await rig.desk.reload(CALL)).outcome is ReloadOutcome.UNCHANGED
        assert rig.alarms.standing == {}
        assert rig.desk.report.error == ""

    rigged(tmp_path, main)


def test_a_key_that_needs_a_restart_refuses_the_whole_file_with_its_values(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        text = other(notice_s=2).replace("sdk: spinnaker", "sdk: spinnaker\n    network_storage: flash")
        rig.write(text + "telemetry: {journal_days: 9}\n")
        with pytest.raises(RestartNeeded) as caught:
            await rig.desk.reload(CALL)
        assert str(caught.value) == (
            f"{rig.file}:7: cameras[a].network_storage: needs a restart of the agent: cameras[a].network_storage from "
            "'ddr' to 'flash', telemetry.journal_days from '30' to '9'; nothing of the file was taken over"
        )
        assert rig.desk.report.outcome is ReloadOutcome.NEEDS_RESTART
        assert rig.rooms.staged == 0
        assert rig.holds(1.0)

    rigged(tmp_path, main)


def test_a_camera_that_has_gone_needs_a_restart(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.write(BASE.replace("name: a", "name: b"))
        with pytest.raises(
            RestartNeeded, match=r"agent.yaml:4: cameras\[a\]: needs a restart .* to nothing, cameras\[b\]"
        ):
            await rig.desk.reload(CALL)

    rigged(tmp_path, main)


def test_a_library_that_cannot_be_used_is_told_with_the_line_of_its_path(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.rooms.error = LibraryNotFound("/nowhere: no library here")
        rig.write(other(notice_s=2))
        with pytest.raises(ConfigError) as caught:
            await rig.desk.reload(CALL)
        assert str(caught.value) == f"{rig.file}:3: library.path: /nowhere: no library here"
        assert isinstance(caught.value.__cause__, LibraryError)
        assert set(rig.alarms.standing) == {"library_rejected"}
        assert rig.holds(1.0)
        rig.rooms.error = None
        await rig.desk.reload(CALL)
        assert rig.holds(2.0)
        assert rig.alarms.standing == {}

    rigged(tmp_path, main)


@pytest.mark.parametrize("breaks", [0, 1, 2])
def test_where_taking_over_fails_midway_what_was_told_is_taken_back(tmp_path: Path, breaks: int) -> None:
    async def main(rig: Rig) -> None:
        rig.rooms.breaks = breaks
        rig.write(other(notice_s=2))
        with pytest.raises(ZeroDivisionError):
            await rig.desk.reload(CALL)
        assert rig.desk.report.outcome is ReloadOutcome.ROLLED_BACK
        assert rig.desk.report.error == "a fault in taking over"
        assert set(rig.alarms.standing) == {"internal"}
        assert rig.holds(1.0)
        assert rig.last_good == BASE

    rigged(tmp_path, main)


def test_what_would_change_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        before = rig.desk.report
        rig.write(other(notice_s=2))
        report = await rig.desk.reload(CALL, validate_only=True)
        assert report.outcome is ReloadOutcome.WOULD_APPLY
        assert [change.key for change in report.changes] == ["policy.notice_s"]
        rig.write(other(notice_s=2) + "telemetry: {journal_days: 9}\n")
        report = await rig.desk.reload(CALL, validate_only=True)
        assert [change.reload for change in report.changes] == [ReloadClass.LIVE, ReloadClass.RESTART]
        rig.write("nonsense")
        with pytest.raises(ConfigError):
            await rig.desk.reload(CALL, validate_only=True)
        rig.write(BASE)
        assert (await rig.desk.reload(CALL, validate_only=True)).outcome is ReloadOutcome.UNCHANGED
        assert rig.desk.report == before
        assert rig.alarms.standing == {}
        assert rig.holds(1.0)

    rigged(tmp_path, main)


def test_reloads_wait_for_their_turn_and_the_newest_file_holds(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.rooms.gate = asyncio.Event()
        rig.write(other(notice_s=2))
        first = asyncio.create_task(rig.desk.reload(CALL))
        await passes(rig, lambda: rig.rooms.staged == 1, 1.0)
        rig.write(other(notice_s=3))
        second = asyncio.create_task(rig.desk.reload(CALL))
        await asyncio.sleep(1.0)
        assert rig.rooms.staged == 1
        rig.rooms.gate.set()
        assert [change.after for change in (await first).changes] == ["2"]
        assert [(change.before, change.after) for change in (await second).changes] == [("2", "3")]
        assert rig.holds(3.0)

    rigged(tmp_path, main)


def test_more_than_so_many_reloads_do_not_wait(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.rooms.gate = asyncio.Event()
        rig.write(other(notice_s=2))
        tasks = [asyncio.create_task(rig.desk.reload(CALL)) for _ in range(MAX_WAITING + 1)]
        await passes(rig, lambda: rig.rooms.staged == 1, 1.0)
        with pytest.raises(TooMany, match="16 reloads wait already"):
            await rig.desk.reload(CALL)
        tasks[-1].cancel()
        await asyncio.wait({tasks[-1]})
        tasks[-1] = asyncio.create_task(rig.desk.reload(CALL))
        rig.rooms.gate.set()
        reports = await asyncio.gather(*tasks)
        assert [report.outcome for report in reports] == [ReloadOutcome.APPLIED] + [
            ReloadOutcome.UNCHANGED
        ] * MAX_WAITING

    rigged(tmp_path, main)


def test_a_reload_that_is_given_up_before_it_is_applied_changes_nothing(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.rooms.gate = asyncio.Event()
        rig.write(other(notice_s=2))
        task = asyncio.create_task(rig.desk.reload(CALL))
        await passes(rig, lambda: rig.rooms.staged == 1, 1.0)
        task.cancel()
        await asyncio.wait({task})
        rig.rooms.gate.set()
        assert rig.holds(1.0)
        assert rig.desk.report.origin is ReloadOrigin.START
        await rig.desk.reload(CALL)
        assert rig.holds(2.0)

    rigged(tmp_path, main)


def test_a_disk_that_does_not_take_the_copy_hinders_no_reload(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        (tmp_path / "state").rename(tmp_path / "elsewhere")
        rig.write(other(notice_s=2))
        assert (await rig.desk.reload(CALL)).outcome is ReloadOutcome.APPLIED
        assert rig.holds(2.0)

    rigged(tmp_path, main)


def test_a_start_from_the_last_good_copy_is_alarmed_until_the_file_is_good_again(tmp_path: Path) -> None:
    bad = ConfigError("agent.yaml:1: file: is empty")
    good = load(written(tmp_path, BASE))

    async def main(rig: Rig) -> None:
        assert rig.alarms.standing == {"config_invalid": str(bad)}
        assert not (tmp_path / "state" / NAME).exists()
        on_last_good = [rig.desk.report.on_last_good]
        rig.write("still bad")
        with pytest.raises(ConfigError):
            await rig.desk.reload(CALL)
        on_last_good.append(rig.desk.report.on_last_good)
        rig.write(BASE)
        await rig.desk.reload(CALL)
        on_last_good.append(rig.desk.report.on_last_good)
        assert on_last_good == [True, True, False]
        assert rig.alarms.standing == {}

    rigged(tmp_path, main, Loaded(good.config, good.data, bad))
