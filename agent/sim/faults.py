"""Faults by plan and by seed: which operation goes wrong, when and how. Counts are per operation and never restart.

    operation           effects
    *                   stall, unplug, reset, reset_loop, slow_usb
    boot                corrupt
    connect             io_error, busy
    file.open           io_error, wrong_status
    file.close          io_error, wrong_status
    file.read           io_error, wrong_status
    file.write          io_error, wrong_status, short_write, corrupt
    file.delete         io_error, wrong_status
    network.load        wrong_status, corrupt, wrong_output
    inference.enable    io_error, wrong_status
    acquisition.start   io_error, wrong_status, frozen
    acquisition.stop    io_error, wrong_status
    stream              corrupt, frozen
    inference           wrong_output, frozen
    register            io_error

`*` is every operation, `stream` a frame that is sent, `inference` one that begins, `register` a transfer.

    stall           the operation takes `seconds` longer (a frame comes late, a load or an inference ends late)
    unplug          the cable is out; it is put back after `seconds`, 0 leaves that to the plant
    reset           the camera leaves the bus and boots again
    reset_loop      the same `times` times, each `seconds` after it came back
    slow_usb        every transfer takes `factor` times as long for `seconds`
    io_error        the transfer breaks; at `connect` the camera cannot be opened
    busy            another host seems to own the camera
    wrong_status    the operation fails: Failure, status Error, stays off or goes on without a word
    short_write     half of the bytes are taken
    corrupt         a byte is flipped: in what is written, in the network in flash at `boot`; the network does not
                    load; the frame is incomplete
    wrong_output    the next class is answered instead; of `network.load` until the next load
    frozen          an acquisition sends nothing, a frame is not sent, an inference hangs until it is disabled

An effect that is not listed for its operation is refused.
"""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from agent.errors import BadInput
from agent.sim.mapping import build, limits

Effect = Literal[
    "stall", "unplug", "reset", "reset_loop", "slow_usb", "io_error", "busy", "wrong_status", "short_write",
    "corrupt", "wrong_output", "frozen",
]  # fmt: skip

ANYWHERE: tuple[Effect, ...] = ("stall", "unplug", "reset", "reset_loop", "slow_usb")
# What strikes the bus as a whole; the operation itself goes on as if nothing were, as far as it gets.
BUS_EFFECTS = frozenset(ANYWHERE) - {"stall"}
EFFECTS: dict[str, tuple[Effect, ...]] = {
    "boot": ("corrupt",),
    "connect": ("io_error", "busy"),
    "file.open": ("io_error", "wrong_status"),
    "file.close": ("io_error", "wrong_status"),
    "file.read": ("io_error", "wrong_status"),
    "file.write": ("io_error", "wrong_status", "short_write", "corrupt"),
    "file.delete": ("io_error", "wrong_status"),
    "network.load": ("wrong_status", "corrupt", "wrong_output"),
    "inference.enable": ("io_error", "wrong_status"),
    "acquisition.start": ("io_error", "wrong_status", "frozen"),
    "acquisition.stop": ("io_error", "wrong_status"),
    "stream": ("corrupt", "frozen"),
    "inference": ("wrong_output", "frozen"),
    "register": ("io_error",),
}
OPERATIONS = tuple(EFFECTS)


def effects_of(operation: str) -> tuple[Effect, ...]:
    """What can strike `operation`."""
    return ANYWHERE + EFFECTS[operation]


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """`effect` strikes the `nth` time `operation` happens (1 is the first), and `count` - 1 times more.

    With a `probability` each time from the `nth` on is struck with this chance, at most `count` times, as the seed
    of the simulation has it. `seconds`, `factor` and `times` are for the effects that name them.
    """

    operation: str
    effect: Effect
    nth: int = field(default=1, metadata=limits(1, 1 << 40))
    count: int = field(default=1, metadata=limits(1, 1 << 40))
    seconds: float = field(default=0.0, metadata=limits(0.0, 1e6))
    probability: float = field(default=0.0, metadata=limits(0.0, 1.0))
    factor: float = field(default=10.0, metadata=limits(1.0, 1e6))
    times: int = field(default=3, metadata=limits(1, 1000))

    @property
    def delay_s(self) -> float:
        """How much longer the operation takes."""
        return self.seconds if self.effect == "stall" else 0.0

    def __post_init__(self) -> None:
        _check_operation("operation", self.operation)
        allowed = effects_of(self.operation)
        if self.effect not in allowed:
            raise BadInput("effect", f"is {self.effect!r}, {self.operation} can have {', '.join(allowed)}")


