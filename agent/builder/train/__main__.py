"""Command line of the supernet training."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from agent.builder.train.campaign import METHODS, Campaign, Order
from agent.builder.train.data import load_sets, measure_normalisation
from agent.builder.train.schedule import Limit, Method
from agent.builder.train.spec import SupernetSpec
from agent.builder.train.trainer import Material

# Sandwich and shrinking get equal time so that they can be compared.
SHARES = (0.3, 0.35, 0.35)


def main(arguments: list[str] | None = None) -> None:
    """Train a supernet of family ofa-small, by sandwich rule and by progressive shrinking, keep the better."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    train, held_out = load_sets(options.images, options.held_out, max(SupernetSpec().r))
    order = Order(
        spec=SupernetSpec(classes=len(train.classes)),
        limits=_limits(options),
        out=options.out,
        log=options.log or options.out.with_suffix(".json"),
        directory=options.resume or options.out.with_suffix(".checkpoints"),
    )
    material = Material(train, measure_normalisation(train.images), options.seed, options.batch)
    campaign = Campaign(order, material, held_out, _report)
    if options.only:
        campaign.train(options.only)
    else:
        campaign.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m agent.builder.train", description=main.__doc__)
    parser.add_argument(
        "--images", type=Path, required=True, help="npz with images, labels, classes, or a folder per class"
    )
    parser.add_argument("--held-out", type=Path, help="images not trained on; default: a fifth of --images")
    parser.add_argument("--out", type=Path, required=True, help="supernet.safetensors to write")
    limit = parser.add_mutually_exclusive_group(required=True)
    limit.add_argument("--budget-minutes", type=float, help="training time, evaluation not counted")
    limit.add_argument("--steps", type=_steps, help="W,S,P: steps of warm-up, sandwich, progressive shrinking")
    parser.add_argument("--log", type=Path, help="JSON log to write; default: beside --out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64, help="images a step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path, metavar="DIR", help="directory of checkpoints to keep and continue")
    parser.add_argument("--only", choices=METHODS, help="train one method into the checkpoints, write no supernet")
    return parser


def _report(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _steps(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(","))
    if len(counts) != len(METHODS):
        raise argparse.ArgumentTypeError(f"need {len(METHODS)} step counts, got {text!r}")
    return counts


def _limits(options: argparse.Namespace) -> dict[Method, Limit]:
    if options.steps:
        return {method: Limit(steps=steps) for method, steps in zip(METHODS, options.steps, strict=True)}
    seconds = options.budget_minutes * 60
    return {method: Limit(seconds=seconds * share) for method, share in zip(METHODS, SHARES, strict=True)}


if __name__ == "__main__":
    main()
