"""Register memory of the camera, laid out by its description (`agent.sim.nodes`).

The device half knows no address: it parses the same description that GenApi reads on the host and speaks of features
by name. A feature is found through its `pValue`; the instances of a selected feature lie at address + index * offset.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from xml.etree import ElementTree

from agent.sim.nodes.camera import FIRMWARES, description_xml

Kind = Literal["IntReg", "FloatReg", "StringReg", "Register"]
Number = int | float

_NAMESPACE = "{http://www.genicam.org/GenApi/Version_1_1}"
_KINDS: tuple[Kind, ...] = ("IntReg", "FloatReg", "StringReg", "Register")


@dataclass(frozen=True, slots=True)
class RegisterSpec:
    """One register of the description; `index` names the feature that selects among its instances."""

    name: str
    kind: Kind
    address: int
    length: int
    access: str
    port: str
    signed: bool
    default: str | None
    index: str | None
    offset: int


@dataclass(frozen=True, slots=True)
class Description:
    """What the device needs of the XML: registers, the register of each feature, enumeration entries."""

    registers: dict[str, RegisterSpec]
    feature_register: dict[str, str]
    entries: dict[str, dict[str, int]]

    def register_of(self, feature: str) -> RegisterSpec:
        """The register behind `feature`, which may be a register itself."""
        return self.registers[self.feature_register.get(feature, feature)]


@dataclass(frozen=True, slots=True)
class Place:
    """What an address is: which feature, and which selected instance (entry value, None where not selected)."""

    feature: str
    register: RegisterSpec
    instance: int | None


@lru_cache(maxsize=len(FIRMWARES))
def load_description(firmware: str) -> Description:
    """What the device of `firmware` needs to know of its description, parsed once a process."""
    return parse_description(description_xml(firmware))


def parse_description(xml: str) -> Description:
    """Registers, features and enumerations of a GenICam device description."""
    root = ElementTree.fromstring(xml)
    registers = {r.name: r for r in (_register(e) for e in root if _tag(e) in _KINDS)}
    features: dict[str, str] = {}
    entries: dict[str, dict[str, int]] = {}
    for element in root:
        name, target = element.get("Name", ""), element.findtext(f"{_NAMESPACE}pValue")
        if target is not None:
            features[name] = target
        if _tag(element) == "Enumeration":
            entries[name] = {
                entry.get("Name", ""): int(entry.findtext(f"{_NAMESPACE}Value", ""), 0)
                for entry in element.findall(f"{_NAMESPACE}EnumEntry")
            }
    return Description(registers, features, entries)


def _tag(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(_NAMESPACE)


def _register(element: ElementTree.Element) -> RegisterSpec:
    def text(tag: str, default: str = "") -> str:
        return element.findtext(_NAMESPACE + tag, default)

    index = element.find(f"{_NAMESPACE}pIndex")
    kind = next(k for k in _KINDS if k == _tag(element))
    return RegisterSpec(
        name=element.get("Name", ""),
        kind=kind,
        address=int(text("Address"), 0),
        length=int(text("Length", "0"), 0),
        access=text("AccessMode"),
        port=text("pPort"),
        signed=text("Sign") == "Signed",
        default=element.findtext(f"{_NAMESPACE}Extension/{_NAMESPACE}Default"),
        index=None if index is None or index.text is None else index.text.removesuffix("Reg"),
        offset=0 if index is None else int(index.get("Offset", "0"), 0),
    )


class RegisterBank:
    """The register values of one port. Owner: the device, under its lock."""

    def __init__(self, description: Description, port: str = "Device") -> None:
        self.description = description
        self._values: dict[int, bytes] = {}
        self._places: dict[int, Place] = {}
        names = {target: feature for feature, target in description.feature_register.items()}
        for register in description.registers.values():
            if register.port == port:
                self._lay_out(names.get(register.name, register.name), register)
        self.load_defaults()

    def load_defaults(self) -> None:
        """Every register gets its power-on value."""
        for address, place in self._places.items():
            default = place.register.default
            self._values[address] = encode(place.register, _parse_default(place.register, default))

    def place(self, address: int) -> Place:
        """What lies at `address`; KeyError where the camera has no such register."""
        return self._places[address]

    def read(self, address: int) -> bytes:
        return self._values[address]

    def write(self, address: int, data: bytes) -> None:
        self._values[address] = data

    def integer(self, feature: str, instance: str | None = None) -> int:
        spec = self.description.register_of(feature)
        return int.from_bytes(self._values[self._address(spec, instance)], "little", signed=spec.signed)

    def real(self, feature: str, instance: str | None = None) -> float:
        spec = self.description.register_of(feature)
        (value,) = struct.unpack("<d", self._values[self._address(spec, instance)])
        return float(value)

    def flag(self, feature: str, instance: str | None = None) -> bool:
        return self.integer(feature, instance) != 0

    def has(self, feature: str) -> bool:
        """Whether this firmware has the feature."""
        return self.description.feature_register.get(feature, feature) in self.description.registers

    def text(self, feature: str) -> str:
        spec = self.description.register_of(feature)
        return self._values[spec.address].split(b"\0", 1)[0].decode("utf-8", "replace")

    def symbol(self, feature: str, instance: str | None = None) -> str:
        """The symbolic value of an enumeration; '' where the register holds a number of no entry."""
        value = self.integer(feature, instance)
        return next((k for k, v in self.description.entries[feature].items() if v == value), "")

    def put(self, feature: str, value: Number | str, instance: str | None = None) -> None:
        """Set a register as the device does, past access modes; enumerations take the symbolic."""
        spec = self.description.register_of(feature)
        if isinstance(value, str) and feature in self.description.entries:
            value = self.description.entries[feature][value]
        self._values[self._address(spec, instance)] = encode(spec, value)

    def snapshot(self, skipped: tuple[str, ...] = ()) -> dict[str, str]:
        """Every writable value as hex by '<address>', for user sets; not of features that begin with one `skipped`."""
        return {
            f"{address:x}": self._values[address].hex()
            for address, place in self._places.items()
            if place.register.access == "RW"
            and place.register.kind != "Register"
            and not (skipped and place.feature.startswith(skipped))
        }

    def restore(self, snapshot: dict[str, str]) -> None:
        """Take values back from `snapshot`; addresses that this firmware does not have are skipped."""
        for key, value in snapshot.items():
            address = int(key, 16)
            if address in self._places:
                self._values[address] = bytes.fromhex(value)

    def _address(self, spec: RegisterSpec, instance: str | None) -> int:
        if spec.index is None:
            return spec.address
        chosen = instance or self.symbol(spec.index)
        return spec.address + self.description.entries[spec.index][chosen] * spec.offset

    def _lay_out(self, feature: str, register: RegisterSpec) -> None:
        if register.index is None:
            self._places[register.address] = Place(feature, register, None)
            return
        for value in self.description.entries[register.index].values():
            self._places[register.address + value * register.offset] = Place(feature, register, value)


def encode(spec: RegisterSpec, value: Number | str) -> bytes:
    """The bytes of `value` in a register of kind and length `spec`, little-endian as on USB3 Vision."""
    if spec.kind == "FloatReg":
        return struct.pack("<d", float(value))
    if spec.kind == "IntReg":
        size = 8 * spec.length
        return (int(value) & ((1 << size) - 1)).to_bytes(spec.length, "little")
    if spec.kind == "StringReg":
        return str(value).encode()[: spec.length].ljust(spec.length, b"\0")
    return bytes(spec.length)


def _parse_default(spec: RegisterSpec, default: str | None) -> Number | str:
    if spec.kind == "StringReg":
        return default or ""
    if default is None:
        return 0
    return float(default) if spec.kind == "FloatReg" else int(default, 0)
