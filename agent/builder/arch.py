"""Architectures: one sub-net's elastic choices, and the space they are chosen from (facts/ofa.md 1.5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.builder.errors import ArchInvalid

MIN_SIDE_PX = 16
MAX_SIDE_PX = 1024
_KEYS = frozenset({"ks", "e", "d", "r", "w", "wid", "image_size"})


@dataclass(frozen=True, slots=True)
class Arch:
    """Canonical choices: `ks` and `e` one entry per elastic block, 0 where the block is skipped.

    `d` has one entry per elastic stage, `r` is the input side in pixels, `w` holds width indices (ResNet50D).
    """

    ks: tuple[int, ...]
    e: tuple[float, ...]
    d: tuple[int, ...]
    r: int
    w: tuple[int, ...] = ()

    def to_json(self) -> str:
        """Deterministic JSON with the keys of interfaces.md section 5; 4 and 4.0 are one choice and written alike."""
        e = [int(value) if value == int(value) else value for value in self.e]
        values: dict[str, object] = {"ks": self.ks, "e": e, "d": self.d, "r": self.r}
        return json.dumps(values | ({"w": self.w} if self.w else {}), sort_keys=True)

    def subnet_id(self) -> str:
        """Readable id, unique for the architecture: resolution, depths and a short digest."""
        digest = hashlib.sha256(self.to_json().encode()).hexdigest()[:6]
        return f"r{self.r}-d{''.join(str(d) for d in self.d)}-{digest}"


@dataclass(frozen=True, slots=True)
class Stage:
    """`count` blocks in a row of which the first `base + d` are kept; a fixed stage has no entry in `d`."""

    count: int
    base: int = 0
    elastic: bool = True


@dataclass(frozen=True, slots=True)
class Space:
    """Legal choices. `ks` is empty where kernels are fixed, `w` where widths are; `r` guides the search only.

    `stem_d` is true where `d` starts with an entry for the stem (ResNet50D).
    """

    ks: tuple[int, ...]
    e: tuple[float, ...]
    d: tuple[int, ...]
    r: tuple[int, ...]
    stages: tuple[Stage, ...]
    w: tuple[int, ...] = ()
    w_count: int = 0
    stem_d: tuple[int, ...] = ()

    @property
    def blocks(self) -> int:
        """Entries of `ks` and `e`."""
        return sum(stage.count for stage in self.stages)

    @property
    def depths(self) -> int:
        """Entries of `d`."""
        return bool(self.stem_d) + sum(stage.elastic for stage in self.stages)

    def kept(self, d: Sequence[int]) -> tuple[bool, ...]:
        """For each block, whether depths `d` keep it."""
        elastic = iter(d[1:] if self.stem_d else d)
        flags: list[bool] = []
        for stage in self.stages:
            depth = stage.base + next(elastic) if stage.elastic else stage.count
            flags += [place < depth for place in range(stage.count)]
        return tuple(flags)

    def uniform(self, k: int, e: float, d: int, r: int) -> Arch:
        """The sub-net with the same choices everywhere and full width."""
        stem = [max(self.stem_d)] if self.stem_d else []
        values: dict[str, object] = {"ks": k, "e": e, "r": r, "d": stem + [d] * (self.depths - len(stem))}
        return complete(values | ({"w": max(self.w)} if self.w else {}), self)

    def largest(self, r: int) -> Arch:
        """The sub-net that uses every weight."""
        return self.uniform(max(self.ks, default=0), max(self.e), max(self.d), r)

    def smallest(self, r: int) -> Arch:
        """The uniform sub-net with the fewest weights; widths and stem at their least."""
        values: dict[str, object] = {"ks": min(self.ks, default=0), "e": min(self.e), "r": r}
        stem = [min(self.stem_d)] if self.stem_d else []
        values["d"] = stem + [min(self.d)] * (self.depths - len(stem))
        return complete(values | ({"w": min(self.w)} if self.w else {}), self)


def parse_arch(text: str, space: Space, where: str = "arch") -> Arch:
    """Architecture from JSON text. Raises ArchInvalid."""
    try:
        values = json.loads(text)
    except ValueError as exc:
        raise ArchInvalid(f"{where}: not JSON: {exc}") from exc
    if not isinstance(values, dict):
        raise ArchInvalid(f"{where}: {type(values).__name__}, expected an object with ks, e, d, r")
    return complete(values, space, where)


def complete(values: Mapping[str, object], space: Space, where: str = "arch") -> Arch:
    """Expand scalars, check every choice, zero the entries of skipped blocks.

    Takes the published spellings: `r` as a one-entry list, `image_size` for `r`, `wid` null. Raises ArchInvalid.
    """
    unknown = sorted(set(values) - _KEYS)
    if unknown:
        raise ArchInvalid(f"{where}: {unknown[0]}: unknown key; known: {', '.join(sorted(_KEYS))}")
    d = _depths(values, space, where)
    kept = space.kept(d)
    ks = _choices(values, "ks", space.ks, space.blocks, kept, where)
    e = _choices(values, "e", space.e, space.blocks, kept, where)
    w = _choices(values, "w", space.w, space.w_count, (True,) * space.w_count, where)
    as_ints = tuple(int(k) for k in ks)
    return Arch(as_ints, e, d, _side(values, where), tuple(int(i) for i in w))


def _depths(values: Mapping[str, object], space: Space, where: str) -> tuple[int, ...]:
    given = _listed(values, "d", space.depths, where, extra=sum(not stage.elastic for stage in space.stages))
    given = given[: space.depths]  # a fixed stage may be spelled out, its depth is not a choice
    for index, value in enumerate(given):
        # Anything but the largest means "skip" for the stem's residual block (facts/ofa.md 1.2).
        legal = space.d if not (space.stem_d and index == 0) else tuple(sorted({*space.stem_d, *space.d}))
        if value not in legal:
            raise ArchInvalid(f"{where}: d[{index}]: {value:g} is not one of {_words(legal)}")
    depths = tuple(int(value) for value in given)
    if space.stem_d:
        depths = (max(space.stem_d) if depths[0] == max(space.stem_d) else min(space.stem_d), *depths[1:])
    return depths


def _choices(
    values: Mapping[str, object],
    key: str,
    legal: tuple[float, ...],
    count: int,
    kept: tuple[bool, ...],
    where: str,
) -> tuple[float, ...]:
    if not legal:
        return ()
    given = _listed(values, key, count, where)
    for index, (value, used) in enumerate(zip(given, kept, strict=True)):
        if used and value not in legal:
            raise ArchInvalid(f"{where}: {key}[{index}]: {value:g} is not one of {_words(legal)}")
    return tuple(value if used else 0 for value, used in zip(given, kept, strict=True))


def _listed(values: Mapping[str, object], key: str, count: int, where: str, extra: int = 0) -> tuple[float, ...]:
    value = values.get(key)
    if _is_number(value):
        return (value,) * count  # type: ignore[return-value]
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(_is_number(v) for v in value):
        raise ArchInvalid(f"{where}: {key}: {value!r}, expected a number or a list of {count} numbers")
    if not count <= len(value) <= count + extra:
        raise ArchInvalid(f"{where}: {key}: {len(value)} entries, expected {count}")
    return tuple(value)


def _side(values: Mapping[str, object], where: str) -> int:
    value = values.get("r", values.get("image_size"))
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 1:
        value = value[0]
    if not isinstance(value, int) or isinstance(value, bool) or not MIN_SIDE_PX <= value <= MAX_SIDE_PX:
        raise ArchInvalid(f"{where}: r: {value!r}, expected a whole number {MIN_SIDE_PX} .. {MAX_SIDE_PX}")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(legal: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in legal)
