"""How one camera is to be set up: plain values that the composition root fills from the config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from agent.errors import BadInput

ResultsFrom = Literal["chunks", "events"]
Line = Literal["Line0", "Line1", "Line2", "Line3"]
LINES: tuple[Line, ...] = get_args(Line)
TriggerSource = Literal["free", "Line0", "Line1", "Line2", "Line3", "software"]
TRIGGER_SOURCES: tuple[str, ...] = ("free", "Line0", "Line1", "Line2", "Line3", "software")


@dataclass(frozen=True, slots=True)
class Roi:
    """A region of the sensor, in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts an exposure; `free` is the camera's own frame rate."""

    source: TriggerSource = "free"
    activation: Literal["rising", "falling"] = "rising"


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits and sizes of the adapter; the reasons of the defaults stand where they are used."""

    grab_timeout_ms: int = 50  # at most 100: the wait of a control request behind a silent trigger
    init_attempts: int = 5
    init_backoff_s: float = 0.5
    close_wait_s: float = 5.0
    idle_check_s: float = 1.0
    settle_s: float = 2.0  # firmware without a status node: time given to a network to load
    status_poll_s: float = 0.005  # between two looks whether a network is loaded
    status_rest_s: float = 0.05  # the same long before it can be: a cancel is answered within 200 ms
    status_near_s: float = 0.001  # and when it is to be any moment
    status_lag_s: float = 0.25  # how long a status node may still show the state before
    stall_s: float = 2.0
    clock_refresh_s: float = 10.0
    clock_round_trips: int = 5
    results_capacity: int = 4096
    requests_capacity: int = 32
    stream_buffers: int = 32
    silent_results: int = 8  # frames without a new result before a running network may count as hanging
    event_poll_ms: int = 2  # grab timeout while an event is awaited: it must not wait behind a silent trigger
    events_capacity: int = 256


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """Acquisition settings of one camera; None means automatic or the camera's own choice.

    `input_lines`: digital lines that are read, and so are made inputs.
    """

    name: str
    serial: str
    user_set: str | None = "Default"
    pixel_format: str = "Mono8"
    roi: Roi | None = None  # None = the full sensor
    exposure_us: float | None = None
    gain_db: float | None = None
    frame_rate: float | None = None
    trigger: Trigger = Trigger()
    inference_sync: Literal["free_running", "every_frame"] = "free_running"
    network_storage: Literal["ddr", "flash"] = "ddr"
    timestamps: Literal["exposure_end", "exposure_start"] = "exposure_end"
    results_from: ResultsFrom = "chunks"
    box_threshold: float | None = None  # detection networks: boxes below it are not sent; None = as the user set says
    box_format: str | None = None  # an entry of InferenceNetworkOutputFormatSelector; the names are not published
    input_lines: tuple[Line, ...] = ()
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        for line in self.input_lines:
            if line not in LINES:
                raise BadInput("input_lines", f"{line!r} is not one of {', '.join(LINES)}")
            if line == self.trigger.source:
                raise BadInput("input_lines", f"{line} is the trigger of this camera; wire the input to another line")
        if self.trigger.source not in TRIGGER_SOURCES:
            raise BadInput("trigger.source", f"{self.trigger.source!r} is not one of {', '.join(TRIGGER_SOURCES)}")
        if self.inference_sync == "every_frame" and self.triggered:
            # InferenceReady is itself the trigger source (facts/firefly-dl.md 1.5).
            raise BadInput(
                "inference_sync", f"every_frame excludes the trigger {self.trigger.source}: use free_running"
            )
        if self.results_from == "events" and self.inference_sync == "every_frame":
            raise BadInput("results_from", "events are of no use with every_frame, whose frames carry their own result")
        if self.box_threshold is not None and not 0.0 <= self.box_threshold <= 1.0:
            raise BadInput("box_threshold", f"{self.box_threshold} is outside 0..1")
        if not 1 <= self.timing.grab_timeout_ms <= 100:
            raise BadInput("timing.grab_timeout_ms", f"{self.timing.grab_timeout_ms} is outside 1..100")

    @property
    def waits(self) -> bool:
        """Frames come when something triggers them, be it an inference that has ended."""
        return self.triggered or self.inference_sync == "every_frame"

    @property
    def triggered(self) -> bool:
        """Frames come one a trigger: they are parts, and silence is normal."""
        return self.trigger.source != "free"
