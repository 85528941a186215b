"""The agent's own start, end and configs in the audit."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from agent.domain.audit import AuditEntry
from agent.domain.reload import Change, ReloadClass, ReloadOrigin, ReloadOutcome, ReloadReport
from agent.telemetry.agent_trail import AgentTrail
from agent.telemetry.journal import SqliteJournal
from tests.support.audits import play

VERSION = metadata.version("ofa-agent")
CHANGE = Change("policy.miss_cost", ReloadClass.LIVE, "0", "1")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def entries(journal: SqliteJournal) -> list[AuditEntry]:
    return list((await journal.audit(0, 99, None)).entries)


def test_start_and_end_are_told_with_version_and_config_and_how_the_run_before_ended(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.sqlite3"
    killed = tmp_path / "killed"

    async def runs(journal: SqliteJournal) -> None:
        trail = AgentTrail(journal)
        await trail.started(b"version: 1\n", journal.last_run)
        shutil.copytree(path.parent, killed)
        await trail.stopped()

    async def later(journal: SqliteJournal) -> None:
        await AgentTrail(journal).started(b"version: 1\n", journal.last_run)

    play(path, runs)
    for folder, ended in ((path.parent, "stopped"), (killed, "died")):
        found: list[AuditEntry] = []

        async def reads(journal: SqliteJournal, found: list[AuditEntry] = found) -> None:
            await later(journal)
            found.extend(await entries(journal))

        play(folder / path.name, reads, seed=2)
        told = {"config_sha256": sha256(b"version: 1\n"), "version": VERSION}
        assert found[0].before == "", "nothing is known of a run before the first"
        assert json.loads(found[-1].asked) == told
        assert json.loads(found[-1].before) == {**told, "ended": ended}
        methods = ["AgentStarted", "AgentStopped", "AgentStarted"]
        assert [entry.method for entry in found] == methods[:: 1 if ended == "stopped" else 2]


@pytest.mark.parametrize(
    ("outcome", "origin", "told"),
    [
        (ReloadOutcome.APPLIED, ReloadOrigin.SIGNAL, "OK"),
        (ReloadOutcome.APPLIED, ReloadOrigin.CALL, "OK"),
        (ReloadOutcome.REFUSED, ReloadOrigin.WATCH, "REFUSED"),
        (ReloadOutcome.NEEDS_RESTART, ReloadOrigin.SIGNAL, "NEEDS_RESTART"),
        (ReloadOutcome.REFUSED, ReloadOrigin.CALL, ""),  # it is in the entry of the call
        (ReloadOutcome.UNCHANGED, ReloadOrigin.SIGNAL, ""),
        (ReloadOutcome.WOULD_APPLY, ReloadOrigin.CALL, ""),
    ],
)
def test_a_config_that_is_taken_over_or_refused_unseen_is_told(
    tmp_path: Path, outcome: ReloadOutcome, origin: ReloadOrigin, told: str
) -> None:
    async def story(journal: SqliteJournal) -> None:
        trail = AgentTrail(journal)
        await trail.started(b"a", {})
        applied = outcome is ReloadOutcome.APPLIED
        changes, error = ((CHANGE,), "") if applied else ((), "agent.yaml:3: web: unknown key")
        trail.reloaded(ReloadReport(1, origin, outcome, changes, error), b"b" if applied else b"a")
        found = [entry for entry in await entries(journal) if entry.method == "ConfigReloaded"]
        assert [entry.outcome for entry in found] == ([told] if told else [])
        for entry in found:
            assert json.loads(entry.before) == {"config_sha256": sha256(b"a")}
            assert json.loads(entry.after) == {"config_sha256": sha256(b"b" if applied else b"a")}
            asked = json.loads(entry.asked)
            assert asked["origin"] == origin.value
            assert asked["changes"] == ([{"after": "1", "before": "0", "key": CHANGE.key}] if applied else [])
            assert asked.get("error", "") == error

    play(tmp_path / "journal.sqlite3", story)


def test_a_reload_with_many_long_values_is_told_by_its_keys(tmp_path: Path) -> None:
    async def story(journal: SqliteJournal) -> None:
        changes = tuple(Change(f"key-{index}", ReloadClass.LIVE, "x" * 100, "y" * 100) for index in range(200))
        report = ReloadReport(1, ReloadOrigin.SIGNAL, ReloadOutcome.APPLIED, changes)
        AgentTrail(journal).reloaded(report, b"b")
        (entry,) = await entries(journal)
        assert json.loads(entry.asked)["changes"][:2] == ["key-0", "key-1"]
        assert len(entry.asked) < 5000

    play(tmp_path / "journal.sqlite3", story)
