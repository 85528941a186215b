"""The training loop of one stage and the losses of the three methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import assert_never

from agent.builder.train.data import ImageSet, Normalisation, augment, batch_indices, prepare
from agent.builder.train.elastic import Supernet
from agent.builder.train.schedule import Clock, Stage, learning_rate
from agent.builder.train.spec import Arch

MOMENTUM = 0.9
WEIGHT_DECAY = 3e-4
LABEL_SMOOTHING = 0.05
MAX_GRADIENT_NORM = 2.0


@dataclass(frozen=True, slots=True)
class Material:
    """What every stage trains on."""

    train: ImageSet
    norm: Normalisation
    seed: int
    batch: int = 64


@dataclass(slots=True)
class Session:
    """One stage in progress; owns the optimiser and the clock. `number` is the stage's place in the run."""

    net: Supernet
    stage: Stage
    number: int
    optimiser: torch.optim.SGD
    clock: Clock
    teacher: nn.Module | None = None
    loss: float = 0.0


def make_optimiser(net: nn.Module) -> torch.optim.SGD:
    """SGD with Nesterov momentum; no decay on norms, biases and kernel matrices."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in net.named_parameters():
        (free if parameter.ndim <= 1 or name.endswith("_matrix") else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=0.0, momentum=MOMENTUM, nesterov=True)


def run_stage(session: Session, material: Material, after_step: Callable[[Session], None]) -> None:
    """Train until the session's clock says that the stage is over."""
    session.net.train()
    while (progress := session.clock.progress()) < 1:
        for group in session.optimiser.param_groups:
            group["lr"] = learning_rate(session.stage, progress)
        session.loss = _step(session, material)
        session.clock.step += 1
        after_step(session)


def _step(session: Session, material: Material) -> float:
    """One optimiser step; all its randomness is a function of (seed, stage number, step)."""
    stage, step = session.stage, session.clock.step
    rng = np.random.default_rng((material.seed, session.number, step, 1))
    chosen = batch_indices(len(material.train), material.batch, (material.seed, session.number, 0), step)
    images = augment(material.train.images[chosen], rng)
    x = prepare(images, int(rng.choice(stage.r)), material.norm)
    session.optimiser.zero_grad(set_to_none=True)
    loss = _backward(session, x, material.train.labels[chosen], rng)
    nn.utils.clip_grad_norm_(session.net.parameters(), MAX_GRADIENT_NORM)
    session.optimiser.step()
    return loss


def _backward(session: Session, x: Tensor, labels: Tensor, rng: np.random.Generator) -> float:
    """Accumulate the gradients of one batch; returns the loss of its first sub-net."""
    net, stage = session.net, session.stage
    if stage.method == "warm-up":
        return _descend(_hard_loss(net(x, net.spec.largest()), labels))
    if stage.method == "sandwich":
        return _sandwich(net, stage, x, labels, rng)
    if stage.method == "shrinking":
        return _shrink(session, x, labels, rng)
    assert_never(stage.method)


def _sandwich(net: Supernet, stage: Stage, x: Tensor, labels: Tensor, rng: np.random.Generator) -> float:
    largest = net(x, net.spec.largest())
    loss = _descend(_hard_loss(largest, labels))
    target = largest.detach().softmax(1)
    others = [net.spec.smallest()] + [sample_arch(net, stage, rng) for _ in range(stage.nets - 2)]
    for arch in others:
        _descend(_soft_loss(net(x, arch), target))
    return loss


def _shrink(session: Session, x: Tensor, labels: Tensor, rng: np.random.Generator) -> float:
    assert session.teacher is not None, "progressive shrinking needs the largest net as teacher"
    with torch.no_grad():
        target = session.teacher(x).softmax(1)
    losses = []
    for _ in range(session.stage.nets):
        logits = session.net(x, sample_arch(session.net, session.stage, rng))
        losses.append(_descend(_hard_loss(logits, labels) + _soft_loss(logits, target)))
    return losses[0]


def sample_arch(net: Supernet, stage: Stage, rng: np.random.Generator) -> Arch:
    """A sub-net drawn uniformly from the stage's choices."""
    blocks, groups = len(net.plans), len(net.spec.widths)
    return Arch(
        tuple(int(k) for k in rng.choice(stage.ks, blocks)),
        tuple(int(e) for e in rng.choice(stage.e, blocks)),
        tuple(int(d) for d in rng.choice(stage.d, groups)),
    )


def _hard_loss(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)


def _soft_loss(logits: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(logits, target)


def _descend(loss: Tensor) -> float:
    torch.autograd.backward(loss)
    value: float = loss.item()
    return value
