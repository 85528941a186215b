"""File access and user sets, which are files too."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agent.sim.features.device import set_identity
from agent.sim.features.parts import Parts, Reader, Writer
from agent.sim.files import USER_SETS
from agent.sim.nodes.render import NEW_FIRMWARE

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

    def load_set(self, name: str) -> None:
        """Registers from a user set; what it does not hold goes to the power-on value."""
        parts, bank = self._parts, self._parts.bank
        kept = {f: bank.symbol(f) for f in _KEPT}
        kept_text = {f: bank.text(f) for f in self._kept_text()}
        bank.load_defaults()
        set_identity(parts.spec, bank)
        data = bytes(parts.files.files[_file_of(name)].data)
        if data:
            bank.restore(parse_user_set(data))
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
        skipped = () if self._parts.spec.firmware == NEW_FIRMWARE else _NOT_SAVED_BEFORE
        snapshot = self._parts.bank.snapshot(skipped)
        text = json.dumps(snapshot, separators=(",", ":"), sort_keys=True)
        self._parts.files.files[_file_of(name)].data[:] = text.encode().ljust((len(text) + 3) // 4 * 4)

    def _factory_reset(self) -> None:
        for name in ("UserSet0", "UserSet1"):
            self._parts.files.files[_file_of(name)].data.clear()
        self.load_set("Default")


def parse_user_set(data: bytes) -> dict[str, str]:
    """Register values of a user set file; a damaged file gives the defaults, as after a factory reset."""
    try:
        values = json.loads(data)
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in values.items()} if isinstance(values, dict) else {}


def _file_of(user_set: str) -> str:
    return next(file for file, name in USER_SETS.items() if name == user_set)
