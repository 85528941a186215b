"""Alarms over the wire: listed and acknowledged also while the journal cannot be written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from agent.api import ApiServer, Services
from agent.client import AgentClient
from agent.clock import SystemClock
from agent.pb.ofa_agent.v1 import types_pb2
from agent.supervisor.alarms import StandingAlarms
from tests.api.harness import CALM, DEADLINE_S, run
from tests.support.fake_control import FakeControl, FakeJournal

Standing: TypeAlias = "tuple[AgentClient, StandingAlarms, FakeControl]"


@asynccontextmanager
async def standing(folder: Path, journal: FakeJournal) -> AsyncIterator[Standing]:
    clock, control, path = SystemClock(), FakeControl(), folder / "api.sock"
    book = StandingAlarms(journal, clock)
    services = Services({control.name: control}, journal, clock, {}, book)
    server = ApiServer(services, path, CALM)
    await server.start()
    client = AgentClient(path, name="tester", timeout_s=DEADLINE_S)
    try:
        yield client, book, control
    finally:
        await client.close()
        await server.stop()


def test_an_alarm_that_could_not_be_written_is_listed_and_acknowledged_all_the_same(tmp_path: Path) -> None:
    journal = FakeJournal()

    async def scenario() -> tuple[list[types_pb2.Alarm], types_pb2.Alarm, list[tuple[object, ...]]]:
        async with standing(tmp_path, journal) as (client, book, control):
            journal.broken = True
            await book.desk("station-1").raised("lease_expired", "plc is silent")
            listed = await client.list_alarms("station-1")
            answer = await client.acknowledge_alarm(listed.alarms[0].id)
            again = await client.list_alarms("station-1")
            return [*listed.alarms, *again.alarms], answer.alarm, list(control.calls)

    (before, after), answered, acted = run(scenario())
    assert (before.key, before.acknowledged_by, after.acknowledged_by) == ("lease_expired", "", "tester")
    assert (answered.id, answered.acknowledged_by) == (before.id, "tester")
    assert acted == [("acknowledge", "lease_expired tester")]  # which lifts the fail-safe budget
    assert journal.known_alarms == []


def test_an_alarm_of_the_agent_itself_that_tells_of_the_past_ends_by_its_acknowledgement(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with standing(tmp_path, FakeJournal()) as (client, book, _):
            await book.desk("").happened("journal_recovered", "the damaged file is journal.corrupt-1")
            (alarm,) = (await client.list_alarms()).alarms
            await client.acknowledge_alarm(alarm.id)
            return [one.key for one in (await client.list_alarms()).alarms]

    assert run(scenario()) == []
