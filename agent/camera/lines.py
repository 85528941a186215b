"""Digital lines of the camera as inputs (facts/firefly-dl.md S8: four lines that are input or output)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.camera.nodes import Nodes
from agent.errors import CameraRefused


def make_inputs(nodes: Nodes, lines: Sequence[str]) -> None:
    """Each of `lines` is an input that is high while its voltage is, whatever the user set says."""
    for line in lines:
        nodes.set_enum("LineSelector", line)
        if nodes.get_enum("LineMode") != "Input":
            nodes.set_enum("LineMode", "Input")
        if nodes.readable("LineInverter") and nodes.get_bool("LineInverter"):
            nodes.set_bool("LineInverter", False)


def read_input(nodes: Nodes, camera: str, line: str) -> bool:
    """Whether `line` is high. Raises CameraRefused where it is no input: it would be what the camera itself drives."""
    nodes.set_enum("LineSelector", line)
    mode = nodes.get_enum("LineMode")
    if mode != "Input":
        raise CameraRefused(f"camera {camera}: {line} is no input, its LineMode is {mode}; name it as an input")
    return nodes.get_bool("LineStatus")
