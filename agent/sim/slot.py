"""The network slot: what is resident, and what InferenceNetworkStatus says of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.sim.network import Network


@dataclass(slots=True)
class NetworkSlot:
    """The one resident network and what the status node says of it. Owner: the Vpu.

    NoNetwork --load--> Loading --network_load_s--> Ready or Error; clear --> NoNetwork from any state
    """

    load_s: float
    lag_s: float
    network: Network | None = None
    error: str = ""
    wrong: bool = False
    # The load ends with a crash of the camera.
    crashes: bool = False
    _loading_until_ns: float = -math.inf
    _changed_ns: float = -math.inf
    _before: str = "NoNetwork"

    def status(self, now_ns: int) -> str:
        """Symbolic of InferenceNetworkStatus; it may lag behind the truth (quirk)."""
        if now_ns < self._changed_ns + self.lag_s * 1e9:
            return self._before
        return self._true_status(now_ns)

    def ready(self, now_ns: int) -> Network | None:
        """The network, if it can run."""
        return self.network if self._true_status(now_ns) == "Ready" else None

    def crashed_by(self, now_ns: int) -> bool:
        """Whether a load that takes the camera down has ended."""
        return self.crashes and now_ns >= self._loading_until_ns

    @property
    def ready_from_ns(self) -> int:
        """End of the last load."""
        return 0 if math.isinf(self._loading_until_ns) else int(self._loading_until_ns)

    def clear(self, now_ns: int) -> None:
        """The network file was deleted."""
        self._change(now_ns)
        self.network, self.error, self.wrong, self.crashes = None, "", False, False
        self._loading_until_ns = -math.inf

    def begin(self, network: Network | None, error: str, now_ns: int, extra_s: float, wrong: bool) -> None:
        """Loading starts; it ends in Ready where there is a network and in Error where there is none."""
        self._change(now_ns)
        self.network, self.error, self.wrong, self.crashes = network, error, wrong, False
        self._loading_until_ns = now_ns + (self.load_s + extra_s) * 1e9

    def begin_crash(self, error: str, now_ns: int) -> None:
        """Loading starts; at its end the camera leaves the bus."""
        self.begin(None, error, now_ns, 0.0, wrong=False)
        self.crashes = True

    def begin_hang(self, error: str, now_ns: int) -> None:
        """Loading starts and never ends."""
        self.begin(None, error, now_ns, math.inf, wrong=False)

    def _change(self, now_ns: int) -> None:
        self._before, self._changed_ns = self.status(now_ns), now_ns

    def _true_status(self, now_ns: int) -> str:
        if now_ns < self._loading_until_ns:
            return "Loading"
        if self.network is not None:
            return "Ready"
        return "Error" if self.error else "NoNetwork"
