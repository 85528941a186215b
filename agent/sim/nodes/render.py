"""Makes the GenICam device description (schema 1.1) of one firmware from the tables of nodes.

The numbers of enumeration entries are drawn per firmware and node, so that a program which holds on to one number
fails (facts/firefly-dl.md section 7, item 1); pixel formats keep their PFNC numbers. Addresses follow the order of
the tables. Extension/Default is the power-on value of a register.
"""

from __future__ import annotations

import random
import re
from xml.sax.saxutils import escape

from agent.sim.nodes.table import Category, Kind, Limit, Node, nodes_of

NEW_FIRMWARE = "1905.4.103"
OLD_FIRMWARE = "1905.4.83"

_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<RegisterDescription ModelName="FireflyDL" VendorName="FLIR" ToolTip="Simulated Firefly DL, firmware {firmware}"
 StandardNameSpace="None" SchemaMajorVersion="1" SchemaMinorVersion="1" SchemaSubMinorVersion="0" MajorVersion="1"
 MinorVersion="{minor}" SubMinorVersion="0" ProductGuid="5A3B0E4E-3C6C-4B61-9B53-1F0D6C5B2C11"
 VersionGuid="0F0B7C2E-8C61-4E26-A2BB-7B1D9D0C5E{minor:02d}" xmlns="http://www.genicam.org/GenApi/Version_1_1"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.genicam.org/GenApi/Version_1_1 http://www.genicam.org/GenApi/GenApiSchema_Version_1_1.xsd">
