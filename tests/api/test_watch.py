"""WatchStatus as a promise: whatever a reader does, it ends up with the newest state and never goes back.

The handler runs in virtual time, without gRPC; tests/api/test_status.py has the same over a socket.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from agent.api.drain import Drain
from agent.api.errors import Rejected
from agent.api.limits import ApiLimits
from agent.api.services import Services
from agent.api.status import StatusHandlers
from agent.clock import VirtualClock, run_virtual
from agent.pb.ofa_agent.v1 import status_pb2
from tests.support.fake_control import FakeControl, FakeJournal

HEARTBEAT_S = 3.0
EPOCH = "run-1"

# What may happen: the state changes so many times at once; the reader takes its messages, or stops to; time passes; the
# connection breaks and the reader resumes from the message it saw that many messages ago (None: from nothing).
CHANGE = st.tuples(st.just("change"), st.integers(1, 3))
READ = st.tuples(st.just("read"), st.booleans())
PASS = st.tuples(st.just("pass"), st.sampled_from((0, 1, 2, 4, 7)))
RESUME = st.tuples(st.just("resume"), st.none() | st.integers(0, 5))
STORIES = st.lists(CHANGE | READ | PASS | RESUME, max_size=25)


@dataclass
class Heard:
    """One message, and when it was taken."""

    message: status_pb2.WatchStatusResponse
    at_s: float


@dataclass
class Connection:
    """One call: where it began, and what was taken from it."""

    resumed_at: int
    published_before: int
    heard: list[Heard] = field(default_factory=list)

    @property
    def states(self) -> list[status_pb2.WatchStatusResponse]:
        return [one.message for one in self.heard if not one.message.heartbeat]


class Reader:
    """A client of the handler that may stop reading and come back. The first state says `1`, each its revision."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.control = FakeControl()
        self.control.change(detail="2")
        self.drain = Drain()
        services = Services({"station-1": self.control}, FakeJournal(), clock)
        self.handlers = StatusHandlers(services, self.drain, ApiLimits(heartbeat_s=HEARTBEAT_S), EPOCH)
        self.reads = asyncio.Event()
        self.reads.set()
        self.seen: list[status_pb2.WatchStatusResponse] = []
        self.connections: list[Connection] = []
        self.task: asyncio.Task[None] | None = None

    async def play(self, story: list[tuple[str, int | bool | None]]) -> None:
        await self.resume(None)
        for what, value in story:
            if what == "change":
                for _ in range(value or 0):
                    self.control.change(detail=str(self.control.now.revision + 1))
            elif what == "read":
                (self.reads.set if value else self.reads.clear)()
            elif what == "resume":
                await self.resume(value)
            else:
                await asyncio.sleep(value or 0)
        self.reads.set()
        await asyncio.sleep(0.1)
        await self.hang_up()

    async def resume(self, back: int | None) -> None:
        await self.hang_up()
        request = status_pb2.WatchStatusRequest()
        if back is not None and self.seen:
            known = self.seen[-1 - min(back, len(self.seen) - 1)]
            request = status_pb2.WatchStatusRequest(resume_epoch=known.epoch, resume_revision=known.revision)
        self.connections.append(Connection(request.resume_revision, self.control.now.revision))
        self.task = asyncio.ensure_future(self.handlers.watch_status(request, self._take))
        await asyncio.sleep(0)

    async def hang_up(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
            assert self.task.cancelled()
            assert self.control.snapshots.readers == 0

    async def _take(self, message: Message | bytes) -> None:
        await self.reads.wait()
        body = message if isinstance(message, bytes) else message.SerializeToString()
        parsed = status_pb2.WatchStatusResponse.FromString(body)
        self.seen.append(parsed)
        self.connections[-1].heard.append(Heard(parsed, self.clock.now_ns() / 1e9))


def played(story: list[tuple[str, int | bool | None]]) -> Reader:
    clock = VirtualClock()

    async def main() -> Reader:
        reader = Reader(clock)
        await reader.play(story)
        return reader

    return run_virtual(clock, main())


@given(story=STORIES)
def test_a_reader_ends_up_with_the_newest_state_wherever_it_resumed(story: list[tuple[str, int | bool | None]]) -> None:
    reader = played(story)
    newest = reader.control.now.revision
    last = reader.connections[-1]
    assert max([last.resumed_at, *(state.revision for state in last.states)]) == newest
    assert all(state.status.detail == str(state.revision) == str(state.status.revision) for state in last.states)


@given(story=STORIES)
def test_revisions_never_go_back_and_nothing_known_is_told_again(story: list[tuple[str, int | bool | None]]) -> None:
    for connection in played(story).connections:
        revisions = [connection.resumed_at, *(state.revision for state in connection.states)]
        assert all(earlier < later for earlier, later in pairwise(revisions))
        told = [connection.resumed_at, *(one.message.revision for one in connection.heard)]
        assert all(earlier <= later for earlier, later in pairwise(told))
        assert {one.message.epoch for one in connection.heard} <= {EPOCH}


@given(story=STORIES)
def test_every_state_was_told_or_counted_as_missed(story: list[tuple[str, int | bool | None]]) -> None:
    reader = played(story)
    last = reader.connections[-1]
    if last.states:
        first_known = max(last.resumed_at + 1, last.published_before)
        expected = last.states[-1].revision - first_known + 1
        assert len(last.states) + last.states[-1].dropped == expected


@given(story=STORIES)
def test_a_reader_that_reads_hears_something_every_heartbeat_and_no_sooner_than_needed(
    story: list[tuple[str, int | bool | None]],
) -> None:
    reader = played([step for step in story if step[0] != "read"])
    for connection in reader.connections:
        for earlier, later in pairwise(connection.heard):
            assert later.at_s - earlier.at_s <= HEARTBEAT_S + 1e-6
            assert not later.message.heartbeat or later.at_s - earlier.at_s >= HEARTBEAT_S - 1e-6
        assert all(not one.message.HasField("status") for one in connection.heard if one.message.heartbeat)


@given(changes=st.integers(0, 20), late=st.integers(0, 3))
def test_a_reader_that_stopped_finds_one_state_waiting_and_it_is_the_newest(changes: int, late: int) -> None:
    pauses: list[tuple[str, int | bool | None]] = [("pass", 1), ("read", False)]
    story: list[tuple[str, int | bool | None]] = [*pauses, *[("change", 1), ("pass", late)] * changes]
    (connection,) = played(story).connections
    first, *rest = [state.revision for state in connection.states]
    assert first == 2
    if changes:
        assert rest[-1] == 2 + changes
        assert len(rest) <= 2  # the one that was on its way when it stopped, and the newest


@pytest.mark.parametrize(("epoch", "revision"), [("another-run", 1), (EPOCH, 3), ("another-run", 0)])
def test_a_revision_of_another_run_is_out_of_range(epoch: str, revision: int) -> None:
    async def main() -> None:
        reader = Reader(clock)
        request = status_pb2.WatchStatusRequest(resume_epoch=epoch, resume_revision=revision)
        with pytest.raises(Rejected) as caught:
            await reader.handlers.watch_status(request, reader._take)
        assert caught.value.reason == "REVISION_UNKNOWN"
        assert reader.control.snapshots.readers == 0

    clock = VirtualClock()
    run_virtual(clock, main())


def test_the_end_of_the_server_ends_a_watch_that_waits() -> None:
    async def main() -> None:
        reader = Reader(clock)
        await reader.resume(None)
        await asyncio.sleep(1.0)
        reader.drain.begin()
        assert reader.task is not None
        with pytest.raises(Rejected, match="ending"):
            await reader.task
        assert reader.control.snapshots.readers == 0

    clock = VirtualClock()
    run_virtual(clock, main())
