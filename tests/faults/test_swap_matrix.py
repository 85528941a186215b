"""Each camera fault at each stage of a swap to each of three sub-nets: new verified, old verified again, or FAULTED.

The whole agent in virtual time, as in test_swap_faults. An operator pins a sub-net, and the fault strikes the very
operation of that swap; what ends FAULTED must say so by an alarm that stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.domain.states import CameraState
from agent.library import open_library
from agent.sim.device import Firefly
from agent.sim.spec import Effect, FaultSpec, TransportSpec
from tests.reliability.recorder import Reliability
from tests.support.virtual_line import Act, Outcome, line_config, play

NETS = ("r40-", "r56-", "r64-")  # the fastest, the second most accurate, the most accurate
BEFORE = {"r40-": "r56-", "r56-": "r64-", "r64-": "r40-"}  # what runs when the swap to it begins
LINE = 200.0  # parts a minute that pass; few, so that the runs are short
SWAP_AT_S, CALM_AT_S, ENDS_S = 8.0, 75.0, 140.0  # time for a swap's deadline and the way back, twice
AWAY_S = 1.5
KEEPS = 400  # a fault that strikes again and again, until the camera is mended at CALM_AT_S
SHORT = ("corrupt flash", "frozen stream")  # the others are in test_swap_faults and test_fault_matrix

# A stage of the swap: the operation that happens in it, and its number since the swap began. "image" and what follows
# belong to the self-test. Of an upload the chunks are counted from the sub-net's size.
FIRST, MIDDLE, LAST, IMAGE = "first chunk", "middle chunk", "last chunk", "image"
STAGES: dict[str, tuple[str, int]] = {
    "stop": ("acquisition.stop", 1),
    "disable": ("inference.enable", 1),
    "delete": ("file.delete", 1),
    "open": ("file.open", 1),
    FIRST: ("file.write", 1),
    MIDDLE: ("file.write", 0),
    LAST: ("file.write", 0),
    "close": ("file.close", 1),
    "load": ("network.load", 1),
    "enable": ("inference.enable", 2),
    IMAGE: ("file.write", 0),
    "self-test begins": ("acquisition.start", 1),
    "self-test infers": ("inference", 0),
    "self-test ends": ("acquisition.stop", 2),
    "start": ("acquisition.start", 2),
}
EVERYWHERE = tuple(STAGES)
TRANSFERS = tuple(stage for stage, (operation, _) in STAGES.items() if operation not in ("network.load", "inference"))
ANSWERS = tuple(stage for stage, (operation, _) in STAGES.items() if operation != "inference")
WRITES = (FIRST, MIDDLE, LAST, IMAGE)
# The nine faults of the list: effect, and the stages in which the camera can have it.
FAULTS: dict[str, tuple[Effect, tuple[str, ...]]] = {
    "unplug": ("unplug", EVERYWHERE),
    "stall": ("stall", EVERYWHERE),
    "write error": ("io_error", TRANSFERS),
    "short write": ("short_write", WRITES),
    "wrong status": ("wrong_status", ANSWERS),
    "device reset": ("reset", EVERYWHERE),
    "corrupt flash": ("reset", EVERYWHERE),  # and what is in flash is damaged when it boots
    "frozen stream": ("frozen", ("self-test begins", "self-test infers", "start")),
    "wrong inference": ("wrong_output", ("load", "self-test infers")),
}
LASTING = ("write error", "wrong status", "short write")


@dataclass(frozen=True)
class Case:
    """One cell of the matrix; `lasting`: the fault strikes again and again for a minute."""

    fault: str
    stage: str
    net: str
    lasting: bool = False

    def __str__(self) -> str:
        return f"{'lasting ' if self.lasting else ''}{self.fault} at {self.stage} of a swap to {self.net}*"


def cases() -> Iterator[Case]:
    for lasting in (False, True):
        for fault in LASTING if lasting else FAULTS:
            for stage in FAULTS[fault][1]:
                yield from (Case(fault, stage, net, lasting) for net in NETS)


CASES = tuple(cases())


def strikes(case: Case, chunks: int) -> tuple[FaultSpec, ...]:
    operation, nth = STAGES[case.stage]
    nth = {MIDDLE: 1 + chunks // 2, LAST: chunks, IMAGE: chunks + 1, "self-test infers": 1}.get(case.stage, nth)
    effect = FAULTS[case.fault][0]
    count = KEEPS if case.lasting else 1
    struck = FaultSpec(operation, effect, nth, count, seconds=AWAY_S if effect in ("unplug", "stall") else 0.0)
    return (struck, FaultSpec("boot", "corrupt")) if case.fault == "corrupt flash" else (struck,)


def chunks_of(library: Path, net: str) -> int:
    """Writes of the upload of that sub-net."""
    (found,) = [one for one in open_library(library).manifest.subnets if one.id.startswith(net)]
    return -(-found.artifacts[0].size_bytes // TransportSpec().file_access_buffer_bytes)


def wrong(folder: Path, library: Path, case: Case) -> str:
    """What that case ended in that it must not; empty where all is well."""
    faults = strikes(case, chunks_of(library, case.net))
    acts = [
        Act(0, LINE, pin=BEFORE[case.net]),
        Act(SWAP_AT_S, LINE, None, faults, pin=case.net),
        Act(CALM_AT_S, LINE, plant=Firefly.clear_faults),
    ]
    outcome = play(line_config(folder, library), acts, ENDS_S)
    if unstruck := [one.operation for one in faults if not outcome.counters.get(f"fault.{one.operation}")]:
        return f"{unstruck} was never struck, so that nothing is proven"
    return judged(outcome, case)


def judged(outcome: Outcome, case: Case) -> str:
    last = outcome.last
    if last is None:
        return "there is no camera"
    if outcome.wrong or outcome.unverified:
        return f"{outcome.unverified} states called an unverified network active; wrong: {outcome.wrong[:3]}"
    if last.state is CameraState.FAULTED:
        stands = [alarm.key for alarm in outcome.alarms if alarm.cleared_wall_ns is None]
        return "" if stands else "FAULTED without an alarm"
    if last.state is not CameraState.ACTIVE or not last.verified:
        return f"ended {last.state.name}, verified: {last.verified}"
    if not (last.active_subnet or "").startswith((case.net, BEFORE[case.net])):
        return f"{last.active_subnet} is neither the new nor the old one"
    return ""


@pytest.mark.parametrize("fault", SHORT)
def test_a_fault_of_each_kind_ends_as_it_should(tmp_path: Path, ladder: Path, fault: str) -> None:
    case = [one for one in CASES if one.fault == fault][-1]
    assert not wrong(tmp_path, ladder, case), case


def test_the_matrix_has_every_fault_and_stage_with_three_sub_nets() -> None:
    assert len(FAULTS) == 9
    assert {case.fault for case in CASES} == set(FAULTS)
    assert {case.stage for case in CASES} == set(STAGES)
    assert len(CASES) == len(set(CASES)) >= 300
    for case in CASES:
        assert {one.net for one in CASES if (one.fault, one.stage) == (case.fault, case.stage)} == set(NETS)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_each_fault_at_each_stage_for_each_sub_net_ends_as_it_should(
    tmp_path: Path, ladder: Path, reliability: Reliability
) -> None:
    found = []
    for number in reliability.seeds(range(len(CASES))):
        words = wrong(tmp_path / f"{number}", ladder, CASES[number])
        reliability.count(3, "cases", seed=f"cases 0..{len(CASES) - 1}")
        if words:
            found.append(f"{CASES[number]}: {words}")
            reliability.failed(3, found[-1], number)
    assert found == []
