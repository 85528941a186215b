"""Synthetic machined parts: 64x64 grey images of eight inspection classes.

A part is a disc, a rounded plate or a cog with a bore and a circle of bolt holes, under a random pose,
light and texture. It is sound or has exactly one defect. Every part is a pure function of (scene seed,
part index), so a line can render part 70 000 without the ones before it.

Lengths are in pixels of the 64x64 frame, brightness is 0..1 of full scale until the last step.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES = ("ok", "scratch", "crack", "dent", "chip", "missing_hole", "stain", "burr")
SIDE_PX = 64

Field = NDArray[np.float32]

_SHAPES = ("disc", "plate", "cog")
_YY, _XX = (np.mgrid[0:SIDE_PX, 0:SIDE_PX] + 0.5).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Part:
    """Geometry of one part; the fields `x`, `y` are part coordinates of every pixel (64, 64)."""

    shape: str
    radius: float
    teeth: int
    bore_radius: float
    hole_radius: float
    holes: tuple[tuple[float, float], ...]
    x: Field
    y: Field
    r: Field
    light: tuple[float, float]


def part_class(seed: int, index: int) -> int:
    """Class number (index into CLASSES) of part `index` of scene `seed`, without rendering it."""
    return _draw_class(_generator(seed, index))


def render_part(seed: int, index: int) -> NDArray[np.uint8]:
    """Image (64, 64) of part `index` of scene `seed`."""
    rng = _generator(seed, index)
    defect = CLASSES[_draw_class(rng)]
    part = _draw_part(rng, missing_hole=defect == "missing_hole")
    outline = _outline(part)
    if defect in _OUTLINE_DEFECTS:
        outline = _OUTLINE_DEFECTS[defect](rng, part, outline)
    metal = _surface(rng, part, outline)
    if defect in _SURFACE_DEFECTS:
        metal = metal + _SURFACE_DEFECTS[defect](rng, part)
    return _expose(rng, _compose(rng, part, outline, metal + _dust(rng)))


def render_set(seed: int, count: int, start: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Parts `start` .. `start + count - 1`: images uint8 (count, 64, 64) and labels int64 (count,)."""
    images = np.empty((count, SIDE_PX, SIDE_PX), np.uint8)
    labels = np.empty(count, np.int64)
    for i in range(count):
        images[i] = render_part(seed, start + i)
        labels[i] = part_class(seed, start + i)
    return images, labels


def _generator(seed: int, index: int) -> np.random.Generator:
    # PCG64 by name: default_rng may change its bit generator between numpy releases.
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, index))))


def _draw_class(rng: np.random.Generator) -> int:
    # Always the first draw, which is what lets part_class agree with render_part.
    return int(rng.integers(len(CLASSES)))


def _draw_part(rng: np.random.Generator, missing_hole: bool) -> _Part:
    cx, cy = SIDE_PX / 2 + rng.uniform(-2.5, 2.5), SIDE_PX / 2 + rng.uniform(-2.5, 2.5)
    turn, light = rng.uniform(0, 2 * math.pi), rng.uniform(0, 2 * math.pi)
    zoom = rng.uniform(0.95, 1.1)
    dx, dy = (_XX - cx) / zoom, (_YY - cy) / zoom
    cos, sin = math.cos(turn), math.sin(turn)
    x, y = dx * cos + dy * sin, dy * cos - dx * sin
    radius = rng.uniform(22, 25)
    return _Part(
        shape=_SHAPES[rng.integers(len(_SHAPES))],
        radius=radius,
        teeth=int(rng.integers(10, 15)),
        bore_radius=rng.uniform(4, 6.5),
        hole_radius=rng.uniform(2.4, 3.2),
        holes=_draw_holes(rng, radius, missing_hole),
        x=x,
        y=y,
        r=np.hypot(x, y),
        light=(math.cos(light), math.sin(light)),
    )


def _draw_holes(rng: np.random.Generator, radius: float, missing: bool) -> tuple[tuple[float, float], ...]:
    """Centres of the bolt holes, evenly spaced on a circle; one place is left undrilled if `missing`."""
    count = int(rng.integers(4, 7))
    circle = radius * rng.uniform(0.58, 0.68)
    angles = rng.uniform(0, 2 * math.pi) + 2 * math.pi * np.arange(count) / count
    skipped = int(rng.integers(count))
    kept = [a for i, a in enumerate(angles) if not (missing and i == skipped)]
    return tuple((circle * math.cos(a), circle * math.sin(a)) for a in kept)


