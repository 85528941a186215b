"""Replay traces: CSV, broken in every way. They are read, or say FILE:LINE: KEY: reason."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import numpy as np

from agent.replay.trace import COLUMNS, TraceInvalid, parse_trace
from tests.fuzz.mutate import mutated, odd_number, odd_text
from tests.fuzz.target import Plain, ensure, one_line

MOST_PARTS = 200_000  # whose times are computed here; the reader's own bound is higher
_SHAPE = re.compile(r"trace:[1-9][0-9]*: .+?: \S.*", re.DOTALL)
_WORDS = (
    b",", b'"', b'""', b"\n", b"\r", b"\r\n", b"#", b" ", b"\0", b";", b"\t", b"nan", b"inf", b"-inf", b"1e308", b"-0",
    b"1_0", b"0x1", b"9" * 400, b"a" * 140_000, b"\xd9\xa3", b"\xe2\x80\xa8", b"\x0c", b"\x1c", b"slowdown", b"stopped",
)  # fmt: skip


class Traces(Plain):
    """See tests.fuzz.target."""

    name = "trace"

    def __init__(self) -> None:
        header = ",".join(COLUMNS)
        self._seeds = [
            f"{header}\n0,600,80,1.0,0\n5,900,,,\n7.5,,40,1.2,1\n9,300,,,0\n60,,,,\n".encode(),
            b"# a shift\nt_s,parts_per_minute\n0,60\n10,\n",
            b"stopped,t_s,parts_per_minute\n0,0,1e3\n1,1e3,\n,2e3,5\n",
        ]

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        if chance.random() < 0.6:
            return mutated(chance, chance.choice(self._seeds), self._seeds, _WORDS)
        columns = chance.sample(COLUMNS, chance.randint(1, len(COLUMNS)))
        rows, at = [",".join(columns)], 0.0
        for _ in range(chance.choice((1, 2, 3, 20))):
            cells = {"t_s": f"{at:g}", "parts_per_minute": "600", "slowdown": "1.1", "stopped": "0"}
            at += chance.choice((0.1, 1, 60, 1e-9, 1e7))
            rows.append(",".join(_cell(chance, cells.get(name, "")) for name in columns))
        return "\n".join(rows).encode("utf-8", "surrogatepass")

    def check(self, case: bytes) -> None:
        try:
            trace = parse_trace(case.decode("utf-8", "replace").splitlines())
        except TraceInvalid as error:
            one_line(str(error))
            ensure(_SHAPE.fullmatch(str(error)) is not None, f"not FILE:LINE: KEY: reason: {str(error)[:200]!r}")
            return
        ensure(bool(np.all(np.diff(trace.t_s) > 0)) and trace.end_s > trace.t_s[-1], "times that do not increase")
        for values in (trace.t_s, trace.parts_per_minute, trace.slowdown, trace.max_latency_ms):
            ensure(not np.isnan(values).any(), "a value that is no number")
        spans = np.diff(np.append(trace.t_s, trace.end_s))
        if float((trace.parts_per_minute / 60.0 * spans).sum()) < MOST_PARTS:
            times, rows = trace.parts
            ensure(len(times) == len(rows) and not np.isnan(times).any(), "parts that have no time")
        else:
            _only_bounded(trace.end_s)


def _only_bounded(end_s: float) -> None:
    ensure(end_s <= 1e8, f"a trace of {end_s} s")


def _cell(chance: random.Random, usual: str) -> str:
    kind = chance.random()
    if kind < 0.8:
        return usual
    return str(odd_number(chance)) if kind < 0.95 else odd_text(chance)
