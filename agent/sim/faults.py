"""Fault plan: which operation goes wrong, when and how. Counts are per operation and never restart.

    operation           effects
    file.*              io_error (the transfer breaks), wrong_status (Failure), stall
    file.write          also short_write (half the bytes), corrupt (a byte is flipped)
    network.load        wrong_status (ends in Error), stall, wrong_output (loads, but answers the next class)
    inference.enable    io_error, wrong_status (stays off and says nothing), stall
    acquisition.start   io_error, wrong_status (does not start), frozen (starts and sends nothing), stall
    acquisition.stop    io_error, wrong_status (goes on), stall
    stream (a frame)    corrupt (incomplete), frozen (not sent), stall (late), unplug
    inference           wrong_output, stall (takes longer), frozen (hangs until inference is disabled)
    register            io_error, stall, unplug

`stall` takes `seconds`. An effect that is not listed for its operation does nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from agent.sim.spec import FaultSpec


class FaultPlan:
    """Counts operations and says which of them is struck. Owner: the device, under its lock."""

    def __init__(self, faults: Iterable[FaultSpec] = ()) -> None:
        self._faults: list[tuple[FaultSpec, int]] = []
        self._seen: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        for fault in faults:
            self.add(fault)

    def add(self, fault: FaultSpec) -> None:
        """Arm `fault`; its `nth` counts from now on."""
        self._faults.append((fault, self._seen[fault.operation]))

    def clear(self) -> None:
        """Disarm everything."""
        self._faults.clear()

    def strike(self, operation: str) -> FaultSpec | None:
        """Count one `operation`; the fault that strikes it, the first armed one where several would."""
        self._seen[operation] += 1
        if not self._faults:
            return None
        seen = self._seen[operation]
        for fault, base in self._faults:
            if fault.operation == operation and 0 <= seen - base - fault.nth < fault.count:
                self.struck[operation] += 1
                return fault
        return None