def _outline(part: _Part) -> Field:
    """Signed distance to the rim (64, 64), negative inside the part."""
    if part.shape == "disc":
        return part.r - part.radius
    if part.shape == "plate":
        corner = part.radius - 6
        over_x, over_y = np.maximum(np.abs(part.x) - corner, 0), np.maximum(np.abs(part.y) - corner, 0)
        plate: Field = np.hypot(over_x, over_y) - 4
        return plate
    teeth: Field = np.sign(np.sin(np.arctan2(part.y, part.x) * part.teeth))
    return part.r - part.radius - 1.3 * teeth


def _rim_point(rng: np.random.Generator, part: _Part) -> tuple[float, float, float]:
    """A point on the rim and its polar angle: (x, y, angle)."""
    angle = rng.uniform(0, 2 * math.pi)
    reach = part.radius
    if part.shape == "plate":
        # The rounded square is nearer than its nominal radius at the sides and farther at the corners.
        reach = min((part.radius - 2) / max(abs(math.cos(angle)), abs(math.sin(angle))), part.radius * 1.16)
    return reach * math.cos(angle), reach * math.sin(angle), angle


def _inner_point(rng: np.random.Generator, part: _Part, most: float) -> tuple[float, float]:
    """A point of the face between the bore and `most` of the radius."""
    reach, angle = part.radius * rng.uniform(0.36, most), rng.uniform(0, 2 * math.pi)
    return reach * math.cos(angle), reach * math.sin(angle)


def _chip(rng: np.random.Generator, part: _Part, outline: Field) -> Field:
    px, py, _ = _rim_point(rng, part)
    bite = np.hypot(part.x - px, part.y - py) - rng.uniform(3.6, 5.6)
    bitten: Field = np.maximum(outline, -bite)
    return bitten


def _burr(rng: np.random.Generator, part: _Part, outline: Field) -> Field:
    px, py, angle = _rim_point(rng, part)
    length, lean = rng.uniform(4.5, 6.5), angle + rng.uniform(-0.5, 0.5)
    spur = _segment(part, px, py, px + length * math.cos(lean), py + length * math.sin(lean))
    spurred: Field = np.minimum(outline, spur - rng.uniform(1.3, 2.1))
    return spurred


def _scratch(rng: np.random.Generator, part: _Part) -> Field:
    px, py = _inner_point(rng, part, 0.8)
    angle, half = rng.uniform(0, math.pi), rng.uniform(5.5, 10)
    dx, dy = half * math.cos(angle), half * math.sin(angle)
    line = _segment(part, px - dx, py - dy, px + dx, py + dy)
    return _sign(rng) * rng.uniform(0.24, 0.42) * _coverage(line - 1.0, 0.4)


def _crack(rng: np.random.Generator, part: _Part) -> Field:
    """A dark jagged line that runs inwards from the rim."""
    px, py, angle = _rim_point(rng, part)
    heading = angle + math.pi + rng.uniform(-0.6, 0.6)
    distance = np.full_like(part.r, 99)
    for _ in range(rng.integers(4, 7)):
        step = rng.uniform(2.8, 4.2)
        qx, qy = px + step * math.cos(heading), py + step * math.sin(heading)
        distance = np.minimum(distance, _segment(part, px, py, qx, qy))
        px, py = qx, qy
        heading += rng.uniform(-0.9, 0.9)
    return -rng.uniform(0.28, 0.46) * _coverage(distance - 1.0, 0.4)


def _dent(rng: np.random.Generator, part: _Part) -> Field:
    """A shallow bowl: bright on the side away from the light, dark towards it."""
    px, py = _inner_point(rng, part, 0.75)
    dx, dy = part.x - px, part.y - py
    size = rng.uniform(3.2, 4.8)
    bowl: Field = np.exp((dx * dx + dy * dy) / (-2 * size * size))
    slope = dx * (part.light[0] / size) + dy * (part.light[1] / size)
    shade: Field = -rng.uniform(0.4, 0.65) * bowl * slope
    return shade


def _stain(rng: np.random.Generator, part: _Part) -> Field:
    px, py = _inner_point(rng, part, 0.7)
    edge = np.hypot(part.x - px, part.y - py) - rng.uniform(3.6, 6.0)
    return -rng.uniform(0.15, 0.26) * _coverage(edge - 1.8 * _clouds(rng, 7), 1.0)


_OUTLINE_DEFECTS: dict[str, Callable[[np.random.Generator, _Part, Field], Field]] = {"chip": _chip, "burr": _burr}
_SURFACE_DEFECTS: dict[str, Callable[[np.random.Generator, _Part], Field]] = {
    "scratch": _scratch,
    "crack": _crack,
    "dent": _dent,
    "stain": _stain,
}


