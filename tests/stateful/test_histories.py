"""Many clients at once against the real server, with duplicates, retries, cancels, disconnects and restarts."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.stateful.found import FOUND
from tests.stateful.soak import play_all, play_program, quiet

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
FEW = 12
MANY = 10_000
TIMES = 3  # the machine chooses what interleaves


def test_no_promise_is_broken_over_some_histories() -> None:
    with quiet():
        tally = asyncio.run(play_all(range(FEW)))
    assert not tally.failures, "\n".join(tally.failures.values())
    assert tally.histories == FEW


@pytest.mark.parametrize("what", FOUND)
def test_what_broke_a_promise_once_keeps_it(what: str) -> None:
    async def played() -> None:
        for _ in range(TIMES):
            await play_program(FOUND[what])

    with quiet():
        asyncio.run(played())


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_no_promise_is_broken_over_ten_thousand_histories() -> None:
    with quiet():
        tally = asyncio.run(play_all(range(MANY), told=print, most_failures=5))
    assert not tally.failures, "\n".join(tally.failures.values())
    assert tally.histories == MANY
