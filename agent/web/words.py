"""Values in the words of the page. Pure."""

from __future__ import annotations

from agent.domain.budget import Budget, EffectiveBudget, Priority

_ORIGINS = {
    Priority.DEFAULT: "from the config",
    Priority.SCHEDULE: "from the schedule",
    Priority.LEASE: "from a lease",
    Priority.MANUAL: "set by hand",
    Priority.MAINTENANCE: "set for maintenance",
    Priority.LOCAL_OVERRIDE: "set at the machine",
}


def budget_words(budget: Budget) -> str:
    """`at most 80 ms, 600 parts/min`; never empty."""
    parts = []
    if budget.max_latency_ms is not None:
        parts.append(f"at most {budget.max_latency_ms:g} ms")
    if budget.parts_per_minute is not None:
        parts.append(f"{budget.parts_per_minute:g} parts/min")
    if budget.min_accuracy is not None:
        parts.append(f"accuracy from {percent(budget.min_accuracy)}")
    return ", ".join(parts) or "nothing asked for"


def origin_words(effective: EffectiveBudget) -> str:
    """Where a budget comes from."""
    return "fail-safe" if effective.fail_safe else _ORIGINS[effective.priority]


def quantile_words(budget: Budget) -> str:
    """`p99`."""
    return f"p{100 * budget.quantile:g}"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def ms(value: float) -> str:
    """Three figures at least, none that nobody can use."""
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def lasting(seconds: float) -> str:
    """`12 s`, `3 min`, `2 h`, `5 days`: how long something has been so."""
    if seconds < 100:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
