"""The port of a host-side node map: registers whose values the host knows."""

from __future__ import annotations

from collections.abc import Callable

from agent.sim.host.errors import SPINNAKER_ERR_INVALID_ADDRESS, SPINNAKER_ERR_IO, SpinnakerException


class HostPort:
    """Memory that is made anew for each read; a write to address 8 is the map's one action, where it has one."""

    def __init__(self, values: Callable[[], bytes], action: Callable[[], object] | None = None) -> None:
        self._values, self._action = values, action

    def read(self, address: int, length: int) -> bytes:
        data = self._values()[address : address + length]
        if len(data) < length:
            raise SpinnakerException(f"no value at address {address:08X}", SPINNAKER_ERR_INVALID_ADDRESS)
        return data

    def write(self, address: int, data: bytes) -> None:
        if self._action is None or address != _ACTION:
            raise SpinnakerException(f"value at {address:08X} is read-only ({len(data)} bytes)", SPINNAKER_ERR_IO)
        self._action()


_ACTION = 8
