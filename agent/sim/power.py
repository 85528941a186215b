"""Power and presence of the camera: boot, reset, cable, and what faults do to them."""

from __future__ import annotations

from collections.abc import Callable

from agent.sim.faults import FaultSpec
from agent.sim.features.device import set_identity
from agent.sim.features.dispatch import Features
from agent.sim.features.parts import Parts
from agent.sim.port import PortEvent, UsbPort

# Registers that outlive the power, beside what lies in flash.
KEPT = ("DeviceUserID", "UserSetDefault")
_NAME = "InferenceNetworkName"


class Power:
    """Runs the camera through time, with the loss and the return of its power. Owner: the device, under its lock.

    `on_loss` is called whenever the camera leaves the bus: connections are dead from then on.
    """

    def __init__(self, parts: Parts, features: Features, port: UsbPort, on_loss: Callable[[], None]) -> None:
        self._parts, self._features, self.port, self._on_loss = parts, features, port, on_loss
        self._reset_ns = round(parts.spec.transport.reset_s * 1e9)

    def start(self, now_ns: int) -> None:
        """The first power-on; nobody waits for this boot."""
        set_identity(self._parts.spec, self._parts.bank)
        for feature, text in self._parts.files.flash.settings.items():
            self._parts.bank.put(feature, text)
        self._boot(now_ns)

    def replay(self, until_ns: int) -> None:
        """Everything that happened up to `until_ns`, in the order of time."""
        while (event := self._next_event(until_ns)) is not None:
            self._acquire(event.at_ns)
            self._happen(event)
        self._acquire(until_ns)

    def take_bus_faults(self, now_ns: int) -> None:
        """Let the faults strike the bus that an operation ran into."""
        for fault in self._parts.faults.take_bus_faults():
            self._strike(fault, now_ns)

    def keep(self, feature: str) -> None:
        """A register was written; some outlive the device process."""
        if feature in KEPT:
            self._parts.files.keep_setting(feature, self._kept(feature))

    def reset(self, now_ns: int, cold: bool = False) -> None:
        """The camera boots again; `cold` is without power meanwhile."""
        self._shut_down(now_ns, keep_ddr=self._parts.spec.quirks.reset_keeps_ddr and not cold)
        self._boot(now_ns + self._reset_ns)

    def unplug(self, now_ns: int) -> None:
        """The cable is pulled, bus power goes with it."""
        self._shut_down(now_ns, keep_ddr=False)
        self.port.plugged = False

    def plug_in(self, now_ns: int) -> None:
        """The cable is put back."""
        if not self.port.plugged:
            self.port.plugged = True
            self._boot(now_ns)

    def _acquire(self, until_ns: int) -> None:
        self._parts.acquisition.advance(until_ns)
        self.take_bus_faults(until_ns)

    def _next_event(self, until_ns: int) -> PortEvent | None:
        slot = self._parts.vpu.slot
        if slot.crashed_by(until_ns):
            self.port.schedule(slot.ready_from_ns, "reset")
            slot.crashes = False
        return self.port.take_due(until_ns)

    def _happen(self, event: PortEvent) -> None:
        if isinstance(event.what, FaultSpec):
            self._strike(event.what, event.at_ns)
        elif event.what == "replug":
            self.plug_in(event.at_ns)
        elif self.port.plugged:
            self.reset(event.at_ns)

    def _strike(self, fault: FaultSpec, now_ns: int) -> None:
        """What `agent.sim.faults` says of the bus effects."""
        if fault.effect == "slow_usb":
            self.port.slow_down(fault.factor, now_ns + round(fault.seconds * 1e9))
        elif not self.port.plugged:
            return
        elif fault.effect == "unplug":
            self.unplug(now_ns)
            if fault.seconds:
                self.port.schedule(now_ns + round(fault.seconds * 1e9), "replug")
        else:
            self.reset(now_ns)
            if fault.effect == "reset_loop":
                self.port.schedule_resets(fault, now_ns, self._reset_ns)

    def _boot(self, ready_ns: int) -> None:
        """Power is there; the camera is on the bus from `ready_ns` on."""
        parts = self._parts
        fault = parts.faults.strike("boot")
        ready_ns += round(fault.delay_s * 1e9) if fault is not None else 0
        if fault is not None and fault.effect == "corrupt":
            parts.files.damage_flash_network()
        self.port.back_ns = ready_ns
        for struck in parts.faults.take_bus_faults():
            self.port.schedule(ready_ns, struck)
        self._features.boot(ready_ns)

    def _shut_down(self, now_ns: int, keep_ddr: bool) -> None:
        """Registers are what they are at power-on, DDR is gone unless `keep_ddr`."""
        parts = self._parts
        kept = {feature: self._kept(feature) for feature in KEPT}
        if parts.spec.quirks.name_survives_power_loss and parts.bank.has(_NAME):
            kept[_NAME] = parts.bank.text(_NAME)
        self._features.device.reset_wanted = False
        parts.acquisition.stop()
        parts.files.lose_power(keep_ddr)
        parts.vpu.drop(now_ns)
        parts.vpu.forget_result()
        parts.vpu.slot.clear(now_ns)
        parts.bank.load_defaults()
        set_identity(parts.spec, parts.bank)
        for feature, value in kept.items():
            parts.bank.put(feature, value)
        self._on_loss()

    def _kept(self, feature: str) -> str:
        bank = self._parts.bank
        return bank.text(feature) if feature == "DeviceUserID" else bank.symbol(feature)