@dataclass(frozen=True, slots=True)
class FaultStorm:
    """Random faults: each time `operation` happens it is struck with the chance `rates[operation]`.

    The effect is drawn from those of `effects` that the operation can have, all of its effects where none is named.
    Draws depend on `seed` and the order of operations only. At most `limit` strikes.
    """

    seed: int = field(default=0, metadata=limits(0, 1 << 62))
    rates: Mapping[str, float] = field(default_factory=dict)
    effects: tuple[str, ...] = ()
    seconds: float = field(default=2.0, metadata=limits(0.0, 1e6))
    factor: float = field(default=10.0, metadata=limits(1.0, 1e6))
    times: int = field(default=2, metadata=limits(1, 1000))
    limit: int = field(default=1 << 40, metadata=limits(0, 1 << 40))

    def __post_init__(self) -> None:
        unknown = set(self.effects) - set(typing.get_args(Effect))
        if unknown:
            raise BadInput("effects", f"has {sorted(unknown)}, allowed are {', '.join(typing.get_args(Effect))}")
        for operation, rate in self.rates.items():
            _check_operation("rates", operation)
            # Values of a mapping are not converted like fields.
            if type(rate) not in {int, float} or not 0 <= rate <= 1:
                raise BadInput(f"rates.{operation}", f"is {rate!r}, allowed is 0 to 1")
            if not self.drawn(operation):
                raise BadInput("effects", f"has none that {operation} can have: {', '.join(effects_of(operation))}")

    def drawn(self, operation: str) -> tuple[Effect, ...]:
        """The effects that may strike `operation`."""
        return tuple(e for e in effects_of(operation) if not self.effects or e in self.effects)


CALM = FaultStorm()


def fault_from_mapping(mapping: Mapping[str, Any]) -> FaultSpec:
    """One fault from plain data; raises BadInput naming the key."""
    return build(FaultSpec, mapping, "fault")


def _check_operation(key: str, operation: str) -> None:
    if operation not in EFFECTS:
        raise BadInput(key, f"is {operation!r}, allowed are {', '.join(OPERATIONS)}")


class _Armed:
    """One fault that waits for its time."""

    def __init__(self, fault: FaultSpec, base: int, seed: tuple[int, ...]) -> None:
        self.fault = fault
        self._base = base
        self._left = fault.count
        self._random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))

    def strikes(self, seen: int) -> bool:
        """Whether the occurrence number `seen` is struck; to be asked once for each."""
        ordinal = seen - self._base - self.fault.nth
        if not self.fault.probability:
            return 0 <= ordinal < self.fault.count
        if ordinal < 0 or not self._left or self._random.random() >= self.fault.probability:
            return False
        self._left -= 1
        return True


class _Blowing:
    """A storm under way."""

    def __init__(self, storm: FaultStorm) -> None:
        self._storm = storm
        self._left = storm.limit
        self._random = np.random.Generator(np.random.PCG64(np.random.SeedSequence((storm.seed, 0x5708))))

    def strike(self, operation: str) -> FaultSpec | None:
        rate = self._storm.rates.get(operation, 0.0)
        if not rate or not self._left or self._random.random() >= rate:
            return None
        self._left -= 1
        effects, storm = self._storm.drawn(operation), self._storm
        effect = effects[int(self._random.integers(len(effects)))]
        seconds = storm.seconds if effect in ANYWHERE else 0.0
        return FaultSpec(operation, effect, seconds=seconds, factor=storm.factor, times=storm.times)


class FaultPlan:
    """Counts operations and says which of them is struck. Owner: the device, under its lock."""

    def __init__(self, faults: Iterable[FaultSpec] = (), storm: FaultStorm | None = None, seed: int = 0) -> None:
        self._seed = seed
        self._added = 0
        self._armed: dict[str, list[_Armed]] = {}
        self._storm = _Blowing(storm) if storm is not None and storm.rates else None
        self._seen: Counter[str] = Counter()
        self._bus: list[FaultSpec] = []
        self.struck: Counter[str] = Counter()
        for fault in faults:
            self.add(fault)

    def add(self, fault: FaultSpec) -> None:
        """Arm `fault`; its `nth` counts from now on."""
        armed = _Armed(fault, self._seen[fault.operation], (self._seed, 0xFA17, self._added))
        self._added += 1
        self._armed.setdefault(fault.operation, []).append(armed)

    def clear(self) -> None:
        """Disarm everything, the storm as well."""
        self._armed.clear()
        self._bus.clear()
        self._storm = None

    def strike(self, operation: str) -> FaultSpec | None:
        """Count one `operation`; the fault that strikes it, the first armed one where several would.

        What strikes the bus is kept for `take_bus_faults` and is no fault of the operation.
        """
        self._seen[operation] += 1
        fault = self._find(operation)
        if fault is None:
            return None
        self.struck[operation] += 1
        if fault.effect in BUS_EFFECTS:
            self._bus.append(fault)
            return None
        return fault

    def take_bus_faults(self) -> list[FaultSpec]:
        """Faults of the bus since the last call."""
        if not self._bus:
            return []
        taken, self._bus = self._bus, []
        return taken

    def _find(self, operation: str) -> FaultSpec | None:
        seen = self._seen[operation]
        found = [a.fault for a in self._armed.get(operation, ()) if a.strikes(seen)]
        drawn = self._storm.strike(operation) if self._storm else None
        return found[0] if found else drawn
