"""The generated code and the protos' choices agree with their sources."""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from agent.api import enums
from agent.pb.ofa_agent.v1 import config_pb2, profile_pb2, types_pb2

ROOT = Path(__file__).resolve().parents[2]
TABLES = [
    (enums.CLAIM_KINDS, types_pb2.ClaimKind),
    (enums.PRIORITIES, types_pb2.BudgetPriority),
    (enums.ACTIONS, types_pb2.DecisionAction),
    (enums.STATES, types_pb2.CameraState),
    (enums.STAGES, types_pb2.SwapStage),
    (enums.SWAP_OUTCOMES, types_pb2.SwapOutcome),
    (enums.PROOFS, types_pb2.Proof),
    (enums.CHANGE_STATES, types_pb2.ChangeState),
    (enums.COMING_CAUSES, types_pb2.ComingSwapCause),
    (enums.RELOAD_CLASSES, config_pb2.ReloadClass),
    (enums.PROFILE_STAGES, profile_pb2.ProfileStage),
]


@pytest.mark.parametrize(("table", "wire"), TABLES, ids=lambda value: getattr(value, "DESCRIPTOR", value) and "")
def test_every_choice_of_the_domain_has_one_on_the_wire(table: dict[Enum, int], wire: EnumTypeWrapper) -> None:
    domain = type(next(iter(table)))
    assert set(table) == set(domain)
    assert set(table.values()) | {0} == set(wire.values())
    assert all(wire.Name(number).endswith((f"_{choice.name}", "_UNSPECIFIED")) for choice, number in table.items())


def test_the_stubs_are_as_generated() -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is part of the dev extra")
    made = subprocess.run(
        [sys.executable, "tools/generate_stubs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stderr) == (0, "")
