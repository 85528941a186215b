"""The rule on numbers alone."""

from __future__ import annotations

import math

import numpy as np

from agent.policy.chooser import Active, Chooser, ChooserSettings
from agent.policy.tracker import Scene


def test_a_net_that_is_no_rung_is_doubted_by_its_own_fit_and_not_by_that_of_the_rung_beside_it() -> None:
    """Doubt keeps a net that fits; the one that runs takes as long as the first rung, which fits, and does not."""
    top1 = np.array([0.7, 0.8])
    chooser = Chooser(top1, np.array([2.0, 2.0]), np.zeros((3, 2)), ChooserSettings(doubt=1e6))
    scene = Scene(math.log(100.0), np.log(np.array([10.0, 20.0])), 5.0 * top1, np.array([True, True]), 5.0)
    chooser.learn(0.0, scene, 0.0)
    place = chooser.place(0.0, scene)
    kept = chooser.choose(place, scene, (), Active(0, 0.5, fits=True, own=False))
    left = chooser.choose(place, scene, (), Active(0, 0.5, fits=False, own=False))
    assert (kept.target, left.target) == (None, 1)
