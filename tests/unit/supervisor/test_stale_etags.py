"""Etags of before something that nobody commanded, but time did."""

from __future__ import annotations

import pytest

from agent.domain.states import CameraState
from agent.errors import Stale
from agent.supervisor import Supervisor
from tests.unit.supervisor.bench import FAST, Bench, tell, until


def test_a_change_whose_time_has_come_makes_an_etag_of_before_stale() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await tell(supervisor, FAST, 1.0)
        await supervisor.commit_budget("plc", "p-1", False)
        held = supervisor.etag
        bench.clock.sleep(2.0)  # the loop has had no turn since
        with pytest.raises(Stale):
            async with supervisor.writing(held):
                pass
        assert [one.budget for one in supervisor.snapshot().claims] == [FAST]

    bench.run(story)


def test_a_lease_whose_time_is_up_makes_an_etag_of_before_stale() -> None:
    bench = Bench()

    async def story(supervisor: Supervisor) -> None:
        await until(supervisor, CameraState.ACTIVE, "large")
        await supervisor.set_budget("plc", FAST, 1.0, False)
        held = supervisor.etag
        async with supervisor.writing(held):
            pass
        bench.clock.sleep(2.0)  # the loop has had no turn since
        assert supervisor.etag == held
        with pytest.raises(Stale, match="a claim has ended since"):
            async with supervisor.writing(held):
                pass
        async with supervisor.writing(""):
            pass

    bench.run(story)
