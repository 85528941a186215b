"""How warm the camera is and when the VPU is slowed down for it."""

from __future__ import annotations

import math

from agent.sim.spec import ThermalSpec


class Thermal:
    """First-order lag of the VPU's work and the surroundings, exact between the times when work begins and ends.

    Asking never changes anything, so a host that reads the temperature leaves the run as it was. Owner: the VPU.
    """

    def __init__(self, spec: ThermalSpec, now_ns: int = 0) -> None:
        self._spec = spec
        self._ambient_c = spec.ambient_c
        self._celsius = spec.ambient_c + spec.idle_rise_c
        self._at_ns = float(now_ns)
        self._working = False
        self._throttled = False

    def read(self, now_ns: float) -> float:
        """DeviceTemperature, degrees Celsius."""
        elapsed_s = max(0.0, (now_ns - self._at_ns) / 1e9)
        target = self._ambient_c + self._spec.idle_rise_c + (self._spec.load_rise_c if self._working else 0.0)
        return target + (self._celsius - target) * math.exp(-elapsed_s / self._spec.tau_s)

    def work(self, now_ns: float) -> None:
        """An inference begins."""
        self._change(now_ns)
        self._working = True

    def rest(self, now_ns: float) -> None:
        """The inference ended."""
        self._change(now_ns)
        self._working = False

    def set_ambient(self, celsius: float, now_ns: float) -> None:
        """The surroundings are that warm from now on."""
        self._change(now_ns)
        self._ambient_c = celsius

    def slowdown(self, now_ns: float) -> float:
        """How many times longer an inference takes that begins now; the step has a hysteresis."""
        celsius = self.read(now_ns)
        if celsius >= self._spec.limit_c:
            self._throttled = True
        elif celsius <= self._spec.resume_c:
            self._throttled = False
        return self._spec.slowdown if self._throttled else 1.0

    def _change(self, now_ns: float) -> None:
        self._celsius, self._at_ns = self.read(now_ns), max(now_ns, self._at_ns)
