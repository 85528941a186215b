"""The audit over the wire and at the terminal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from agent.cli.main import main
from agent.client import RpcFailed
from agent.domain.audit import AuditEntry, AuditPage
from tests.api.harness import Rig, run, serving

ENTRY = AuditEntry(
    client="plc", origin="unix", method="SetBudget", camera="station-1", outcome="OK", asked='{"client":"plc"}'
)


def fill(rig: Rig, count: int) -> None:
    for index in range(count):
        rig.journal.note_audit(replace(ENTRY, asked=json.dumps({"n": index})))


async def command(rig: Rig, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["audit", *arguments, "--socket", str(rig.path)])


def test_changes_are_listed_newest_first_with_who_asked_and_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            await rig.client.set_budget(max_latency_ms=50, ttl_s=30)
            with pytest.raises(RpcFailed):
                await rig.client.set_budget(max_latency_ms=-1)
            answer = await rig.client.list_audit_entries()
            assert [(one.number, one.method, one.outcome, one.format) for one in answer.entries] == [
                (2, "SetBudget", "INVALID_ARGUMENT", 1),
                (1, "SetBudget", "OK", 1),
            ]
            assert {(one.client, one.camera) for one in answer.entries} == {("tester", "station-1")}
            assert answer.entries[0].reason == "INVALID_ARGUMENT"
            assert '"max_latency_ms":50' in answer.entries[1].asked
            assert answer.entries[1].before != answer.entries[1].after == answer.entries[0].before
            assert (await rig.client.list_audit_entries(limit=1, after=0)).entries[0].number == 1
            assert not (await rig.client.list_audit_entries(after=2)).entries
            with pytest.raises(RpcFailed, match="not configured"):
                await rig.client.list_audit_entries("nowhere")
            with pytest.raises(RpcFailed, match="limit"):
                await rig.client.list_audit_entries(limit=1001)
            assert await command(rig, "--limit", "1") == 0

    run(scenario())
    line = capsys.readouterr().out
    assert "tester (unix" in line
    assert "SetBudget station-1: INVALID_ARGUMENT" in line


def test_a_whole_chain_is_verified_page_by_page_on_the_clients_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            assert await command(rig, "--verify") == 0
            fill(rig, 2500)
            assert await command(rig, "--verify") == 0
            assert await command(rig, "--verify", "--json") == 0
            assert await command(rig, "--verify", "--camera", "station-1") == 2

    run(scenario())
    said = capsys.readouterr()
    assert said.out.startswith("0 entries up to 0: the chain holds\n2500 entries up to 2500: the chain holds\n")
    assert json.loads(said.out.split("holds\n")[2]) == {"verified": 2500, "newest": 2500, "broken": None}
    assert "--camera" in said.err


@pytest.mark.parametrize(
    ("damage", "first", "why"),
    [
        (lambda chain: chain.__setitem__(1200, replace(chain[1200], client="nobody")), 1201, "was altered"),
        (lambda chain: chain.pop(1200), 1202, "entry 1201 is missing"),
        (lambda chain: chain.pop(0), 2, "follows on 0000000000000000|the entry before it has 0000000000000000"),
    ],
)
def test_the_first_entry_that_does_not_hold_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[list[AuditEntry]], object],
    first: int,
    why: str,
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            fill(rig, 1500)
            damage(rig.journal.chain)
            assert await command(rig, "--verify") == 1

    run(scenario())
    said = capsys.readouterr().err
    assert said.startswith(f"entry {first} ")
    assert any(part in said for part in why.split("|"))


def test_entries_that_are_missing_at_the_end_are_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            fill(rig, 3)
            monkeypatch.setattr(rig.journal, "audit", _cut(await rig.journal.audit(0, 9, None)))
            assert await command(rig, "--verify") == 1

    run(scenario())
    assert "those after 2 are missing" in capsys.readouterr().err


def test_the_audit_is_exported_page_by_page_as_it_was_when_it_began(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            fill(rig, 2500)
            read = rig.journal.audit

            async def audit(after: int, limit: int, camera: str | None) -> AuditPage:
                fill(rig, 1)  # somebody goes on changing things
                return await read(after, limit, camera)

            monkeypatch.setattr(rig.journal, "audit", audit)
            whole, part = tmp_path / "whole", tmp_path / "part"
            assert await command(rig, "export", str(whole)) == 0
            assert await command(rig, "export", str(part), "--since", "2400", "--until", "2450") == 0
            for path in (whole, part):
                assert await command(rig, "verify", str(path)) == 0
            assert len(whole.read_bytes().splitlines()) == 1 + 2501 + 1
            assert len(part.read_bytes().splitlines()) == 1 + 51 + 1
            assert await command(rig, "verify", "--follows", str(part)) == 0
            head = f"2500:{rig.journal.chain[2499].sha256}"
            assert await command(rig, "verify", "--head", head) == 0
            monkeypatch.setattr(rig.journal, "audit", read)
            del rig.journal.chain[2400:]
            assert await command(rig, "verify", "--follows", str(part)) == 1
            assert await command(rig, "verify", "--head", head, "--json") == 1

    run(scenario())
    said = capsys.readouterr()
    assert "the earlier export ends at 2450" in said.err
    assert "entry 2500 was there" in json.loads(said.out[said.out.index("{") :])["broken"]["why"]


def test_the_head_is_printed_for_a_person_to_keep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> AuditEntry:
        async with serving(tmp_path) as rig:
            assert await command(rig, "head") == 0
            fill(rig, 3)
            assert await command(rig, "head") == 0
            assert await command(rig, "head", "--json") == 0
            return rig.journal.chain[-1]

    last = run(scenario())
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first == f"0:{'0' * 64}"
    assert second == f"3:{last.sha256}"
    assert json.loads("".join(rest)) == {"seq": 3, "sha256": last.sha256}


def test_who_cancels_or_forgets_an_operation_is_in_the_audit(tmp_path: Path) -> None:
    async def scenario() -> list[AuditEntry]:
        async with serving(tmp_path) as rig:
            answer = await rig.client.profile_subnets()
            rig.journal.chain.clear()
            await rig.client.cancel_operation(answer.operation.name)
            request = operations_pb2.DeleteOperationRequest(name=answer.operation.name)
            with pytest.raises(grpc.aio.AioRpcError):
                await rig.call("/google.longrunning.Operations/DeleteOperation", request, Empty.FromString)
            with pytest.raises(RpcFailed):
                await rig.client.cancel_operation("operations/none")
            return rig.journal.chain

    entries = run(scenario())
    assert [(entry.method, entry.camera, entry.outcome) for entry in entries] == [
        ("CancelOperation", "station-1", "OK"),
        ("DeleteOperation", "station-1", "FAILED_PRECONDITION"),
        ("CancelOperation", "", "NOT_FOUND"),
    ]
    assert all(entry.origin.startswith("unix") and entry.asked.startswith('{"name":"operations/') for entry in entries)


def _cut(page: AuditPage) -> Callable[[int, int, str | None], Awaitable[AuditPage]]:
    """Without its last entry."""

    async def audit(after: int, limit: int, camera: str | None) -> AuditPage:
        return replace(page, entries=tuple(entry for entry in page.entries[:-1] if entry.seq > after))

    return audit
