"""Domain values to and from rows: run by the journal thread, inside its transaction."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec

from agent.domain.budget import Claim, EffectiveBudget
from agent.domain.decision import Account, Action, Candidate, Decision, Figure, Reason
from agent.domain.journal import Activation, StoredAnswer, SwapOutcome, SwapRecord
from agent.domain.operation import PREFIX
from agent.logs import event, logger
from agent.telemetry import undo

_log = logger("journal")
_SWAP_NAMES = tuple(f.name for f in fields(SwapRecord))
_SWAP = ", ".join(_SWAP_NAMES)


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a swap as it was journalled."""

    swap_id: str
    step: str
    elapsed_s: float
    error: str | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision and when it was taken."""

    at_wall_ns: int
    camera: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class DecisionBody:
    """A decision as JSON. What later versions added has a default, so that older rows can be read."""

    action: Action
    reason: Reason
    target: str | None
    active: str | None
    budget: EffectiveBudget
    feasible: bool
    candidates: tuple[Candidate, ...]
    text: str
    starts_s: float | None = None
    figures: tuple[Figure, ...] = ()

    @classmethod
    def of(cls, taken: Decision) -> DecisionBody:
        told = taken.account
        facts = (taken.action, taken.reason, taken.target, taken.active, taken.budget, taken.feasible)
        return cls(*facts, told.candidates, told.text, taken.starts_s, told.figures)

    def decision(self) -> Decision:
        told = Account(self.candidates, self.text, self.figures)
        facts = (self.action, self.reason, self.target, self.active, self.budget, self.feasible)
        return Decision(*facts, told, self.starts_s)


def put_swap(db: sqlite3.Connection, swap: SwapRecord) -> None:
    """Insert or replace by id; a gap that was noted before stays. What was told of it before it had a row goes."""
    undo.keep(db, "swaps", swap.id)
    name = PREFIX + swap.id
    undo.keep(db, "operations", name)
    db.execute("DELETE FROM operations WHERE name = ?", (name,))
    values = {name: getattr(swap, name) for name in _SWAP_NAMES} | {"outcome": swap.outcome.value}
    marks = ", ".join(f":{name}" for name in _SWAP_NAMES)
    sets = ", ".join(f"{name} = excluded.{name}" for name in _SWAP_NAMES if name not in {"id", "gap_s"})
    gap = "gap_s = COALESCE(excluded.gap_s, gap_s)"
    db.execute(f"INSERT INTO swaps ({_SWAP}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {sets}, {gap}", values)


def swaps(db: sqlite3.Connection, camera: str | None, limit: int) -> Sequence[SwapRecord]:
    """Newest first."""
    found = db.execute(
        f"SELECT {_SWAP} FROM swaps WHERE :camera IS NULL OR camera = :camera ORDER BY seq DESC LIMIT :limit",
        {"camera": camera, "limit": limit},
    )
    return tuple(_swap(row) for row in found)


def swap(db: sqlite3.Connection, swap_id: str) -> SwapRecord | None:
    row = db.execute(f"SELECT {_SWAP} FROM swaps WHERE id = ?", (swap_id,)).fetchone()
    return _swap(row) if row else None


def last_swap_seq(db: sqlite3.Connection) -> int:
    """Where the swaps of earlier runs end."""
    return int(db.execute("SELECT COALESCE(MAX(seq), 0) FROM swaps").fetchone()[0])


def running_swaps(db: sqlite3.Connection, camera: str, last_seq: int) -> Sequence[SwapRecord]:
    """Those up to `last_seq` that have not ended, oldest first."""
    found = db.execute(
        f"SELECT {_SWAP} FROM swaps WHERE camera = ? AND outcome = ? AND seq <= ? ORDER BY seq",
        (camera, SwapOutcome.RUNNING.value, last_seq),
    )
    return tuple(_swap(row) for row in found)


def interrupt_swaps(db: sqlite3.Connection, camera: str, last_seq: int) -> Sequence[SwapRecord]:
    """Mark them as INTERRUPTED; they as they are then."""
    found = running_swaps(db, camera, last_seq)
    for swap in found:
        undo.keep(db, "swaps", swap.id)
    db.execute(
        "UPDATE swaps SET outcome = ? WHERE camera = ? AND outcome = ? AND seq <= ?",
        (SwapOutcome.INTERRUPTED.value, camera, SwapOutcome.RUNNING.value, last_seq),
    )
    return tuple(replace(swap, outcome=SwapOutcome.INTERRUPTED) for swap in found)


def put_gap(db: sqlite3.Connection, swap_id: str, gap_s: float) -> None:
    db.execute("UPDATE swaps SET gap_s = ? WHERE id = ?", (gap_s, swap_id))


def put_step(db: sqlite3.Connection, step: StepRow) -> None:
    row = (step.swap_id, step.step, step.elapsed_s, step.error)
    db.execute("INSERT INTO steps (swap_id, step, elapsed_s, error) VALUES (?, ?, ?, ?)", row)


def steps(db: sqlite3.Connection, swap_id: str) -> Sequence[StepRow]:
    """In the order they were noted."""
    found = db.execute("SELECT swap_id, step, elapsed_s, error FROM steps WHERE swap_id = ? ORDER BY seq", (swap_id,))
    return tuple(StepRow(*row) for row in found)


def next_generation(db: sqlite3.Connection, camera: str) -> int:
    """One more than the last one of this camera, which is 1 at first (after a loss of the numbers: a higher one)."""
    row = db.execute(
        "INSERT INTO generations (camera, last) VALUES "
        "(?, 1 + COALESCE((SELECT value FROM about WHERE name = 'generation_floor'), 0)) "
        "ON CONFLICT (camera) DO UPDATE SET last = last + 1 RETURNING last",
        (camera,),
    ).fetchone()
    return int(row[0])


def put_activation(db: sqlite3.Connection, activation: Activation) -> None:
    undo.keep(db, "activations", activation.camera)
    row = (activation.camera, activation.generation, activation.subnet_id, activation.sha256)
    db.execute("INSERT OR REPLACE INTO activations (camera, generation, subnet_id, sha256) VALUES (?, ?, ?, ?)", row)


def drop_activation(db: sqlite3.Connection, camera: str) -> None:
    undo.keep(db, "activations", camera)
    db.execute("DELETE FROM activations WHERE camera = ?", (camera,))


def activation(db: sqlite3.Connection, camera: str) -> Activation | None:
    row = db.execute(
        "SELECT camera, generation, subnet_id, sha256 FROM activations WHERE camera = ?", (camera,)
    ).fetchone()
    return Activation(*row) if row else None


def put_decision(db: sqlite3.Connection, row: DecisionRow) -> None:
    taken = row.decision
    body = msgspec.json.encode(DecisionBody.of(taken)).decode()
    values = (row.at_wall_ns, row.camera, taken.action.value, taken.reason.value, taken.target, body)
    db.execute(
        "INSERT INTO decisions (at_wall_ns, camera, action, reason, target, body) VALUES (?, ?, ?, ?, ?, ?)", values
    )


def decisions(db: sqlite3.Connection, camera: str | None, limit: int) -> Sequence[DecisionRow]:
    """Newest first."""
    found = db.execute(
        "SELECT at_wall_ns, camera, body FROM decisions WHERE :camera IS NULL OR camera = :camera "
        "ORDER BY seq DESC LIMIT :limit",
        {"camera": camera, "limit": limit},
    )
    return tuple(
        DecisionRow(at, name, msgspec.json.decode(body, type=DecisionBody).decision()) for at, name, body in found
    )


def put_claim(db: sqlite3.Connection, claim: Claim, wall_ns: int) -> None:
    """Insert, or replace and revive by id; one that is in force takes the place of its client's others."""
    if claim.notice is None:
        _replace_others(db, claim, wall_ns)
    row = (claim.camera, msgspec.json.encode(claim).decode(), wall_ns, claim.id)
    put = "INSERT INTO claims (camera, body, put_wall_ns, id) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
    if db.execute(put, row).rowcount:
        undo.keep_new(db, "claims", claim.id)
        return
    undo.keep(db, "claims", claim.id)
    revived = "camera = ?, body = ?, put_wall_ns = ?, dropped_wall_ns = NULL, dropped_why = NULL"
    db.execute(f"UPDATE claims SET {revived} WHERE id = ?", row)


