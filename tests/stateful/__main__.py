"""`python -m tests.stateful --seed N [--times K]`: one history again; `--histories N [--from S]`: many."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its library tells of every connection that a crash breaks


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stateful", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one, tell its program, and shorten it where it fails")
    parser.add_argument("--times", type=int, default=20, help="how often, since the machine chooses what interleaves")
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--failures", type=int, default=10, help="end after so many")
    given = parser.parse_args()
    return asyncio.run(_one(given.seed, given.times) if given.seed is not None else _many(given))


async def _one(seed: int, times: int) -> int:
    from tests.stateful.program import program_of
    from tests.stateful.soak import play_all, quiet, shrunk

    program = program_of(seed)
    with quiet():
        tally = await play_all([seed] * times)
        if not tally.failures:
            _say(f"seed {seed} kept every promise {times} times")
            return 0
        _say(tally.failures[seed])
        shortest, words = await shrunk(program, times)
    _say(f"\nits program ({shortest.setting}):")
    for number, phase in enumerate(shortest.phases, start=1):
        _say(f"  phase {number}: {phase.disturbance}")
        for name, steps in zip(shortest.names, phase.steps, strict=True):
            for step in steps:
                _say(f"    {name}: {step}")
    _say(f"\n{words}" if words else "\nits parts did not fail by themselves")
    return 1


async def _many(given: argparse.Namespace) -> int:
    from tests.stateful.soak import play_all, quiet

    seeds = range(given.first, given.first + given.histories)
    with quiet():
        tally = await play_all(seeds, told=_say, most_failures=given.failures)
    _say(str(tally))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
