"""Event control (facts/firefly-dl.md 1.4, S4, S5). The nodes of an event show the values of its last one.

Selector entry `Inference` follows from the GenICam rule that event EventX belongs to entry X. The data of Error and
Test and the command that makes a test event are named as in the SFNC; no DL page shows them.
"""

from __future__ import annotations

from functools import partial

from agent.sim.events import CONFIDENCE_AT, FRAME_ID_AT, ID_AT, RESULT_AT, TIMESTAMP_AT, EventName
from agent.sim.nodes.table import Category, Node, command, enumeration, integer


def _data(event: EventName, *more: Node, new: bool = False) -> Category:
    """The category of one event: id and time, which every event has, and what it has more."""
    value = partial(integer, access="RO", event=event, size=8, visibility="Expert", new=new)
    name = f"Event{event}"
    return Category(
        f"{name}Data", (value(name, at=ID_AT), value(f"{name}Timestamp", at=TIMESTAMP_AT, unit="ns"), *more), new=new
    )


def _frame_id(event: EventName, display: str = "", new: bool = False) -> Node:
    return integer(
        f"Event{event}FrameID", access="RO", event=event, at=FRAME_ID_AT, size=8, display=display, visibility="Expert",
        new=new,
    )  # fmt: skip


_inference = partial(Node, access="RO", event="Inference", size=8, visibility="Expert", new=True)

EVENTS = Category(
    "EventControl",
    (
        enumeration(
            "EventSelector", entries=("Error", "ExposureEnd", "Test"), new_entries=("Inference",), visibility="Expert"
        ),
        enumeration(
            "EventNotification", entries=("Off", "On"), selector="EventSelector", live=True, visibility="Expert"
        ),
        command("TestEventGenerate", visibility="Guru"),
        _data("ExposureEnd", _frame_id("ExposureEnd")),
        _data(
            "Inference",
            _inference("Integer", "EventInferenceResult", at=RESULT_AT, signed=True),
            _inference("Float", "EventInferenceConfidence", at=CONFIDENCE_AT),
            _frame_id("Inference", "Event Inference Frame ID", new=True),
            new=True,
        ),
        _data(
            "Error",
            _frame_id("Error"),
            integer("EventErrorCode", access="RO", event="Error", at=RESULT_AT, size=8, visibility="Expert"),
        ),
        _data("Test"),
    ),
)
