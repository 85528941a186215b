"""Every read command at 80 columns, with names and messages that are as long as they come."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.fit import cells
from agent.domain.audit import AuditEntry
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget, Priority
from agent.domain.decision import Account, Action, Candidate, Decision, Figure, Reason
from agent.domain.journal import Alarm, SwapOutcome, SwapRecord
from agent.domain.notice import LineReport, LineState
from agent.domain.operation import Operation, SwapWork
from agent.domain.orders import Inhibit, Mode, Orders, Pin
from agent.domain.result import InferenceResult
from agent.domain.states import Degraded, SwapStage
from agent.domain.subnet import Catalogue
from agent.supervisor.feed import Reader
from tests.api.harness import run, serving
from tests.support.fake_control import CATALOGUE, SNAPSHOT, FakeControl, a_result, a_subnet

WIDTH = 80
CAMERA = "hall-7-line-3-station-12-camera-left-of-the-upper-gripper"
NET = "ofa-mbv3-w1.2-d{}444-k7777777777-e6666666666-r224-finetuned"
NETS = tuple(NET.format(i) for i in range(4))
CLIENT = "gateway-of-hall-7@plc-gateway-of-line-3.plant-two.example.org"
PROSE = f"the camera {CAMERA} did not answer a request within its deadline and is connected to again, " * 2
COMMANDS = (
    ("status",),
    ("status", "--camera", CAMERA),
    ("subnets",),
    ("swaps",),
    ("alarms", "--all"),
    ("audit",),
    ("explain",),
    ("explain", "--parts-per-minute", "1234.5"),
    ("operations", "list"),
    ("operations", "show", "operations/swap-1"),
    ("results", "--count", "2"),
)
TABLES = ("subnets", "swaps", "explain")
# The columns of figures, by what heads them.
HEADING = re.compile(r"(?<=  )(accuracy %|predicted ms|size MB|service ms|latency ms|measured|gap s)(?=  |$)")
SCRIPT = """
import json, sys
from agent.cli.main import main
for words in json.loads(sys.argv[2]):
    code = main([*words, "--socket", sys.argv[1]])
    print(f"\\x00{code}\\x00", end="", flush=True)
