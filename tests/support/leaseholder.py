"""A program that holds a lease for as long as it lives: `python -m tests.support.leaseholder SOCKET TTL_S`.

It tells by a line on standard output that the lease is held, and after each renewal the CLOCK_BOOTTIME (ns) at which
that one was sent.
"""

from __future__ import annotations

import asyncio
import sys
import time

from agent.client import AgentClient

RENEWALS_A_TTL = 3


def boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


async def hold(target: str, ttl_s: float) -> None:
    """Claim and renew until the process ends."""
    async with AgentClient(target, name="leaseholder") as client:
        sent_ns = boottime_ns()
        await client.set_budget(max_latency_ms=200.0, ttl_s=ttl_s)
        while True:
            sys.stdout.write(f"{sent_ns}\n")
            sys.stdout.flush()
            await asyncio.sleep(ttl_s / RENEWALS_A_TTL)
            sent_ns = boottime_ns()
            await client.renew_budget()


if __name__ == "__main__":
    asyncio.run(hold(sys.argv[1], float(sys.argv[2])))
