"""Many clients at once against the real server, with duplicates, retries, cancels, disconnects and restarts."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.stateful.soak import play_all, quiet

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
FEW = 16
MANY = 10_000
# Seeds that broke a promise once, played a few times each since the machine chooses what interleaves.
ONCE_BROKEN = (28, 32, 44, 83, 175, 205)


def test_no_promise_is_broken_over_some_histories() -> None:
    with quiet():
        tally = asyncio.run(play_all(range(FEW)))
    assert not tally.failures, "\n".join(tally.failures.values())
    assert tally.histories == FEW


def test_no_promise_is_broken_by_the_histories_that_broke_one_before() -> None:
    with quiet():
        tally = asyncio.run(play_all(ONCE_BROKEN))
    assert not tally.failures, "\n".join(tally.failures.values())


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_no_promise_is_broken_over_ten_thousand_histories() -> None:
    with quiet():
        tally = asyncio.run(play_all(range(MANY), told=print, most_failures=5))
    assert not tally.failures, "\n".join(tally.failures.values())
    assert tally.histories == MANY