"""


def _candidate(net: str, feasible: bool) -> Candidate:
    slow = "service bound 12345.6 ms above 48.6 ms (1234.5 parts/min); latency bound 107 ms above 80 ms"
    figures = tuple(Figure(f"a_figure_with_a_long_name_{i}", 12345.678, "parts/min") for i in range(5))
    return Candidate(net, 0.98765, 12_345.67, 123_456.78, 1_234_567, feasible, "" if feasible else slow, figures)


def _control() -> FakeControl:
    budget = Budget(parts_per_minute=99_999.5, max_latency_ms=12_345.67, min_accuracy=0.98765, quantile=0.9999)
    effective = EffectiveBudget("budget-2", budget, Priority.LEASE, ("claim-1",))
    account = Account(tuple(_candidate(net, net == NETS[0]) for net in NETS), PROSE, (Figure("break_even", 1e6, "s"),))
    decision = Decision(Action.HOLD, Reason.DWELL, NETS[1], NETS[0], effective, True, account)
    orders = Orders(Mode.MANUAL, CLIENT, Pin(NETS[1], CLIENT, 1, rollback=True), (Inhibit(CLIENT, PROSE),))
    now = replace(
        SNAPSHOT,
        degraded=tuple(Degraded),
        detail=PROSE,
        active_subnet=NETS[0],
        generation=2**60,
        budget=effective,
        claims=(Claim("claim-1", CLIENT, CAMERA, ClaimKind.LEASE, budget, 60.0, 1),),
        decision=decision,
        line=LineState(True, 99_999.5, (LineReport(CLIENT, True, 99_999.5, 0, 1 << 60),) * 3),
        orders=orders,
    )
    known = Catalogue(NET, 7, "ef" * 32, "classification", ("good",), tuple(a_subnet(net, 0.98765) for net in NETS))
    control = _Explaining(CAMERA, now=now, known=replace(CATALOGUE, name=known.name, subnets=known.subnets))
    control.answer = decision
    work = SwapWork("swap-1", NETS[0], NETS[1], Reason.BUDGET.value, SwapStage.WAITING_PERMIT)
    control.desk.put(Operation("operations/swap-1", CAMERA, work, started_wall_ns=1))
    return control


class _Explaining(FakeControl):
    answer: Decision

    def explain(self, budget: Budget | None) -> Decision:
        return self.answer

    def result_feed(
        self, capacity: int, wanted: Callable[[InferenceResult], bool] | None = None
    ) -> Reader[InferenceResult]:
        feed = super().result_feed(capacity, wanted)
        for number in (1, 2):
            self.results.publish(a_result(number, CAMERA)._replace(subnet_id=NETS[0]))
        return feed


async def _outputs(folder: Path) -> Mapping[tuple[str, ...], str]:
    """What each command wrote; they run one after another in one process."""
    async with serving(folder, _control()) as rig:
        for i, outcome in enumerate(SwapOutcome):
            rig.journal.rows[f"swap-{i}"] = SwapRecord(
                f"swap-{i}", CAMERA, NETS[0], NETS[1], Reason.MEASURED.value, "b", i, outcome,
                gap_s=12_345.678, failed_step="wait_for_the_permit_of_the_group",
            )  # fmt: skip
        for i in range(3):
            rig.journal.known_alarms.append(Alarm(i + 1, CAMERA, "lease:plc", PROSE, 1, 1 if i else None, CLIENT))
        asked = json.dumps({"budget": {"max_latency_ms": 12_345.67}, "text": "x" * 200})
        for ended in ("OK", "FAILED_PRECONDITION"):
            entry = AuditEntry(
                client=CLIENT, origin="spiffe://plant-two.example.org/line-3/gateway", method="PrepareBudget",
                camera=CAMERA, outcome=ended, reason="INFEASIBLE_BUDGET", asked=asked, before="0123", after="4567",
            )  # fmt: skip
            rig.journal.note_audit(entry)
        environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1"}
        command = (sys.executable, "-c", SCRIPT, str(rig.path), json.dumps(COMMANDS))
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        written, _ = await process.communicate()
    parts = written.decode().split("\x00")
    assert set(parts[1::2]) == {"0"}, written.decode()
    return dict(zip(COMMANDS, parts[0::2], strict=False))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, ...], str]:
    return run(_outputs(tmp_path_factory.mktemp("fits")))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_read_command_fits_80_columns_without_colours(
    command: tuple[str, ...], outputs: Mapping[tuple[str, ...], str]
) -> None:
    lines = outputs[command].splitlines()
    assert len(lines) > 1
    assert {line for line in lines if cells(line) > WIDTH} == set()
    assert "\x1b" not in outputs[command]


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one[0] in ("subnets", "swaps", "explain")], ids=" ".join
)
def test_figures_stand_below_each_other_and_below_their_unit(
    command: tuple[str, ...], outputs: Mapping[tuple[str, ...], str]
) -> None:
    lines = outputs[command].splitlines()
    assert any(re.search(HEADING, line) for line in lines)
    for start, line in enumerate(lines):
        for found in re.finditer(HEADING, line):
            body = list(itertools.takewhile(bool, lines[start + 1 :]))
            assert body
            for row in body:
                assert re.fullmatch(r".*\S", row[: found.end()]), row
                assert re.match(r" |$", row[found.end() :]), row
                assert re.search(r"(^| )[0-9.,]+$", row[: found.end()]), row


def test_names_that_are_cut_are_marked_and_still_differ(outputs: Mapping[tuple[str, ...], str]) -> None:
    rows = outputs["subnets",].splitlines()[2:]
    names = [row.split()[0] for row in rows]
    assert len(set(names)) == len(NETS)
    assert all("…" in name for name in names)
    first = outputs["swaps",].splitlines()[1].split()
    assert first[3] != first[4]
