"""The sections of the file, one function each (interfaces.md section 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from agent.config import schema
from agent.config.document import read_document
from agent.config.groups import read_groups
from agent.config.reading import Section
from agent.config.schema import (
    Acquisition,
    AgentConfig,
    Api,
    Camera,
    LibrarySource,
    Policy,
    Simulation,
    SwapTimes,
    Telemetry,
    Trigger,
)
from agent.domain.budget import MAX_LATENCY_MS, MAX_PARTS_PER_MINUTE, Budget
from agent.errors import BadInput
from agent.library.blob import FORMATS

MAX_CAMERAS = 16
MAX_NOTICE_S = 3_600.0  # a change that is certain an hour ahead is as good as known
MAX_MISS_COST = 1_000.0  # a miss that costs more than a thousand parts calls for the fastest net, not for a policy
SENSOR_WIDTH_PX, SENSOR_HEIGHT_PX = 1440, 1080  # facts/firefly-dl.md S9


def load_config(path: Path) -> AgentConfig:
    """Read and check `path`. Blocks on the disk. Raises ConfigError with the first thing that is wrong."""
    top = Section(path, "", read_document(path))
    if top.number("version", "(a version)", 0, 1e6) != 1:
        top.fail("version", "this version of the agent reads version 1 only")
    top.not_yet("web")
    cameras = _cameras(top)
    config = AgentConfig(
        source=path.absolute(),
        cameras=cameras,
        state_dir=top.path("state_dir", schema.STATE_DIR),
        api=_api(top.section("api")),
        library=_library(top.section("library")),
        groups=read_groups(top, [camera.name for camera in cameras]),
        policy=_policy(top.section("policy")),
        telemetry=_telemetry(top.section("telemetry")),
    )
    top.finish()
    return config


def _api(section: Section | None) -> Api:
    if section is None:
        return Api()
    section.not_yet("tcp")
    api = Api(section.socket("unix_socket", Api().unix_socket))
    section.finish()
    return api


def _library(section: Section | None) -> LibrarySource | None:
    if section is None:
        return None
    library = LibrarySource(section.path("path"), section.paths("trusted_keys"))
    section.finish()
    return library


def _cameras(top: Section) -> tuple[Camera, ...]:
    sections = top.sections("cameras")
    if not 1 <= len(sections) <= MAX_CAMERAS:
        top.fail("cameras", f"{len(sections)} cameras, expected 1 to {MAX_CAMERAS}")
    cameras: list[Camera] = []
    for section in sections:
        camera = _camera(section)
        if any(camera.name == other.name for other in cameras):
            section.fail("name", f"{camera.name!r} is the name of another camera")
        if len(sections) > 1 and camera.serial is None:
            section.fail("serial", "is required where there is more than one camera")
        if camera.serial is not None and any(camera.serial == other.serial for other in cameras):
            section.fail("serial", f"{camera.serial!r} is the serial of another camera")
        cameras.append(camera)
    return tuple(cameras)


def _camera(section: Section) -> Camera:
    section.not_yet("line_stopped_input", "policy")
    name = section.name()
    sdk = section.choice("sdk", schema.SDKS)
    acquisition = _acquisition(section.section("acquisition"))
    native = "openvino-ir-10" if sdk == "simulated" else "ncsdk-graph-2"
    camera = Camera(
        name=name,
        sdk=sdk,
        serial=section.quoted("serial"),
        accepted_formats=section.choices("accepted_formats", FORMATS, (native,)),
        network_storage=section.choice("network_storage", schema.STORAGES, "ddr"),
        inference_sync=(sync := _sync(section, acquisition)),
        results_from=_results_from(section, sync),
        timestamps=section.choice("timestamps", schema.TIMESTAMPS, "exposure_end"),
        box_threshold=section.number_or("box_threshold", "auto", "confidence", 0, 1),
        box_format=section.word("box_format") if section.has("box_format") else None,
        acquisition=acquisition,
        simulation=_simulation(section, sdk),
    )
    section.finish()
    return camera


def _sync(section: Section, acquisition: Acquisition) -> schema.InferenceSync:
    sync = section.choice("inference_sync", schema.SYNCS, "free_running")
    if sync == "every_frame" and acquisition.trigger.source != "free":
        section.fail(
            "inference_sync",
            f"every_frame is itself a trigger and cannot be used with trigger source {acquisition.trigger.source}",
        )
    return sync


def _results_from(section: Section, sync: schema.InferenceSync) -> schema.ResultsFrom:
    source = section.choice("results_from", schema.RESULTS_FROM, "chunks")
    if source == "events" and sync == "every_frame":
        section.fail("results_from", "events are of no use with every_frame, whose frames carry their own result")
    return source


def _acquisition(section: Section | None) -> Acquisition:
    if section is None:
        return Acquisition()
    acquisition = Acquisition(
        user_set=section.choice("user_set", schema.USER_SETS, "Default"),
        pixel_format=section.choice("pixel_format", schema.PIXEL_FORMATS, "Mono8"),
        roi=_roi(section),
        # Ranges of the Firefly DL: facts/firefly-dl.md section 1.5.
        exposure_us=section.number_or("exposure_us", "auto", "microseconds", 29, 30e6),
        gain_db=section.number_or("gain_db", "auto", "decibels", 0, 48),
        frame_rate=section.number_or("frame_rate", "auto", "frames per second", 1, 60),
        trigger=_trigger(section.section("trigger")),
    )
    section.finish()
    return acquisition


def _roi(acquisition: Section) -> Literal["full"] | tuple[int, int, int, int]:
    section = acquisition.section("roi") if acquisition.holds_mapping("roi") else None
    if section is None:
        acquisition.choice("roi", ("full",), "full")
        return "full"
    x = section.whole("x", "pixels", 0, SENSOR_WIDTH_PX - 1, 0)
    y = section.whole("y", "pixels", 0, SENSOR_HEIGHT_PX - 1, 0)
    width = section.whole("width", "pixels", 1, SENSOR_WIDTH_PX - x)
    height = section.whole("height", "pixels", 1, SENSOR_HEIGHT_PX - y)
    section.finish()
    return x, y, width, height


def _trigger(section: Section | None) -> Trigger:
    if section is None:
        return Trigger()
    trigger = Trigger(
        section.choice("source", schema.SOURCES, "free"),
        section.choice("activation", schema.ACTIVATIONS, "rising"),
    )
    section.finish()
    return trigger


def _simulation(camera: Section, sdk: schema.Sdk) -> Simulation | None:
    section = camera.section("simulation")
    if section is None:
        return camera.fail("simulation", "is required with sdk simulated") if sdk == "simulated" else None
    if sdk != "simulated":
        camera.fail("simulation", "is allowed with sdk simulated only")
    simulation = Simulation(
        socket=section.socket("socket") if section.has("socket") else None,
        seed=section.whole("seed", "(a seed)", 0, 2**31 - 1, 1),
        time_scale=section.number("time_scale", "times", 1e-3, 1e3, 1.0),
        parts_per_minute=section.number_or("parts_per_minute", "none", "parts per minute", 1e-3, MAX_PARTS_PER_MINUTE),
        spec=section.plain("spec"),
        faults=section.plains("faults"),
    )
    for key in ("seed", "time_scale", "parts_per_minute", "spec"):
        if simulation.socket is not None and section.has(key):
            section.fail(key, "belongs to the device process where `socket` is given; set it there")
    section.finish()
    return simulation


def _policy(section: Section | None) -> Policy:
    if section is None:
        return Policy()
    section.not_yet("schedule")
    policy = Policy(
        default_budget=_budget(section, "default_budget", Policy().default_budget),
        fail_safe_budget=_budget(section, "fail_safe_budget", Policy().fail_safe_budget),
        swap=_swap(section.section("swap")),
        infeasible=section.choice("infeasible", schema.INFEASIBLES, "best_effort"),
        miss_cost=section.number("miss_cost", "correct parts", 0, MAX_MISS_COST, 0.0),
        notice_s=section.number("notice_s", "seconds", 0, MAX_NOTICE_S, 0.0),
        idle_profiling=section.flag("idle_profiling", False),
    )
    section.finish()
    return policy


def _swap(section: Section | None) -> SwapTimes:
    if section is None:
        return SwapTimes()
    section.not_yet("window")
    times = SwapTimes(
        section.number("min_dwell_s", "seconds", 0, 86_400, SwapTimes().min_dwell_s),
        section.number("deadline_s", "seconds", 1, 3_600, SwapTimes().deadline_s),
    )
    section.finish()
    return times


def _budget(parent: Section, key: str, default: Budget) -> Budget:
    section = parent.section(key)
    if section is None:
        return default
    budget = Budget(
        section.number_or("max_latency_ms", "none", "milliseconds", 1e-3, MAX_LATENCY_MS),
        section.number_or("parts_per_minute", "none", "parts per minute", 1e-3, MAX_PARTS_PER_MINUTE),
        section.number_or("min_accuracy", "none", "correct parts of one", 1e-6, 1),
        section.number("quantile", "results of one", 0.5, 0.9999, 0.99),
    )
    section.finish()
    try:
        return budget.validated()
    except BadInput as exc:
        parent.fail(key, exc.description)


def _telemetry(section: Section | None) -> Telemetry:
    if section is None:
        return Telemetry()
    telemetry = Telemetry(section.whole("journal_days", "days", 1, 3_650, 30))
    section.finish()
    return telemetry
