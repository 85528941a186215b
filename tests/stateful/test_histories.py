"""Many clients at once against the real server, with duplicates, retries, cancels, disconnects and restarts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest

from tests.reliability.recorder import Reliability
from tests.stateful.found import FOUND, MISJUDGED
from tests.stateful.soak import play_all, play_program, quiet, repeat

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


@pytest.mark.parametrize("what", MISJUDGED)
def test_what_was_misjudged_once_keeps_every_promise(what: str) -> None:
    with quiet():
        asyncio.run(play_program(MISJUDGED[what]))


@pytest.fixture(scope="module")
def grpcs_poller() -> Iterator[None]:
    """Kept for all histories: it lives as long as the last call, and one that was given up may outlive its loop."""
    aio: Any = grpc.aio  # its type stubs lack both
    aio.init_grpc_aio()
    yield
    aio.shutdown_grpc_aio()


@pytest.mark.soak
@pytest.mark.usefixtures("grpcs_poller")
@pytest.mark.timeout(4 * 3600)
def test_no_promise_is_broken_over_ten_thousand_histories(reliability: Reliability) -> None:
    seeds = reliability.seeds(range(MANY))
    with quiet():
        tally = asyncio.run(play_all(_counted(seeds, reliability), told=print, most_failures=5))
    for seed, words in tally.failures.items():
        reliability.failed(5, words, repeat=repeat(seed))
    assert not tally.failures, "\n".join(tally.failures.values())
    assert tally.histories == len(seeds)


def _counted(seeds: Sequence[int], reliability: Reliability) -> Iterator[int]:
    for seed in seeds:
        yield seed
        reliability.count(5, "histories", seed=f"0..{MANY - 1}")