def _surface(rng: np.random.Generator, part: _Part, outline: Field) -> Field:
    """Brightness of the metal before any surface defect: light gradient, tool marks, mottle, bevel."""
    gradient = part.x * (part.light[0] / 300) + part.y * (part.light[1] / 300)
    marks = rng.standard_normal(96).astype(np.float32)
    # Plates are milled in straight lines, round parts are turned: 1.4 grooves a pixel.
    across = part.x + 34 if part.shape == "plate" else part.r
    grooves = np.interp(across, np.arange(96) / 1.4, marks).astype(np.float32)
    depth: Field = outline + 1.2
    bevel: Field = 0.12 * _sign(rng) * np.exp(-0.5 * depth * depth)
    base = rng.uniform(0.45, 0.75)
    metal: Field = base + gradient + 0.03 * (grooves + _clouds(rng, 8)) + bevel
    return metal


def _dust(rng: np.random.Generator) -> Field:
    """Up to three faint specks on every second part, of any class, so that a speck is no evidence."""
    specks: Field = np.zeros_like(_XX)
    for _ in range(rng.integers(1, 4) if rng.random() < 0.5 else 0):
        px, py = rng.uniform(2, SIDE_PX - 2), rng.uniform(2, SIDE_PX - 2)
        height = rng.uniform(-0.12, 0.12)
        specks += height * np.exp(((_XX - px) ** 2 + (_YY - py) ** 2) / -1.2)
    return specks


def _compose(rng: np.random.Generator, part: _Part, outline: Field, metal: Field) -> Field:
    """Metal over the belt; bore and holes show the belt in shadow."""
    belt = rng.uniform(0.08, 0.3) + 0.04 * _clouds(rng, 4)
    opening = part.r - part.bore_radius
    for hx, hy in part.holes:
        hole = np.hypot(part.x - hx, part.y - hy) - part.hole_radius
        opening = np.minimum(opening, hole)
    body, void = _coverage(outline, 0.7), _coverage(opening, 0.7)
    scene: Field = (belt + (metal - belt) * body) * (1 - void) + 0.7 * belt * void
    return scene


def _expose(rng: np.random.Generator, scene: Field) -> NDArray[np.uint8]:
    """Exposure spread, sensor noise of 1..3.5 % of full scale, 8-bit quantisation."""
    noise = rng.standard_normal(scene.shape, np.float32) * rng.uniform(0.01, 0.035)
    exposed = scene * rng.uniform(0.8, 1.15) + noise
    image: NDArray[np.uint8] = np.rint(np.clip(exposed, 0, 1) * 255).astype(np.uint8)
    return image


def _sign(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.5 else -1.0


def _coverage(distance: Field, softness: float) -> Field:
    """Share of each pixel where `distance` < 0, with an edge about `softness` pixels wide."""
    covered: Field = 0.5 - 0.5 * np.tanh(distance / (2 * softness))
    return covered


def _segment(part: _Part, ax: float, ay: float, bx: float, by: float) -> Field:
    """Distance of every pixel to the segment from a to b, part coordinates."""
    dx, dy = bx - ax, by - ay
    px, py = part.x - ax, part.y - ay
    along = np.clip((px * dx + py * dy) / (dx * dx + dy * dy), 0, 1)
    distance: Field = np.hypot(px - dx * along, py - dy * along)
    return distance


def _clouds(rng: np.random.Generator, cells: int) -> Field:
    """Smooth unit noise (64, 64) with about `cells` bumps a side."""
    knots = rng.standard_normal((cells + 2, cells + 2), np.float32)
    t = np.linspace(0, cells, SIDE_PX, dtype=np.float32)
    i = t.astype(np.intp)
    f: Field = np.modf(t)[0]
    after: Field = f * f * (3 - 2 * f)
    before: Field = 1 - after
    rows: Field = knots[i] * before[:, None] + knots[i + 1] * after[:, None]
    field: Field = rows[:, i] * before + rows[:, i + 1] * after
    return field


def main() -> None:
    """Render a set into an npz with `images`, `labels` and `classes`."""
    parser = argparse.ArgumentParser(prog="python -m agent.sim.parts", description=main.__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    images, labels = render_set(options.seed, options.count)
    np.savez_compressed(options.out, images=images, labels=labels, classes=np.array(CLASSES))


if __name__ == "__main__":
    main()