def _replace_others(db: sqlite3.Connection, claim: Claim, wall_ns: int) -> None:
    """Not left to a second transaction: after a crash between the two an old claim would outlive its successor."""
    found = db.execute(
        "SELECT id, claims.* FROM claims WHERE camera = ? AND id != ? AND dropped_wall_ns IS NULL "
        "AND json_extract(body, '$.client') = ? AND json_extract(body, '$.notice') IS NULL",
        (claim.camera, claim.id, claim.client),
    )
    for claim_id, *row in found.fetchall():
        undo.keep_read(db, "claims", claim_id, [tuple(row)])
        db.execute("UPDATE claims SET dropped_wall_ns = ?, dropped_why = 'replaced' WHERE id = ?", (wall_ns, claim_id))


def drop_claim(db: sqlite3.Connection, claim_id: str, why: str, wall_ns: int) -> Claim | None:
    """The claim that is dropped by this; None where there is none, or it is damaged."""
    undo.keep(db, "claims", claim_id)
    row = db.execute(
        "UPDATE claims SET dropped_wall_ns = ?, dropped_why = ? WHERE id = ? AND dropped_wall_ns IS NULL "
        "RETURNING camera, body",
        (wall_ns, why, claim_id),
    ).fetchone()
    return _claim(*row) if row else None


