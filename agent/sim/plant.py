"""The plant around a simulated camera: line speed, cable, faults and ground truth, as JSON lines on a unix socket.

Tests and the demo talk to it; the agent never does. A request is {"op": NAME, ...arguments}, an answer
{"result": ...} or {"error": TEXT}.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from agent.errors import AgentError, BadInput
from agent.sim.device import Firefly
from agent.sim.spec import FaultSpec, fault_from_mapping
from agent.sim.truth import TruthReport
from agent.sim.unix_server import UnixServer

_ANSWER_S = 60.0


class PlantServer:
    """Serves the plant of one device. `on_shutdown` is called when a client asks the process to end."""

    def __init__(self, path: Path, device: Firefly, on_shutdown: Callable[[], None]) -> None:
        self._device = device
        self._ops: dict[str, Callable[..., Any]] = {
            "set_line": device.set_line,
            "line": device.line_state,
            "set_input": device.set_input,
            "truth": device.truth,
            "counters": device.counters,
            "slowdown": device.set_slowdown,
            "set_ambient": device.set_ambient,
            "fault": lambda fault: device.inject_fault(fault_from_mapping(fault)),
            "clear_faults": device.clear_faults,
            "unplug": device.unplug,
            "replug": device.replug,
            "power_cycle": device.power_cycle,
            "shutdown": self._end,
        }
        self._on_shutdown, self._ending = on_shutdown, False
        self._server = UnixServer(path, self._serve)

    def close(self) -> None:
        self._server.close()

    def _serve(self, connection: socket.socket) -> None:
        with connection.makefile("rwb") as stream:
            for line in stream:
                stream.write(json.dumps(self._answer(line)).encode() + b"\n")
                stream.flush()
                if self._ending:  # after the answer, whose connection ends with the process
                    self._on_shutdown()

    def _end(self) -> None:
        self._ending = True

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            operation = self._ops[request.pop("op")]
            return {"result": operation(**request)}
        except (AgentError, KeyError, TypeError, ValueError, AttributeError) as exc:
            return {"error": f"{type(exc).__name__}: {exc}"}


class PlantClient:
    """One connection to a plant; blocking, one thread at a time."""

    def __init__(self, path: Path) -> None:
        """`path` is the plant's own socket (`server.plant_path` of the camera's). Raises OSError."""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(_ANSWER_S)
            self._socket.connect(os.fspath(path))
        except OSError:
            self._socket.close()
            raise
        self._stream = self._socket.makefile("rwb")

    def __enter__(self) -> PlantClient:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def set_line(self, parts_per_minute: float) -> None:
        """Change the speed of the line; 0 stops it."""
        self._ask("set_line", parts_per_minute=parts_per_minute)

    def line(self) -> dict[str, float]:
        """`parts_per_minute` and `parts` so far."""
        return cast(dict[str, float], self._ask("line"))

    def set_input(self, line: str, high: bool | None) -> None:
        """Put a level on a digital line (Line1 to Line3); None gives it back to what is wired there."""
        self._ask("set_input", line=line, high=high)

    def truth(self, since_ns: int = 0) -> TruthReport:
        """Ground truth from camera time `since_ns` on."""
        return cast(TruthReport, self._ask("truth", since_ns=since_ns))

    def counters(self) -> dict[str, int]:
        return cast(dict[str, int], self._ask("counters"))

    def slowdown(self, factor: float) -> None:
        """Slow the VPU down by `factor`."""
        self._ask("slowdown", factor=factor)

    def set_ambient(self, celsius: float) -> None:
        """Let the surroundings of the camera be that warm."""
        self._ask("set_ambient", celsius=celsius)

    def fault(self, fault: FaultSpec | Mapping[str, Any]) -> None:
        """Arm a fault; counting starts now."""
        plain = fault if isinstance(fault, Mapping) else {k: getattr(fault, k) for k in FaultSpec.__slots__}
        self._ask("fault", fault=dict(plain))

    def clear_faults(self) -> None:
        self._ask("clear_faults")

    def unplug(self) -> None:
        self._ask("unplug")

    def replug(self) -> None:
        self._ask("replug")

    def power_cycle(self) -> None:
        self._ask("power_cycle")

    def shutdown(self) -> None:
        """End the device process."""
        self._ask("shutdown")

    def _ask(self, operation: str, **arguments: object) -> object:
        self._stream.write(json.dumps({"op": operation, **arguments}).encode() + b"\n")
        self._stream.flush()
        line = self._stream.readline()
        if not line:
            raise ConnectionError("device process closed the plant connection")
        answer = json.loads(line)
        if "error" in answer:
            raise BadInput(operation, answer["error"])
        return answer["result"]
