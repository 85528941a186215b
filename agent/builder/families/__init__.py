"""The supernet families that can be read, one file each; the mechanism they share is in `base` and `mobile`."""

from __future__ import annotations

from agent.builder.errors import WrongFamily
from agent.builder.families.base import Family, Source
from agent.builder.families.mobilenet_v3 import MobileNetV3
from agent.builder.families.ofa_small import OfaSmall
from agent.builder.families.proxyless import ProxylessNas
from agent.builder.families.resnet50d import ResNet50D
from agent.builder.plan import Weights

FAMILIES: tuple[Family, ...] = (OfaSmall(), MobileNetV3(), ResNet50D(), ProxylessNas())

__all__ = ["FAMILIES", "Family", "Source", "family_for"]


def family_for(name: str | None, weights: Weights, where: str) -> Family:
    """The family called `name`, or the one that the weights' names show. Raises WrongFamily."""
    if name is not None:
        for family in FAMILIES:
            if family.name == name:
                return family
        known = ", ".join(family.name for family in FAMILIES)
        raise WrongFamily(f"{where}: family {name!r} is unknown; known: {known}")
    for family in FAMILIES:
        if family.recognises(weights):
            return family
    raise WrongFamily(f"{where}: the names of its {len(weights)} weights fit no known supernet family")
