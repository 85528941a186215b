"""A whole training run: warm-up once, then both methods from the same checkpoint, keep the better.

    warm-up -> sandwich  -> table \\
           \\-> shrinking -> table  -> the better one is written

Checkpoints in `directory` make every stage resumable; the log is rewritten after each stage.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from agent.builder.train import schedule
from agent.builder.train.data import ImageSet
from agent.builder.train.elastic import Supernet
from agent.builder.train.evaluate import calibrated, score, tabulate
from agent.builder.train.schedule import Clock, Limit, Method, Stage
from agent.builder.train.sorting import sort_channels
from agent.builder.train.spec import SupernetSpec
from agent.builder.train.subnet import adopt_norms, extract
from agent.builder.train.trainer import Material, Session, make_optimiser, run_stage
from agent.builder.train.weights import SupernetHeader, save_supernet

CHECKPOINT_EVERY_S = 120.0
REPORT_EVERY_STEPS = 200

PLANS: dict[Method, Callable[[SupernetSpec], tuple[Stage, ...]]] = {
    "warm-up": schedule.warm_up,
    "sandwich": schedule.sandwich,
    "shrinking": schedule.shrinking,
}
METHODS: tuple[Method, ...] = tuple(PLANS)


@dataclass(frozen=True, slots=True)
class Order:
    """What to train and where to put it. `limits` gives each method its time or its steps."""

    spec: SupernetSpec
    limits: dict[Method, Limit]
    out: Path
    log: Path
    directory: Path


class Campaign:
    """Owns the log and the checkpoints of one run; `report` receives progress lines."""

    def __init__(self, order: Order, material: Material, held_out: ImageSet, report: Callable[[str], None]) -> None:
        self._order = order
        self._material = material
        self._held_out = held_out
        self._report = report
        self._saved_s = time.monotonic()
        order.directory.mkdir(parents=True, exist_ok=True)
        self._log: dict[str, Any] = {
            "spec": json.loads(order.spec.to_json()),
            "seed": material.seed,
            "torch": torch.__version__,
            "batch": material.batch,
            "images": {"train": len(material.train), "held_out": len(held_out)},
            "normalisation": asdict(material.norm),
            "stages": [],
            "accuracy_percent": {},
        }

    def run(self) -> None:
        """Train, compare and write the better supernet; finished methods are read from their checkpoints."""
        for method in METHODS:
            self.train(method)
            if method != "warm-up":
                self._write_best()

    def train(self, method: Method) -> None:
        """Train one method, or read it if it is finished. Both after the warm-up may run at once, in two processes."""
        self._train(method, self._fresh() if method == "warm-up" else self._restored("warm-up"))

    def _fresh(self) -> Supernet:
        torch.manual_seed(self._material.seed)
        return Supernet(self._order.spec)

    def _restored(self, method: Method) -> Supernet:
        net = self._fresh()
        net.load_state_dict(torch.load(self._finished(method))["net"])
        return net

    def _finished(self, method: Method) -> Path:
        return self._order.directory / f"{method}.pt"

    def _train(self, method: Method, net: Supernet) -> None:
        plan = PLANS[method](self._order.spec)
        # Stages are numbered through all methods: the number is part of every seed and checkpoint name.
        number = sum(len(PLANS[earlier](self._order.spec)) for earlier in METHODS[: METHODS.index(method)])
        path = self._finished(method)
        if path.exists():
            done = torch.load(path)
            self._log["stages"] += done["stages"]
            self._log["accuracy_percent"][method] = done["table"]
            return
        teacher = extract(net, self._order.spec.largest()).requires_grad_(False).train()
        records = []
        for offset, stage in enumerate(plan):
            session = self._session(net, stage, number + offset, self._order.limits[method].scaled(stage.share))
            session.teacher = teacher
            run_stage(session, self._material, self._after_step)
            records.append(self._record(session))
        table = tabulate(net, self._material.train, self._held_out, self._material.norm, self._order.spec.r)
        torch.save({"net": net.state_dict(), "stages": records, "table": table}, path)
        self._log["stages"] += records
        self._log["accuracy_percent"][method] = table
        self._write_log()
        self._report(f"{method}: {json.dumps(table)}")

    def _session(self, net: Supernet, stage: Stage, number: int, limit: Limit) -> Session:
        """A session at the start of the stage, or at its last checkpoint."""
        path = self._partial(number)
        optimiser = make_optimiser(net)
        if path.exists():
            saved = torch.load(path)
            net.load_state_dict(saved["net"])
            optimiser.load_state_dict(saved["optimiser"])
            clock = Clock.start(limit, saved["spent_s"], saved["step"])
            return Session(net, stage, number, optimiser, clock, loss=saved["loss"])
        if stage.sorts_channels:
            sort_channels(net, trained=stage.e[1:-1])
        return Session(net, stage, number, optimiser, Clock.start(limit))

    def _partial(self, number: int) -> Path:
        return self._order.directory / f"stage-{number}.pt"

    def _after_step(self, session: Session) -> None:
        step = session.clock.step
        if step % REPORT_EVERY_STEPS == 0:
            elapsed_s = session.clock.elapsed_s()
            self._report(f"{session.stage.name} step {step} at {elapsed_s:.0f} s, loss {session.loss:.3f}")
        if time.monotonic() - self._saved_s > CHECKPOINT_EVERY_S:
            self._checkpoint(session)

    def _checkpoint(self, session: Session) -> None:
        self._saved_s = time.monotonic()
        path = self._partial(session.number)
        state = {
            "net": session.net.state_dict(),
            "optimiser": session.optimiser.state_dict(),
            "step": session.clock.step,
            "spent_s": session.clock.elapsed_s(),
            "loss": session.loss,
        }
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def _record(self, session: Session) -> dict[str, Any]:
        """Log entry of a finished stage, which is also checkpointed so that it is not run twice."""
        self._checkpoint(session)
        steps, elapsed_s = session.clock.step, session.clock.elapsed_s()
        return {
            "name": session.stage.name,
            "method": session.stage.method,
            "steps": steps,
            "threads": torch.get_num_threads(),
            "seconds": round(elapsed_s, 1),
            "epochs": round(steps * self._material.batch / len(self._material.train), 2),
            "peak_lr": session.stage.peak_lr,
            "nets_a_step": session.stage.nets,
            "last_loss": round(session.loss, 4),
        }

    def _write_best(self) -> None:
        tables = {m: t for m, t in self._log["accuracy_percent"].items() if m != "warm-up"}
        best = max(tables, key=lambda m: score(tables[m]))
        self._log["mean_percent"] = {m: round(score(t), 2) for m, t in tables.items()}
        self._log["kept"] = best
        net = self._restored(best)
        spec, material = self._order.spec, self._material
        adopt_norms(net, calibrated(net, spec.largest(), max(spec.r), material.train, material.norm))
        side_px = int(material.train.images.shape[-1])
        header = SupernetHeader(spec, material.norm, material.train.classes, side_px)
        save_supernet(self._order.out, net, header)
        self._write_log()

    def _write_log(self) -> None:
        self._order.log.write_text(json.dumps(self._log, indent=1) + "\n")
