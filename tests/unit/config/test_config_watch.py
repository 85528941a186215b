"""Reloads that nobody waits for: signals, a file that is watched, links that are turned."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent.domain.reload import Change, ReloadClass, ReloadOrigin, ReloadOutcome
from tests.unit.config.desk import BASE, CALL, Rig, other, passes, rigged


def test_a_signal_reloads_and_a_bad_file_does_not_end_that(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        for text, notice_s in ((other(notice_s=2), 2.0), ("nonsense", 2.0), (other(notice_s=3), 3.0)):
            before = rig.desk.report
            rig.write(text)
            rig.desk.signalled()
            rig.desk.signalled()
            await passes(rig, lambda before=before: rig.desk.report is not before, 1.0)  # type: ignore[misc]
            assert rig.desk.report.origin is ReloadOrigin.SIGNAL
            assert rig.holds(notice_s)

    rigged(tmp_path, main)


def test_a_fault_in_taking_over_does_not_end_the_service_of_signals(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.rooms.breaks = 1
        rig.write(other(notice_s=2))
        rig.desk.signalled()
        await passes(rig, lambda: rig.desk.report.outcome is ReloadOutcome.ROLLED_BACK, 1.0)
        rig.rooms.breaks = None
        rig.desk.signalled()
        await passes(rig, lambda: rig.holds(2.0), 1.0)

    rigged(tmp_path, main)


WATCH = "reload: {watch: true, every_s: 2}\n"


def test_without_the_key_the_file_is_not_watched(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.write(other(notice_s=2))
        await asyncio.sleep(3600)
        assert rig.holds(1.0)

    rigged(tmp_path, main)


def test_a_watched_file_is_taken_over_when_two_looks_agree(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.write(BASE + WATCH)
        await rig.desk.reload(CALL)
        for number in range(2, 7):  # somebody writes all the time: nothing is taken over before it is done
            rig.write(other(notice_s=number) + WATCH)
            await asyncio.sleep(2.0)
            assert rig.holds(1.0)
        await asyncio.sleep(4.5)
        assert rig.holds(6.0)
        assert rig.desk.report.origin is ReloadOrigin.WATCH

    rigged(tmp_path, main)


def test_a_watched_file_that_is_bad_is_tried_once(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.write(BASE + WATCH)
        await rig.desk.reload(CALL)
        rig.write("nonsense")
        await passes(rig, lambda: not rig.desk.report.ok, 5.0)
        refused = rig.desk.report
        await asyncio.sleep(600)
        assert rig.desk.report is refused
        rig.file.unlink()
        await passes(rig, lambda: "cannot be read" in rig.desk.report.error, 5.0)
        missing = rig.desk.report
        await asyncio.sleep(600)
        assert rig.desk.report is missing
        rig.write(other(notice_s=5) + WATCH)
        await passes(rig, lambda: rig.holds(5.0), 5.0)
        assert rig.alarms.standing == {}

    rigged(tmp_path, main)


def test_links_that_are_turned_are_seen(tmp_path: Path) -> None:
    """As a ConfigMap is updated: the file is a link into a folder that is itself a link which is replaced."""

    async def main(rig: Rig) -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "agent.yaml").write_text(BASE + WATCH, "utf-8")
        (tmp_path / "two" / "library").mkdir()
        turn(tmp_path / "data", tmp_path / "one")
        rig.file.unlink()
        rig.file.symlink_to("data/agent.yaml")
        turn(tmp_path / "library", tmp_path / "one")
        await rig.desk.reload(CALL)
        first = rig.desk.report
        turn(tmp_path / "data", tmp_path / "two")
        await passes(rig, lambda: rig.desk.report is not first, 5.0)
        assert rig.desk.report.outcome is ReloadOutcome.UNCHANGED  # the same bytes, in another place
        second = rig.desk.report
        rig.rooms.extra = (Change("library", ReloadClass.SWAP, "1", "2"),)
        turn(tmp_path / "library", tmp_path / "two")
        await passes(rig, lambda: rig.desk.report is not second, 5.0)
        assert rig.desk.report.changes == rig.rooms.extra
        third = rig.desk.report
        (tmp_path / "two" / "manifest.json").write_text("{}")
        await passes(rig, lambda: rig.desk.report is not third, 5.0)

    rigged(tmp_path, main)


def turn(link: Path, target: Path) -> None:
    staging = link.with_name(f".{link.name}")
    staging.symlink_to(target)
    staging.replace(link)


def test_watching_can_be_turned_off_by_the_file_that_is_watched(tmp_path: Path) -> None:
    async def main(rig: Rig) -> None:
        rig.write(BASE + WATCH)
        await rig.desk.reload(CALL)
        rig.write(BASE)
        await passes(rig, lambda: not rig.desk.running.reload.watch, 5.0)
        rig.write(other(notice_s=2))
        await asyncio.sleep(600)
        assert rig.holds(1.0)

    rigged(tmp_path, main)
