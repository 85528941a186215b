"""Seeded mutations of bytes, texts and trees: fast, and knowing what readers trip over."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

INTEGERS = (
    0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 32767, 32768, 65535, 65536,
    (1 << 24) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
)  # fmt: skip
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, 1e-9, 1e9, 1e300, 1.7976931348623157e308, float("inf"), float("-inf"))
ODD_TEXTS = (
    "", " ", "\0", "\n", "\t", "\x7f", "\x85", "\u2028", "\ufeff", "\u202e", "\u0301", "ß", "İ", "٣", "½", "𝟘", "🎞",
    "\U0010ffff", "..", "../../etc/passwd", "/dev/zero", "file:///etc/passwd", "%s%n", "{}", "${HOME}", "' OR 1=1 --",
    "null", "~", "true", "no", "nan", "-inf", "1e999", "0x10", "0o17", "1_0", "-0", "+1", "9" * 400, "1." + "0" * 400,
)  # fmt: skip
LONG_COUNTS = (17, 100, 1000, 10_000, 70_000)


def odd_text(chance: random.Random) -> str:
    """A text that some reader does not expect."""
    text = chance.choice(ODD_TEXTS)
    if chance.random() < 0.05:
        return (text or "x") * chance.choice(LONG_COUNTS[:4])
    return text if chance.random() < 0.7 else "a" + text + "b"


def odd_number(chance: random.Random) -> int | float:
    """A number at or beyond some edge."""
    if chance.random() < 0.6:
        value = chance.choice(INTEGERS)
        return -value if chance.random() < 0.25 else value
    return chance.choice((*FLOATS, float("nan"))) if chance.random() < 0.7 else chance.uniform(-1e6, 1e6)


def odd_value(chance: random.Random) -> Any:
    """A value of any kind that JSON or YAML can say."""
    kind = chance.randrange(8)
    if kind < 3:
        return odd_number(chance)
    if kind < 5:
        return odd_text(chance)
    if kind == 5:
        return chance.choice((None, True, False))
    return [] if kind == 6 else {}


def mutated(chance: random.Random, data: bytes, others: Sequence[bytes], words: Sequence[bytes] = ()) -> bytes:
    """`data` with one to six mutations; `others` to splice with, `words` to put in."""
    found = bytearray(data)
    for _ in range(1 + min(chance.getrandbits(3), chance.getrandbits(3), 5)):
        chance.choice(_MUTATIONS)(chance, found, others, words)
    return bytes(found)


Mutation = Callable[[random.Random, bytearray, Sequence[bytes], Sequence[bytes]], None]


def _place(chance: random.Random, data: bytearray) -> int:
    return chance.randrange(len(data)) if data else 0


def _flip(chance: random.Random, data: bytearray, _: Sequence[bytes], __: Sequence[bytes]) -> None:
    if data:
        data[_place(chance, data)] ^= 1 << chance.randrange(8)


def _set(chance: random.Random, data: bytearray, _: Sequence[bytes], __: Sequence[bytes]) -> None:
    if data:
        data[_place(chance, data)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.getrandbits(8)))


def _number(chance: random.Random, data: bytearray, _: Sequence[bytes], __: Sequence[bytes]) -> None:
    """A whole field, aligned as those of compiled networks are."""
    layout, size = chance.choice((("<H", 2), ("<I", 4), (">I", 4), ("<Q", 8)))
    if len(data) >= size:
        place = _place(chance, data) // size * size
        if place + size <= len(data):
            struct.pack_into(layout, data, place, chance.choice(INTEGERS) & ((1 << (8 * size)) - 1))


def _nudge(chance: random.Random, data: bytearray, _: Sequence[bytes], __: Sequence[bytes]) -> None:
    """A field that is a little more or less."""
    if len(data) >= 4:
        place = _place(chance, data) // 4 * 4
        if place + 4 <= len(data):
            (value,) = struct.unpack_from("<I", data, place)
            struct.pack_into("<I", data, place, (value + chance.randint(-4, 4)) & 0xFFFFFFFF)


def _delete(chance: random.Random, data: bytearray, _: Sequence[bytes], __: Sequence[bytes]) -> None:
    place = _place(chance, data)
    del data[place : place + chance.choice((1, 1, 2, 4, 8, 16, 64))]


def _cut(chance: random.Random, data: bytearray, _: Sequence[bytes], __: Sequence[bytes]) -> None:
    del data[_place(chance, data) :]


def _insert(chance: random.Random, data: bytearray, _: Sequence[bytes], words: Sequence[bytes]) -> None:
    place = _place(chance, data)
    data[place:place] = chance.choice(words) if words else chance.randbytes(chance.choice((1, 1, 2, 4, 16)))


def _replace(chance: random.Random, data: bytearray, _: Sequence[bytes], words: Sequence[bytes]) -> None:
    place = _place(chance, data)
    word = chance.choice(words) if words else chance.randbytes(4)
    data[place : place + len(word)] = word


def _repeat(chance: random.Random, data: bytearray, _: Sequence[bytes], __: Sequence[bytes]) -> None:
    place = _place(chance, data)
    piece = data[place : place + chance.choice((1, 2, 4, 16, 64, 256))]
    times = chance.choice((1, 1, 1, 2, 3, 16, 200))
    data[place:place] = piece * min(times, 4096 // max(1, len(piece)) + 1)


def _move(chance: random.Random, data: bytearray, _: Sequence[bytes], __: Sequence[bytes]) -> None:
    size = chance.choice((1, 4, 8, 16, 40))
    start, end = _place(chance, data), _place(chance, data)
    piece = data[start : start + size]
    data[end : end + len(piece)] = piece


def _splice(chance: random.Random, data: bytearray, others: Sequence[bytes], __: Sequence[bytes]) -> None:
    if others:
        other = chance.choice(others)
        place = chance.randrange(len(other) + 1)
        data[_place(chance, data) :] = other[place:]


_MUTATIONS: tuple[Mutation, ...] = (
    _flip, _flip, _set, _number, _number, _nudge, _delete, _cut, _insert, _insert, _replace, _repeat, _move, _splice,
)  # fmt: skip


def changed_tree(chance: random.Random, tree: Any, others: Sequence[Any] = ()) -> Any:
    """A copy of a tree of dicts and lists with one place in it changed; the tree itself stays."""
    if isinstance(tree, dict) and tree and chance.random() < 0.85:
        return _changed_dict(chance, tree, others)
    if isinstance(tree, list) and tree and chance.random() < 0.85:
        return _changed_list(chance, tree, others)
    return chance.choice(others) if others and chance.random() < 0.2 else odd_value(chance)


def _changed_dict(chance: random.Random, tree: dict[str, Any], others: Sequence[Any]) -> dict[str, Any]:
    copy, key = dict(tree), chance.choice(list(tree))
    kind = chance.random()
    if kind < 0.70:
        copy[key] = changed_tree(chance, copy[key], others)
    elif kind < 0.80:
        del copy[key]
    elif kind < 0.88:
        copy[odd_text(chance)] = copy.pop(key)
    elif kind < 0.94:
        copy[odd_text(chance)] = odd_value(chance)
    else:
        copy[key] = copy[chance.choice(list(tree))]
    return copy


def _changed_list(chance: random.Random, tree: list[Any], others: Sequence[Any]) -> list[Any]:
    copy, place = list(tree), chance.randrange(len(tree))
    kind = chance.random()
    if kind < 0.70:
        copy[place] = changed_tree(chance, copy[place], others)
    elif kind < 0.80:
        del copy[place]
    elif kind < 0.90:
        copy.insert(place, copy[place])
    elif kind < 0.97:
        copy.append(odd_value(chance))
    else:
        copy *= chance.choice((2, 8, 64))
    return copy
