"""File access and user sets, which are files too."""

from __future__ import annotations

from collections.abc import Mapping

from agent.sim.features.device import set_identity
from agent.sim.features.parts import Parts, Reader, Writer
from agent.sim.files import USER_SETS
from agent.sim.nodes.render import NEW_FIRMWARE
from agent.sim.user_sets import pack_user_set, unpack_user_set

_KEPT = ("UserSetSelector", "UserSetDefault", "FileSelector")
# What a user set does not hold before firmware 1905.4.103 (facts/firefly-dl.md F-993, F-897).
_NOT_SAVED_BEFORE = ("Inference", "LineInferenceThreshold")


class FileRoom:
    """Hooks of FileAccessControl and UserSetControl. Owner: the device, under its lock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def readers(self) -> Mapping[str, Reader]:
        return {"FileSize": lambda _: self._parts.files.size(self._parts.bank.symbol("FileSelector"))}

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "FileOperationExecute": lambda _: self._execute(),
            "UserSetLoad": lambda _: self.load_set(self._parts.bank.symbol("UserSetSelector")),
            "UserSetSave": lambda _: self._save_set(self._parts.bank.symbol("UserSetSelector")),
            "FactoryReset": lambda _: self._factory_reset(),
        }

    def ship(self) -> None:
        """Give the files of user sets that hold nothing the values of now, which are those of the factory."""
        packed = pack_user_set(self._snapshot())
        for name in USER_SETS:
            data = self._parts.files.files[name].data
            if not data:
                data[:] = packed

    def load_set(self, name: str) -> None:
        """Registers from a user set; what it does not hold goes to the power-on value."""
        parts, bank = self._parts, self._parts.bank
        kept = {f: bank.symbol(f) for f in _KEPT}
        kept_text = {f: bank.text(f) for f in self._kept_text()}
        bank.load_defaults()
        set_identity(parts.spec, bank)
        data = bytes(parts.files.files[_file_of(name)].data)
        if data:
            bank.restore(unpack_user_set(data))
        for feature, value in (kept | kept_text).items():
            bank.put(feature, value)

    def _kept_text(self) -> tuple[str, ...]:
        # The name is not reset by a factory reset (F-904, a bug of the vendor's).
        new = self._parts.spec.firmware == NEW_FIRMWARE
        return ("DeviceUserID", "InferenceNetworkName") if new else ("DeviceUserID",)

    def _execute(self) -> None:
        parts = self._parts
        parts.files.execute(parts.acquisition.streaming, parts.bank.flag("InferenceEnable"))

    def _save_set(self, name: str) -> None:
        # A full or worn flash keeps the old set; the command gives no reason.
        self._parts.files.store(_file_of(name), pack_user_set(self._snapshot()))

    def _snapshot(self) -> dict[str, str]:
        return self._parts.bank.snapshot(() if self._parts.spec.firmware == NEW_FIRMWARE else _NOT_SAVED_BEFORE)

    def _factory_reset(self) -> None:
        for name in ("UserSet0", "UserSet1"):
            self._parts.files.files[_file_of(name)].data.clear()
        self.load_set("Default")
        self.ship()


def _file_of(user_set: str) -> str:
    return next(file for file, name in USER_SETS.items() if name == user_set)
