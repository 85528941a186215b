"""Seeded commands of two clients, made so that after each of them it is known what it left."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from agent.pb.ofa_agent.v1 import control_pb2, orders_pb2, types_pb2

LEASE_S = 36_000  # none expires


@dataclass(eq=False)
class Command:
    """One request of one client. `register`: what it sets; `value`: what is there after it."""

    method: str
    request: Message
    register: str
    value: object
    answer: bytes = b""


@dataclass
class Register:
    """What one client alone changes, one command after the other. `may` are values of commands that nobody answered."""

    value: object = None
    may: list[object] = field(default_factory=list)


class Clerk:
    """Owner of the numbers that tell one command from the next. `alarms`: those that nobody has acknowledged yet."""

    def __init__(
        self, camera: str, subnets: Sequence[str], chance: random.Random, registers: Mapping[str, Register]
    ) -> None:
        self.alarms: list[int] = []
        self._camera = camera
        self._subnets = tuple(subnets)
        self._chance = chance
        self._registers = registers
        self._number = 0

    def drawn(self, client: str) -> Command:
        """The next command of that client. Modes are one client's, pins the other's: no register has two writers."""
        self._number += 1
        makers = [self._set, self._set, self._renew, self._release, self._inhibit, self._permit]
        makers += [self._mode, self._mode] if client == "plc-a" else [self._pin, self._pin, self._unpin]
        if self.alarms:
            makers.append(self._acknowledge)
        return self._chance.choice(makers)(client)

    def _set(self, client: str) -> Command:
        bound = 100.0 + self._number / 1024
        budget = types_pb2.Budget(max_latency_ms=bound)
        request = control_pb2.SetBudgetRequest(**self._here(client), budget=budget, ttl=Duration(seconds=LEASE_S))
        return Command("SetBudget", request, f"claim of {client}", bound)

    def _renew(self, client: str) -> Command:
        """Of a claim that is held for sure; else there is nothing to renew."""
        held = self._registers.get(f"claim of {client}", Register())
        if held.value is None or held.may:
            return self._set(client)
        request = control_pb2.RenewBudgetRequest(**self._here(client))
        return Command("RenewBudget", request, f"claim of {client}", held.value)

    def _release(self, client: str) -> Command:
        request = control_pb2.ReleaseBudgetRequest(**self._here(client))
        return Command("ReleaseBudget", request, f"claim of {client}", None)

    def _inhibit(self, client: str) -> Command:
        why = f"number {self._number}"
        request = orders_pb2.InhibitSwapRequest(**self._here(client), why=why)
        return Command("InhibitSwap", request, f"inhibit of {client}", why)

    def _permit(self, client: str) -> Command:
        request = orders_pb2.PermitSwapRequest(**self._here(client), lift_only=True)
        return Command("PermitSwap", request, f"inhibit of {client}", None)

    def _mode(self, client: str) -> Command:
        mode = self._chance.choice((types_pb2.MODE_AUTO, types_pb2.MODE_MANUAL))
        return Command("SetMode", orders_pb2.SetModeRequest(**self._here(client), mode=mode), "mode", mode)

    def _pin(self, client: str) -> Command:
        subnet = self._chance.choice(self._subnets)
        return Command("PinSubnet", orders_pb2.PinSubnetRequest(**self._here(client), subnet_id=subnet), "pin", subnet)

    def _unpin(self, client: str) -> Command:
        return Command("UnpinSubnet", orders_pb2.UnpinSubnetRequest(**self._here(client)), "pin", "")

    def _acknowledge(self, client: str) -> Command:
        number = self.alarms.pop(self._chance.randrange(len(self.alarms)))
        request = control_pb2.AcknowledgeAlarmRequest(**self._asked_by(client), alarm_id=number)
        return Command("AcknowledgeAlarm", request, f"alarm {number}", client)

    def _here(self, client: str) -> dict[str, Any]:
        return {**self._asked_by(client), "camera": self._camera}

    def _asked_by(self, client: str) -> dict[str, Any]:
        return {"request_id": str(uuid.UUID(int=self._chance.getrandbits(128), version=4)), "client": client}
