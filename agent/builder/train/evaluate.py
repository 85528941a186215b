"""Accuracy of reference sub-nets on held-out images, each with its own re-estimated batch norms."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from agent.builder.train.data import ImageSet, Normalisation, batches
from agent.builder.train.elastic import Supernet
from agent.builder.train.spec import Arch, SupernetSpec
from agent.builder.train.subnet import accuracy, extract, reestimate_norms

# More than the 1000 images that once-for-all found enough; costs 0.2 s a sub-net.
NORM_IMAGES = 2048

Table = dict[str, dict[str, float]]


def reference_archs(spec: SupernetSpec) -> dict[str, Arch]:
    """The sub-nets that every table reports."""
    return {"min": spec.smallest(), "mid": spec.middle(), "max": spec.largest()}


def calibrated(net: Supernet, arch: Arch, side_px: int, train: ImageSet, norm: Normalisation) -> nn.Sequential:
    """The sub-net with batch norms re-estimated on the first training images at its own resolution."""
    subnet = extract(net, arch)
    first = ImageSet(train.images[:NORM_IMAGES], train.labels[:NORM_IMAGES], train.classes)
    reestimate_norms(subnet, (images for images, _ in batches(first, side_px, norm)))
    return subnet


def tabulate(net: Supernet, train: ImageSet, held_out: ImageSet, norm: Normalisation, sides_px: Sequence[int]) -> Table:
    """Top-1 in percent: table[sub-net name][resolution]."""
    return {
        name: {
            str(r): round(100 * accuracy(calibrated(net, arch, r, train, norm), batches(held_out, r, norm)), 2)
            for r in sides_px
        }
        for name, arch in reference_archs(net.spec).items()
    }


def score(table: Table) -> float:
    """One number to choose by: the mean over all cells, percent."""
    cells = [value for row in table.values() for value in row.values()]
    return sum(cells) / len(cells)
