"""A pickle read as data: an interpreter of its opcodes that imports nothing and calls nothing of the file's choosing.

A name in the stream only picks an entry of the caller's allow-list. Values are numbers, texts, lists, tuples, dicts
and what the entries make; a dict's keys are plain values, so nothing deep is ever hashed. Time and memory follow the
length of the stream, which is bounded, and so are opcodes, stack, nesting and the length of numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, cast

from agent.builder.errors import SupernetInvalid, UnsafeCheckpoint

# The state dict of a ResNet50 supernet takes 60 kB and 20 000 opcodes.
MAX_STREAM_BYTES = 8 * 1024 * 1024
MAX_OPCODES = 500_000
MAX_STACK = 65_536
MAX_DEPTH = 64
MAX_INT_BYTES = 32

# Python pickles with protocol 2 unless asked otherwise, and torch asks for 2; the text opcodes of protocol 0 are not
# read.
MAX_PROTOCOL = 5

Maker = Callable[[tuple[object, ...]], object]
PersistentLoad = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class Allowed:
    """An entry of the allow-list. `make` gets the arguments of a call; None where it must not be called."""

    name: str
    make: Maker | None = None


@dataclass(frozen=True, slots=True)
class Inert:
    """Stands for a value that is of no use here: named, never made."""

    name: str


class _Mark:
    """Where a group of values on the stack starts."""


_MARK = _Mark()


def read_pickle(
    data: memoryview, start: int, names: Mapping[tuple[str, str], object], persistent: PersistentLoad, where: str
) -> tuple[object, int]:
    """The value of the pickle at `start`, and where it ends.

    `names` is the allow-list by (module, name). Raises UnsafeCheckpoint for a name that is not on it, SupernetInvalid
    for anything else that is not a sound pickle within the limits.
    """
    return _Interpreter(data, start, names, persistent, where).run()


class _Interpreter:
    """One run over one stream; owns stack and memo."""

    def __init__(
        self,
        data: memoryview,
        start: int,
        names: Mapping[tuple[str, str], object],
        persistent: PersistentLoad,
        where: str,
    ) -> None:
        self._data = data[: start + MAX_STREAM_BYTES]
        self._cut = len(data) > len(self._data)
        self._at = start
        self._names = names
        self._persistent = persistent
        self._where = where
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        # Depth of containers that hold containers; the container itself keeps its id from being used again.
        self._depths: dict[int, tuple[object, int]] = {}

    def run(self) -> tuple[object, int]:
        count = 0
        while (code := self._take(1)[0]) != _STOP:
            step, count = _STEPS.get(code), count + 1
            if step is None:
                self._refuse(f"opcode {code:#04x} is not read")
            step(self)
            if len(self._stack) > MAX_STACK or count > MAX_OPCODES:
                self._refuse(f"more than {MAX_STACK} values on the stack or {MAX_OPCODES} opcodes")
        return self._pop(), self._at

    def _refuse(self, reason: str) -> NoReturn:
        raise SupernetInvalid(f"{self._where}: damaged or foreign pickle, byte {self._at}: {reason}")

    # -- bytes

    def _take(self, count: int) -> memoryview:
        if count > len(self._data) - self._at:
            self._refuse(f"longer than {MAX_STREAM_BYTES} bytes" if self._cut else "it ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    def _number(self, layout: struct.Struct) -> int:
        return int(layout.unpack(self._take(layout.size))[0])

    def _line(self) -> str:
        end = bytes(self._data[self._at : self._at + 1024]).find(b"\n")
        if end < 0:
            self._refuse("a name has no end")
        return self._text(end + 1)[:-1]

    def _text(self, count: int) -> str:
        try:
            return str(self._take(count), "utf-8", "surrogatepass")
        except UnicodeDecodeError:
            self._refuse("a text is not UTF-8")

    # -- stack

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _pop(self) -> object:
        if not self._stack or self._stack[-1] is _MARK:
            self._refuse("a value is wanted where there is none")
        return self._stack.pop()

    def _top(self) -> object:
        value = self._pop()
        self._push(value)
        return value

    def _group(self) -> list[object]:
        """All values above the last mark, which goes as well."""
        start = next((i for i in range(len(self._stack) - 1, -1, -1) if self._stack[i] is _MARK), None)
        if start is None:
            self._refuse("a group has no start")
        values = self._stack[start + 1 :]
        del self._stack[start:]
        return values

    def _pops(self, count: int) -> tuple[object, ...]:
        return tuple(reversed([self._pop() for _ in range(count)]))

    # -- containers

    def _nest(self, container: object, values: list[object] | tuple[object, ...]) -> None:
        """Note that `container` holds `values`. Raises where the nesting gets too deep."""
        inner = max((self._depth(value) for value in values), default=0)
        depth = max(self._depth(container), inner + 1)
        if depth > MAX_DEPTH:
            self._refuse(f"nested deeper than {MAX_DEPTH}")
        if depth > 1:
            self._depths[id(container)] = (container, depth)

    def _depth(self, value: object) -> int:
        if not isinstance(value, list | tuple | dict):
            return 0
        return self._depths.get(id(value), (None, 1))[1]

    def _tuple(self, values: list[object] | tuple[object, ...]) -> None:
        made = tuple(values)
        self._nest(made, made)
        self._push(made)

    def _extend(self, values: list[object]) -> None:
        target = self._top()
        if not isinstance(target, list):
            self._refuse(f"append to {type(target).__name__}")
        target.extend(values)
        self._nest(target, values)

    def _update(self, values: list[object]) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(values) % 2:
            self._refuse(f"set items of {type(target).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            target[self._key(key)] = value
        self._nest(target, values[1::2])

    def _key(self, key: object) -> object:
        if not isinstance(key, str | int | float | bytes | None):
            self._refuse(f"{type(key).__name__} as a key")
        return key

    # -- names and calls

    def _name(self, module: str, name: str) -> None:
        found = self._names.get((module, name))
        if found is None:
            raise UnsafeCheckpoint(
                f"{self._where}: refused to load {module}.{name}: only tensors and plain values are read;"
                " save the state_dict of the model, not the model"
            )
        self._push(found)

    def _call(self) -> None:
        called, arguments = self._pops(2)
        if not isinstance(arguments, tuple):
            self._refuse(f"a call with {type(arguments).__name__} for arguments")
        if isinstance(called, Inert):
            self._push(called)
        elif isinstance(called, Allowed) and called.make is not None:
            self._push(self._made(called.name, called.make, arguments))
        else:
            self._refuse(f"a call of {called.name if isinstance(called, Allowed) else type(called).__name__}")

    def _made(self, name: str, make: Maker, arguments: tuple[object, ...]) -> object:
        try:
            return make(arguments)
        except (TypeError, ValueError) as exc:
            self._refuse(f"{name}: {exc}")

    def _build(self) -> None:
        # State of an ordered dict is its `_metadata`; of an inert value anything.
        target, _ = self._pops(2)
        if not isinstance(target, dict | Inert):
            self._refuse(f"a state for {type(target).__name__}")
        self._push(target)

    def _persistent_id(self) -> None:
        try:
            self._push(self._persistent(self._pop()))
        except (TypeError, ValueError) as exc:
            self._refuse(f"storage: {exc}")

    # -- memo

    def _put(self, index: int) -> None:
        self._memo[index] = self._top()

    def _get(self, index: int) -> None:
        if index not in self._memo:
            self._refuse(f"value {index} was never kept")
        self._push(self._memo[index])

    def _skip_group(self) -> None:
        self._group()

    def _big_int(self, count: int) -> None:
        if not 0 <= count <= MAX_INT_BYTES:
            self._refuse(f"a number of {count} bytes")
        self._push(int.from_bytes(self._take(count), "little", signed=True))

    def _stack_name(self) -> None:
        module, name = self._pops(2)
        if not isinstance(module, str) or not isinstance(name, str):
            self._refuse("a name that is no text")
        self._name(module, name)

    def _protocol(self) -> None:
        protocol = self._take(1)[0]
        if protocol > MAX_PROTOCOL:
            self._refuse(f"protocol {protocol}, at most {MAX_PROTOCOL}")


_U1, _U2, _U4, _I4, _U8, _F8 = (struct.Struct(layout) for layout in ("<B", "<H", "<I", "<i", "<Q", ">d"))
_STOP = ord(".")
_Step = Callable[[_Interpreter], object]


def _of_float(run: _Interpreter) -> None:
    run._push(cast(float, _F8.unpack(run._take(8))[0]))


# One step for each opcode, in the order of the documentation of `pickletools`.
_STEPS: dict[int, _Step] = {
    0x80: lambda run: run._protocol(),
    0x95: lambda run: run._take(8),  # a frame's length is of no use here
    ord("J"): lambda run: run._push(run._number(_I4)),
    ord("K"): lambda run: run._push(run._number(_U1)),
    ord("M"): lambda run: run._push(run._number(_U2)),
    0x8A: lambda run: run._big_int(run._number(_U1)),
    0x8B: lambda run: run._big_int(run._number(_I4)),
    ord("T"): lambda run: run._push(str(run._take(run._number(_U4)), "latin-1")),
    ord("U"): lambda run: run._push(str(run._take(run._number(_U1)), "latin-1")),
    ord("B"): lambda run: run._push(bytes(run._take(run._number(_U4)))),
    ord("C"): lambda run: run._push(bytes(run._take(run._number(_U1)))),
    0x8E: lambda run: run._push(bytes(run._take(run._number(_U8)))),
    ord("N"): lambda run: run._push(None),
    0x88: lambda run: run._push(True),
    0x89: lambda run: run._push(False),
    ord("X"): lambda run: run._push(run._text(run._number(_U4))),
    0x8C: lambda run: run._push(run._text(run._number(_U1))),
    0x8D: lambda run: run._push(run._text(run._number(_U8))),
    ord("G"): _of_float,
    ord("]"): lambda run: run._push([]),
    ord("a"): lambda run: run._extend([run._pop()]),
    ord("e"): lambda run: run._extend(run._group()),
    ord(")"): lambda run: run._push(()),
    ord("t"): lambda run: run._tuple(run._group()),
    0x85: lambda run: run._tuple(run._pops(1)),
    0x86: lambda run: run._tuple(run._pops(2)),
    0x87: lambda run: run._tuple(run._pops(3)),
    ord("}"): lambda run: run._push({}),
    ord("s"): lambda run: run._update(list(run._pops(2))),
    ord("u"): lambda run: run._update(run._group()),
    ord("0"): lambda run: run._pop(),
    ord("2"): lambda run: run._push(run._top()),
    ord("("): lambda run: run._push(_MARK),
    ord("1"): lambda run: run._skip_group(),
    ord("h"): lambda run: run._get(run._number(_U1)),
    ord("j"): lambda run: run._get(run._number(_U4)),
    ord("q"): lambda run: run._put(run._number(_U1)),
    ord("r"): lambda run: run._put(run._number(_U4)),
    0x94: lambda run: run._put(len(run._memo)),
    ord("c"): lambda run: run._name(run._line(), run._line()),
    0x93: lambda run: run._stack_name(),
    ord("R"): lambda run: run._call(),
    0x81: lambda run: run._call(),
    ord("b"): lambda run: run._build(),
    ord("Q"): lambda run: run._persistent_id(),
}