"""
_FEATURE_TAGS: dict[Kind, str] = {
    "Integer": "Integer",
    "Float": "Float",
    "Boolean": "Boolean",
    "Enumeration": "Enumeration",
    "Command": "Command",
}
_DEVICE_START, _HOST_START = 0x100000, 0x1000
_BUFFER_BYTES = 1 << 20  # room kept for a register whose length another node tells
_REFERENCE = re.compile(r"\{(\w+)(?:\.(\w+))?\}")


def render(root: tuple[Category, ...], firmware: str) -> str:
    """The description of `firmware` as XML text."""
    return _Renderer(root, firmware).document()


class _Renderer:
    def __init__(self, root: tuple[Category, ...], firmware: str) -> None:
        self._root, self._firmware = root, firmware
        self._new = firmware == NEW_FIRMWARE
        every = [node for category in root for node in nodes_of(category)]
        self._nodes = {node.name: node for node in every if self._new or not node.new}
        self._numbers = {n.name: self._number(n) for n in self._nodes.values() if n.kind == "Enumeration"}
        self._selected: dict[str, list[str]] = {}
        for node in self._nodes.values():
            self._selected.setdefault(node.selector, []).append(node.name)
        self._next = {False: _DEVICE_START, True: _HOST_START}
        self._lines: list[str] = []

    def document(self) -> str:
        self._category(Category("Root", self._root))
        for node in self._nodes.values():
            self._node(node)
        events = {f'<Port Name="{_port(node)}"/>': None for node in self._nodes.values() if node.event}
        self._lines += ['<Port Name="Device"/>', '<Port Name="FrameChunks"/>', *events, "</RegisterDescription>", ""]
        head = _HEAD.format(firmware=self._firmware, minor=1 if self._new else 0)
        return head + "\n".join(self._lines)

    def _entries(self, node: Node) -> tuple[str, ...]:
        return node.entries + (node.new_entries if self._new else ())

    def _number(self, node: Node) -> dict[str, int]:
        entries = self._entries(node)
        if node.numbers:
            return dict(zip(entries, node.numbers, strict=True))
        draw = random.Random(f"{self._firmware}/{node.name}")
        # Starts that never meet, so that at least the first number differs between the firmwares.
        number, numbers = draw.randint(2, 5) + (0 if self._new else 4), {}
        for entry in entries:
            numbers[entry] = number
            number += draw.randint(1, 4)
        return numbers

    # -- categories ------------------------------------------------------------------------------------------------

    def _category(self, category: Category) -> None:
        shown = [c.name for c in category.content if self._is_shown(c)]
        display = f"<DisplayName>{escape(category.display)}</DisplayName>" if category.display else ""
        features = "".join(f"<pFeature>{name}</pFeature>" for name in shown)
        self._lines.append(f'<Category Name="{category.name}">{display}{features}</Category>')
        for item in category.content:
            if isinstance(item, Category) and self._is_shown(item):
                self._category(item)

    def _is_shown(self, item: Node | Category) -> bool:
        if isinstance(item, Node):
            return item.name in self._nodes and not item.hidden
        return self._new or not item.new

    # -- nodes -----------------------------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        if node.kind in {"String", "Register"}:
            self._add(node, "StringReg" if node.kind == "String" else "Register", self._common(node), node.name)
            return
        tag = _FEATURE_TAGS[node.kind]
        self._lines.append(f'<{tag} Name="{node.name}">{self._common(node)}{self._content(node)}</{tag}>')
        if not node.volatile:
            self._add(node, "FloatReg" if node.kind == "Float" else "IntReg", "", f"{node.name}Reg")

    def _common(self, node: Node) -> str:
        """Elements in the order of the schema, up to the conditions."""
        display = node.display if self._new or not node.old_display else node.old_display
        parts = [
            _element("Extension", _element("Default", str(node.default or ""))) if node.kind == "String" else "",
            _element("ToolTip", escape(node.tooltip)),
            _element("DisplayName", escape(display)),
            _element("Visibility", "" if node.visibility == "Beginner" else node.visibility),
            self._condition(node, "pIsAvailable", node.available, "Available"),
            self._condition(node, "pIsLocked", node.locked, "Locked"),
        ]
        return "".join(parts)

    def _content(self, node: Node) -> str:
        if node.volatile:
            return f"<Value>{node.default or 0}</Value>{self._limits(node)}"
        register = _element("pValue", f"{node.name}Reg")
        if node.kind == "Command":
            return register + "<CommandValue>1</CommandValue>"
        if node.kind == "Boolean":
            return register + "<OnValue>1</OnValue><OffValue>0</OffValue>"
        selected = "".join(_element("pSelected", name) for name in self._selected.get(node.name, []))
        if node.kind == "Enumeration":
            entries = "".join(
                f'<EnumEntry Name="{name}"><Value>{number}</Value></EnumEntry>'
                for name, number in self._numbers[node.name].items()
            )
            return entries + register + selected
        hexadecimal = "<Representation>HexNumber</Representation>" if node.hex else ""
        unit = _element("Unit", node.unit)
        # The schema has the unit behind the representation.
        return register + self._limits(node) + hexadecimal + unit + selected

    def _limits(self, node: Node) -> str:
        low = self._limit(node, "Min", node.minimum)
        high = self._limit(node, "Max", node.maximum)
        return low + high + ("" if node.increment is None else f"<Inc>{node.increment}</Inc>")

    def _limit(self, node: Node, tag: str, limit: Limit) -> str:
        if limit is None:
            return ""
        if not isinstance(limit, str):
            return f"<{tag}>{limit}</{tag}>"
        whole = _REFERENCE.fullmatch(limit)
        if whole and whole[2] is None:
            return _element(f"p{tag}", self._value_of(whole[1]))
        kind = "SwissKnife" if node.kind == "Float" else "IntSwissKnife"
        return _element(f"p{tag}", self._formula(f"{node.name}{tag}Live", limit, kind))

    def _condition(self, node: Node, tag: str, formula: str, suffix: str) -> str:
        if not formula:
            return ""
        whole = _REFERENCE.fullmatch(formula)
        if whole and whole[2] is None:
            return _element(tag, self._value_of(whole[1]))
        return _element(tag, self._formula(f"{node.name}{suffix}", formula, "IntSwissKnife"))

    def _formula(self, name: str, formula: str, kind: str) -> str:
        """Write a node that computes `formula`; gives its name."""
        variables: dict[str, str] = {}

        def variable(match: re.Match[str]) -> str:
            if match[2] is not None:
                return str(self._numbers[match[1]].get(match[2], -1))
            return variables.setdefault(match[1], f"V{len(variables)}")

        text = escape(_REFERENCE.sub(variable, formula))
        named = "".join(f'<pVariable Name="{v}">{self._value_of(f)}</pVariable>' for f, v in variables.items())
        self._lines.append(f'<{kind} Name="{name}">{named}<Formula>{text}</Formula></{kind}>')
        return name

    def _value_of(self, feature: str) -> str:
        """The register rather than the feature: a formula must work where the feature itself is not readable."""
        return feature if self._nodes[feature].volatile else f"{feature}Reg"

    # -- registers -------------------------------------------------------------------------------------------------

    def _add(self, node: Node, tag: str, extra: str, name: str) -> None:
        length = 8 if tag == "FloatReg" else node.size
        indexed = node.selector in self._nodes and not node.shared and node.kind != "Command"
        selector = node.selector if indexed else ""
        address = self._allocate(node, length, selector)
        parts = [extra]
        if tag != "StringReg" and node.access != "WO" and not (node.host or node.event) and tag != "Register":
            parts.append(_element("Extension", _element("Default", str(self._default(node)))))
        parts.append(f"<Address>0x{address:X}</Address>")
        if selector:
            parts.append(f'<pIndex Offset="{length}">{selector}Reg</pIndex>')
        sized = f"<Length>{length}</Length>" if not node.length_from else _element("pLength", node.length_from)
        parts += [sized, _element("AccessMode", node.access), _element("pPort", _port(node)), _caching(node)]
        if tag == "IntReg":
            parts.append(f"<Sign>{'Signed' if node.signed else 'Unsigned'}</Sign><Endianess>LittleEndian</Endianess>")
        elif tag == "FloatReg":
            parts.append("<Endianess>LittleEndian</Endianess>")
        self._lines.append(f'<{tag} Name="{name}">{"".join(parts)}</{tag}>')

    def _allocate(self, node: Node, length: int, selector: str) -> int:
        if node.event:
            return node.at
        room = _BUFFER_BYTES if node.length_from else length
        if selector:
            room = length * (max(self._numbers[selector].values()) + 1)
        address = self._next[node.host]
        self._next[node.host] = address + (room + 7) // 8 * 8
        return address

    def _default(self, node: Node) -> int | float:
        if node.kind == "Enumeration":
            return self._numbers[node.name][str(node.default or node.entries[0])]
        return float(node.default or 0) if node.kind == "Float" else int(node.default or 0)


def _port(node: Node) -> str:
    if node.event:
        return f"Event{node.event}Port"
    return "FrameChunks" if node.host else "Device"


def _caching(node: Node) -> str:
    if node.live or node.access == "WO" or node.host or node.event:
        return "<Cachable>NoCache</Cachable>"
    invalidators = "".join(_element("pInvalidator", name) for name in ("UserSetLoad", *node.invalidators))
    return f"<Cachable>WriteThrough</Cachable>{invalidators}"


def _element(tag: str, text: str) -> str:
    return f"<{tag}>{text}</{tag}>" if text else ""
