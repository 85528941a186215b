"""Commissioning: the questions that only a real camera answers, each with its check (facts/firefly-dl.md section 7)."""

from agent.camera.commission.check import Check, Finding, Risk, TrialNetwork, Verdict
from agent.camera.commission.run import CHECKS, Commission, Outcome, contradictions

__all__ = [
    "CHECKS",
    "Check",
    "Commission",
    "Finding",
    "Outcome",
    "Risk",
    "TrialNetwork",
    "Verdict",
    "contradictions",
]
