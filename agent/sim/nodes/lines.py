"""Digital I/O, counters and logic blocks (facts/firefly-dl.md 1.5, S8; nothing is wired to outputs and counters).

The name of the per-line inference threshold is a guess: only its existence is known (F-897).
"""

from __future__ import annotations

from functools import partial

from agent.sim.nodes.table import Category, boolean, command, enumeration, integer, real

LINES = ("Line0", "Line1", "Line2", "Line3")
_OUTPUT = "{LineMode} = {LineMode.Output}"
_line_enumeration = partial(enumeration, selector="LineSelector")
_line_boolean = partial(boolean, selector="LineSelector")

DIGITAL_IO = Category(
    "DigitalIOControl",
    (
        enumeration("LineSelector", entries=LINES),
        _line_enumeration("LineMode", entries=("Input", "Output")),
        _line_enumeration(
            "LineSource", available=_OUTPUT,
            entries=("Off", "ExposureActive", "FrameTriggerWait", "UserOutput0", "UserOutput1", "Counter0Active",
            "Counter1Active", "LogicBlock0", "LogicBlock1", "InferenceActive"),
        ),
        _line_boolean("LineInverter"),
        _line_boolean("LineStatus", access="RO", live=True),
        integer("LineStatusAll", access="RO", live=True, hex=True),
        _line_enumeration("LineFormat", access="RO", entries=("NoConnect", "TriState", "TTL"), default="TTL"),
        real(
            "LineInferenceThreshold", selector="LineSelector", default=0.5, minimum=0.0, maximum=1.0,
            available=_OUTPUT, visibility="Expert", display="Inference Threshold",
            tooltip="Confidence from which an inference switches the line",
        ),
        enumeration("UserOutputSelector", entries=("UserOutput0", "UserOutput1")),
        boolean("UserOutputValue", selector="UserOutputSelector"),
        boolean("V3_3Enable", selector="LineSelector"),
    ),
)  # fmt: skip

_COUNTER = "CounterSelector"
_counter_integer = partial(integer, selector=_COUNTER, minimum=0, maximum=65535)

COUNTERS = Category(
    "CounterAndTimerControl",
    (
        enumeration(_COUNTER, entries=("Counter0", "Counter1")),
        enumeration(
            "CounterEventSource", selector=_COUNTER,
            entries=("Off", "MHzTick", "Line0", "Line1", "Line2", "Line3", "UserOutput0", "FrameTriggerWait",
            "Counter0Start", "Counter1Start", "ExposureStart", "ExposureEnd"),
        ),
        enumeration(
            "CounterEventActivation", selector=_COUNTER, entries=("LevelLow", "LevelHigh", "RisingEdge", "FallingEdge",
            "AnyEdge"), default="RisingEdge",
        ),
        enumeration(
            "CounterTriggerSource", selector=_COUNTER,
            entries=("Off", "Line0", "Line1", "Line2", "Line3", "UserOutput0", "ExposureStart", "ExposureEnd"),
        ),
        enumeration("CounterTriggerActivation", selector=_COUNTER, entries=("RisingEdge", "FallingEdge", "AnyEdge")),
        enumeration("CounterResetSource", selector=_COUNTER, entries=("Off", "CounterTrigger", "Line0", "UserOutput0")),
        _counter_integer("CounterDelay"),
        _counter_integer("CounterDuration", default=1),
        integer("CounterValue", selector=_COUNTER, access="RO", live=True),
        integer("CounterValueAtReset", selector=_COUNTER, access="RO", live=True),
        enumeration(
            "CounterStatus", selector=_COUNTER, access="RO", live=True,
            entries=("CounterIdle", "CounterTriggerWait", "CounterActive", "CounterCompleted", "CounterOverflow"),
        ),
        command("CounterReset", selector=_COUNTER),
    ),
)  # fmt: skip

_BLOCK, _INPUT = "LogicBlockSelector", "LogicBlockLUTInputSelector"

LOGIC_BLOCKS = Category(
    "LogicBlockControl",
    (
        enumeration(_BLOCK, entries=("LogicBlock0", "LogicBlock1")),
        enumeration("LogicBlockLUTSelector", entries=("Value", "Enable")),
        integer("LogicBlockLUTOutputValueAll", selector=_BLOCK, minimum=0, maximum=255, hex=True),
        enumeration(_INPUT, entries=("Input0", "Input1", "Input2", "Input3")),
        enumeration(
            "LogicBlockLUTInputSource", selector=_INPUT,
            entries=("Zero", "Line0", "Line1", "Line2", "Line3", "UserOutput0", "Counter0Start", "Counter1Start"),
        ),
        enumeration(
            "LogicBlockLUTInputActivation", selector=_INPUT,
            entries=("LevelLow", "LevelHigh", "FallingEdge", "RisingEdge", "AnyEdge"),
        ),
    ),
)  # fmt: skip
