"""A line controller's gateway in miniature: asks the agent for a budget that fits each speed of the line.

It needs grpcio, protobuf and the stubs made from proto/ofa_agent/v1, nothing else of the agent. For each speed it
holds a lease on the camera: `parts_per_minute` for the service time, and as `max_latency_ms` the time that a part
takes to the reject gate, `--gate-pitches` parts further on. Before the line speeds up it asks first and waits until the
camera is ready; when the line slows down it asks afterwards. With `--line-waits` the line stands for each change until
the camera is READY, so that no part passes without a network. What it does is told on stdout, one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from agent.pb.ofa_agent.v1 import control_pb2, control_pb2_grpc, status_pb2, status_pb2_grpc, types_pb2

CALL_TIMEOUT_S = 10.0
READY_TIMEOUT_S = 20.0
LEASE_S = 15


class Gateway:
    """One client of one camera. Owner of its lease."""

    def __init__(self, channel: grpc.Channel, camera: str, gate_pitches: float, line_waits: bool = False) -> None:
        self._control = control_pb2_grpc.ControlServiceStub(channel)
        self._status = status_pb2_grpc.StatusServiceStub(channel)
        self._camera = camera
        self._gate_pitches = gate_pitches
        self._line_waits = line_waits
        self._renewed = 0.0  # monotonic seconds

    def run(self, speeds: list[float], seconds: float) -> None:
        """Go through `speeds` (parts a minute), `seconds` each."""
        before = speeds[0]
        for phase, speed in enumerate(speeds):
            begun = time.monotonic()
            if self._line_waits:
                say("line", phase=phase, parts_per_minute=0)
                self._announce(phase, speed)
                say("line", phase=phase, parts_per_minute=speed)
            else:
                if speed <= before:
                    say("line", phase=phase, parts_per_minute=speed)
                self._ask(phase, speed)
                if speed > before:
                    say("line", phase=phase, parts_per_minute=speed)
            before = speed
            self._hold(begun + seconds)
            status = self._now()
            say("end", phase=phase, feasible=status.decision.feasible, subnet=status.active_subnet_id)
        self._control.ReleaseBudget(
            control_pb2.ReleaseBudgetRequest(client="gateway", camera=self._camera), timeout=CALL_TIMEOUT_S
        )

    def _ask(self, phase: int, speed: float) -> None:
        """Set the budget for `speed` and wait until the sub-net that it calls for is active."""
        budget = self._budget(speed)
        request = control_pb2.SetBudgetRequest(
            request_id=str(uuid.uuid4()),
            client="gateway",
            camera=self._camera,
            budget=budget,
            ttl=Duration(seconds=LEASE_S),
        )
        answer = self._control.SetBudget(request, timeout=CALL_TIMEOUT_S)
        self._renewed = time.monotonic()
        say(
            "budget",
            phase=phase,
            parts_per_minute=speed,
            max_latency_ms=budget.max_latency_ms,
            budget_id=answer.effective.id,
            feasible=answer.decision.feasible,
            subnet=answer.decision.target_subnet_id,
            swap_id=answer.swap_id,
        )
        self._wait(lambda status: _is_ready(status, answer.effective.id))

    def _announce(self, phase: int, speed: float) -> None:
        """Announce the budget for `speed` to a line that stands, and wait until the camera is READY for it."""
        prepare = control_pb2.PrepareBudgetRequest(
            request_id=str(uuid.uuid4()),
            client="gateway",
            camera=self._camera,
            budget=self._budget(speed),
            ttl=Duration(seconds=LEASE_S),
        )
        told = self._control.PrepareBudget(prepare, timeout=CALL_TIMEOUT_S)
        commit = control_pb2.CommitBudgetRequest(
            request_id=str(uuid.uuid4()),
            client="gateway",
            camera=self._camera,
            prepared_id=told.prepared_id,
            wait_for_ready=True,
        )
        (done,) = self._control.CommitBudget(commit, timeout=CALL_TIMEOUT_S).changes
        self._renewed = time.monotonic()
        say(
            "budget",
            phase=phase,
            parts_per_minute=speed,
            budget_id=done.effective.id,
            feasible=done.decision.feasible,
            subnet=done.decision.target_subnet_id,
            swap_id=done.swap_id,
            expected_wait_s=told.changes[0].wait.ToTimedelta().total_seconds(),
        )
        self._wait(lambda status: _may_go(status, told.prepared_id))

    def _wait(self, ready: Callable[[types_pb2.CameraStatus], bool]) -> None:
        """Block until the camera is ready; gives up (with a word) after READY_TIMEOUT_S."""
        stream = self._status.WatchStatus(status_pb2.WatchStatusRequest(camera=self._camera), timeout=READY_TIMEOUT_S)
        try:
            for message in stream:  # a heartbeat comes at least every 3 seconds
                self._renew()
                if message.HasField("status") and ready(message.status):
                    return
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                raise
            say("not_ready")
        finally:
            stream.cancel()

    def _hold(self, until: float) -> None:
        """Keep the lease alive until then."""
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LEASE_S / 3))
            self._renew()

    def _renew(self) -> None:
        """Renew the lease where that is due."""
        now = time.monotonic()
        if now - self._renewed < LEASE_S / 3:
            return
        self._renewed = now
        request = control_pb2.RenewBudgetRequest(client="gateway", camera=self._camera)
        self._control.RenewBudget(request, timeout=CALL_TIMEOUT_S)

    def _budget(self, speed: float) -> types_pb2.Budget:
        return types_pb2.Budget(parts_per_minute=speed, max_latency_ms=self._gate_pitches * 60_000 / speed)

    def _now(self) -> types_pb2.CameraStatus:
        request = status_pb2.GetStatusRequest(camera=self._camera)
        return self._status.GetStatus(request, timeout=CALL_TIMEOUT_S).cameras[0]


def say(event: str, **values: Any) -> None:
    """One JSON object on a line of stdout."""
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def _is_ready(status: types_pb2.CameraStatus, budget_id: str) -> bool:
    return status.meets_budget and status.budget.id == budget_id and not status.HasField("swap")


def _may_go(status: types_pb2.CameraStatus, prepared_id: str) -> bool:
    ready = types_pb2.CHANGE_STATE_READY
    return any(change.prepared_id == prepared_id and change.state == ready for change in status.changes)


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask the agent for a budget that fits each speed of the line.")
    parser.add_argument(
        "--target", required=True, help="gRPC target of the agent, for example unix:/run/ofa-agent/api.sock"
    )
    parser.add_argument("--camera", default="", help="camera; may be left out where there is one")
    parser.add_argument("--speeds", required=True, help="parts a minute, one speed after the other, with commas")
    parser.add_argument("--seconds", type=float, default=8.0, help="time at each speed")
    parser.add_argument("--gate-pitches", type=float, default=3.0, help="distance to the reject gate in parts")
    parser.add_argument("--line-waits", action="store_true", help="the line stands for each change until READY")
    options = parser.parse_args()
    with grpc.insecure_channel(options.target) as channel:
        try:
            speeds = [float(speed) for speed in options.speeds.split(",")]
            Gateway(channel, options.camera, options.gate_pitches, options.line_waits).run(speeds, options.seconds)
        except grpc.RpcError as error:
            sys.stderr.write(f"gateway: {error.code().name}: {error.details()}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
