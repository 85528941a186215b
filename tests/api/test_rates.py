"""How often each client may call, in virtual time."""

from __future__ import annotations

import logging

import pytest

from agent.api.access import Who
from agent.api.errors import Rejected
from agent.api.limits import ApiLimits
from agent.api.rates import MOST_CLIENTS, TOLD_EVERY_S, Rates
from agent.clock import VirtualClock
from agent.domain.access import Role

LIMITS = ApiLimits(calls_per_s=10.0, calls_burst=5, local_calls_per_s=1000.0, local_calls_burst=50)
PLC_3 = Who("spiffe://plant/plc-3", "tls:ipv4:10.0.0.7:4711", Role.CONTROL)
PLC_4 = Who("spiffe://plant/plc-4", "tls:ipv4:10.0.0.7:4712", Role.NONE)
ANNA = Who("anna", "unix:user=anna", Role.ADMIN, local=True)


def let_through(rates: Rates, who: Who, calls: int) -> int:
    """How many of these calls, all at once, are let through."""
    through = 0
    for _ in range(calls):
        try:
            rates.take(who)
        except Rejected:
            continue
        through += 1
    return through


def test_a_burst_is_let_through_and_then_as_many_as_time_gives() -> None:
    clock = VirtualClock()
    rates = Rates(LIMITS, clock)
    assert let_through(rates, PLC_3, 100) == 5
    for _ in range(20):
        clock.sleep(0.35)
        assert let_through(rates, PLC_3, 100) in (3, 4)
    clock.sleep(3600)
    assert let_through(rates, PLC_3, 100) == 5  # a rest is worth a burst and no more


def test_whoever_keeps_to_the_rate_is_never_refused() -> None:
    clock = VirtualClock()
    rates = Rates(LIMITS, clock)
    for _ in range(1000):
        assert let_through(rates, PLC_3, 1) == 1
        clock.sleep(0.1)


def test_each_identity_has_its_own_and_local_users_far_more() -> None:
    rates = Rates(LIMITS, VirtualClock())
    assert [let_through(rates, who, 100) for who in (PLC_3, PLC_4, ANNA)] == [5, 5, 50]
    local = Who(PLC_3.identity, "unix", Role.READ, local=True)  # of the same name, and not the same
    assert let_through(rates, local, 100) == 50


def test_a_flood_is_in_the_log_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    rates = Rates(LIMITS, clock)
    with caplog.at_level(logging.WARNING, "ofa_agent.api"):
        for _ in range(125):
            let_through(rates, PLC_3, 200)
            clock.sleep(1.0)
    lines = [record.getMessage() for record in caplog.records if "client_too_fast" in record.getMessage()]
    assert len(lines) == 1 + int(124 / TOLD_EVERY_S)
    assert "client=spiffe://plant/plc-3" in lines[0]
    assert "refused=" in lines[1]
    assert int(lines[1].rpartition("refused=")[2]) > 10_000  # what was not told is counted


def test_a_thousand_names_take_a_bounded_place_and_who_calls_most_is_not_forgotten() -> None:
    rates = Rates(LIMITS, VirtualClock())
    assert let_through(rates, PLC_3, 10) == 5
    for number in range(3 * MOST_CLIENTS):
        rates.take(Who(f"spiffe://plant/{number}", "tls", Role.READ))
        assert let_through(rates, PLC_3, 1) == 0
    assert len(rates) == MOST_CLIENTS
