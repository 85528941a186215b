"""What an operation is about, for tests that know."""

from __future__ import annotations

from agent.domain.operation import Operation, ProfileWork, SwapWork


def profiling(operation: Operation) -> ProfileWork:
    assert isinstance(operation.work, ProfileWork)
    return operation.work


def swapping(operation: Operation) -> SwapWork:
    assert isinstance(operation.work, SwapWork)
    return operation.work