def claims(db: sqlite3.Connection, camera: str) -> Sequence[Claim]:
    """Those not dropped, oldest first; what is damaged is left out, with a line in the log."""
    found = db.execute("SELECT body FROM claims WHERE camera = ? AND dropped_wall_ns IS NULL ORDER BY seq", (camera,))
    return tuple(claim for (body,) in found if (claim := _claim(camera, body)) is not None)


def _claim(camera: str, body: str) -> Claim | None:
    try:
        return msgspec.json.decode(body, type=Claim)
    except (msgspec.MsgspecError, UnicodeError, TypeError) as error:
        event(_log, logging.ERROR, "claim_ignored", camera=camera, why=error)
        return None


def put_answer(db: sqlite3.Connection, answer: StoredAnswer, wall_ns: int) -> None:
    """The first answer to a request id stays."""
    row = (answer.request_id, answer.method, answer.body_sha256, answer.answer, wall_ns)
    put = "INSERT INTO answers (request_id, method, body_sha256, answer, stored_wall_ns) VALUES (?, ?, ?, ?, ?)"
    if db.execute(f"{put} ON CONFLICT (request_id) DO NOTHING", row).rowcount:
        undo.keep_new(db, "answers", answer.request_id)


def answer(db: sqlite3.Connection, request_id: str) -> StoredAnswer | None:
    row = db.execute(
        "SELECT request_id, method, body_sha256, answer FROM answers WHERE request_id = ?", (request_id,)
    ).fetchone()
    return StoredAnswer(*row) if row else None


def put_run(db: sqlite3.Connection, run_id: str, wall_ns: int) -> None:
    db.execute("INSERT INTO runs (id, opened_wall_ns) VALUES (?, ?)", (run_id, wall_ns))


def _swap(row: Sequence[Any]) -> SwapRecord:
    values = dict(zip(_SWAP_NAMES, row, strict=True))
    return SwapRecord(**{**values, "outcome": SwapOutcome(values["outcome"])})
