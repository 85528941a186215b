"""Calls that were refused for who asked, in the audit: seen at once, and bounded whatever comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from agent.api.access import Access, Auth, Who
from agent.api.caller import CALLER, Caller
from agent.api.errors import Rejected
from agent.api.refusals import MOST, OTHERS, WHOLE, WINDOW_S, Refusals
from agent.clock import VirtualClock, run_virtual
from agent.domain.access import Role
from agent.domain.audit import AuditEntry
from tests.api.test_access import PLC, OneDoor

SET = "ofa_agent.v1.ControlService.SetBudget"
RELOAD = "ofa_agent.v1.ControlService.ReloadConfig"
LOW = Rejected("ROLE_TOO_LOW", "needs more")
ANYBODY = Who("", "unix:uid=7", Role.NONE, local=True)
Story = Callable[[Refusals, list[AuditEntry]], Awaitable[None]]


def play(story: Story) -> list[AuditEntry]:
    """The entries that were noted."""
    clock = VirtualClock()
    noted: list[AuditEntry] = []

    async def life() -> None:
        refusals = Refusals(noted.append, clock)
        await story(refusals, noted)
        refusals.close()
        refusals.close()

    run_virtual(clock, life())
    return noted


def counts(entries: list[AuditEntry]) -> list[tuple[str, int]]:
    return [(entry.client, json.loads(entry.asked)["count"]) for entry in entries]


def test_who_was_refused_what_and_why_is_an_entry_at_once() -> None:
    async def story(refusals: Refusals, noted: list[AuditEntry]) -> None:
        with pytest.raises(Rejected):
            Access([OneDoor(PLC)], refusals).admit(RELOAD, "ipv4:10.0.0.7:4711", {})
        (entry,) = noted
        assert (entry.client, entry.origin, entry.method) == (PLC.identity, PLC.origin, "Refused")
        assert (entry.outcome, entry.reason) == ("PERMISSION_DENIED", "ROLE_TOO_LOW")
        assert json.loads(entry.asked) == {"count": 1, "method": RELOAD}
        Access([OneDoor(PLC)], refusals).admit(SET, "ipv4:10.0.0.7:4711", {})

    assert len(play(story)) == 1, "who is let in leaves nothing here"


def test_a_flood_of_one_identity_is_two_entries_a_minute_with_its_count() -> None:
    async def story(refusals: Refusals, noted: list[AuditEntry]) -> None:
        for _ in range(5000):
            refusals.refused(SET, PLC, "ipv4:10.0.0.7:1", LOW)
        assert counts(noted) == [(PLC.identity, 1)]
        await asyncio.sleep(WINDOW_S + 1)
        assert counts(noted) == [(PLC.identity, 1), (PLC.identity, 4999)]
        await asyncio.sleep(10 * WINDOW_S)
        assert len(noted) == 2
        refusals.refused(SET, PLC, "ipv4:10.0.0.7:1", LOW)

    assert counts(play(story))[2:] == [(PLC.identity, 1)]


def test_a_flood_of_made_up_identities_is_counted_together() -> None:
    async def story(refusals: Refusals, noted: list[AuditEntry]) -> None:
        for index in range(10 * MOST):
            refusals.refused(SET, replace(PLC, identity=f"spiffe://plant/{index}"), "", LOW)
        assert len(noted) == MOST + 1

    entries = play(story)
    assert counts(entries)[-1] == (OTHERS, 9 * MOST - 1)
    assert len(entries) == MOST + 2, "what is not told yet is told at the end"


def test_a_connection_that_nobody_knows_goes_by_its_address_without_the_port() -> None:
    async def story(refusals: Refusals, noted: list[AuditEntry]) -> None:
        for port in range(50):
            with pytest.raises(Rejected):
                Access([OneDoor(None)], refusals).admit(SET, f"ipv4:10.0.0.9:{port}", {})
        assert [(entry.client, entry.origin) for entry in noted] == [("", "ipv4:10.0.0.9")]

    assert [json.loads(entry.asked)["count"] for entry in play(story)] == [1, 49]


def test_local_users_without_a_role_are_told_apart_by_their_connection() -> None:
    async def story(refusals: Refusals, noted: list[AuditEntry]) -> None:
        for origin in ("unix:uid=7", "unix:uid=8", "unix:uid=7"):
            refusals.refused(SET, replace(ANYBODY, origin=origin), "unix:", Rejected("NO_ROLE", "none"))
        assert [entry.origin for entry in noted] == ["unix:uid=7", "unix:uid=8"]

    play(story)


def test_what_is_refused_for_other_reasons_is_no_matter_of_who_asked() -> None:
    async def story(refusals: Refusals, _: list[AuditEntry]) -> None:
        refusals.refused(SET, PLC, "", Rejected("TOO_MANY_CALLS", "too many"))

    assert play(story) == []


def test_a_door_that_knows_somebody_no_more_is_told_too() -> None:
    class Revoked(OneDoor):
        def who(self, peer: str, auth: Auth) -> Who | None:
            raise Rejected("NO_ROLE", "revoked")

        def refused(self, peer: str, error: Rejected | None) -> str | None:
            return None

    async def story(refusals: Refusals, noted: list[AuditEntry]) -> None:
        with pytest.raises(Rejected):
            Access([Revoked(None)], refusals).admit(SET, "ipv4:10.0.0.9:5", {})
        assert [entry.origin for entry in noted] == ["ipv4:10.0.0.9"]

    play(story)


def test_changes_that_are_refused_are_told_whole_up_to_a_number_and_then_counted() -> None:
    """A client that is let in must not push out the audit by asking for what it does not get."""
    entry = AuditEntry(client=f"{PLC.identity}#a", origin="tls", method="SetBudget", outcome="INVALID_ARGUMENT")

    async def story(refusals: Refusals, noted: list[AuditEntry]) -> None:
        CALLER.set(Caller(entry.client, entry.origin, local=False, role=Role.CONTROL))
        for index in range(5000):
            refusals.change(replace(entry, client=f"{PLC.identity}#{index}"))
        assert len(noted) == WHOLE
        await asyncio.sleep(WINDOW_S + 1)
        counted = noted[WHOLE]
        assert (counted.client, counted.method, counted.outcome) == (PLC.identity, "Refused", "INVALID_ARGUMENT")
        assert json.loads(counted.asked) == {"count": 5000 - WHOLE, "method": "SetBudget"}
        CALLER.set(Caller("anna", "unix:uid=0", local=True))
        for index in range(2 * WHOLE):
            refusals.change(replace(entry, client=f"made-up-{index}", origin="unix:uid=0"))

    entries = play(story)
    assert len(entries) == WHOLE + 1 + WHOLE + 1
    assert counts(entries[-1:]) == [("(this machine)", WHOLE)]
