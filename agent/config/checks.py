"""What no key can tell by itself: checks of a mapping as a whole, and of one against another."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.config.reading import Section
from agent.config.schema import AgentConfig, Camera, Group, Policy, Simulation
from agent.domain.budget import Budget
from agent.domain.schedule import ScheduleEntry
from agent.errors import BadInput

NATIVE_FORMATS = {"simulated": "openvino-ir-10", "spinnaker": "ncsdk-graph-2"}
DEVICE_KEYS = ("seed", "time_scale", "parts_per_minute", "spec")  # of a simulation in this process


def check_budget(section: Section, budget: Budget) -> Budget:
    try:
        return budget.validated()
    except BadInput as exc:
        section.refuse(exc.description)


def check_entry(section: Section, entry: ScheduleEntry) -> ScheduleEntry:
    check_budget(section, entry.budget)
    return entry


def check_simulation(section: Section, simulation: Simulation) -> Simulation:
    for key in DEVICE_KEYS:
        if simulation.socket is not None and section.has(key):
            section.fail(key, "belongs to the device process where `socket` is given; set it there")
    return simulation


def check_camera(section: Section, camera: Camera) -> Camera:
    """Also fills in the formats that follow from the SDK."""
    if camera.sdk == "simulated" and camera.simulation is None:
        section.fail("simulation", "is required with sdk simulated")
    if camera.sdk != "simulated" and camera.simulation is not None:
        section.fail("simulation", "is allowed with sdk simulated only")
    trigger = camera.acquisition.trigger.source
    if camera.inference_sync == "every_frame" and trigger != "free":
        section.fail(
            "inference_sync", f"every_frame is itself a trigger and cannot be used with trigger source {trigger}"
        )
    if camera.results_from == "events" and camera.inference_sync == "every_frame":
        section.fail("results_from", "events are of no use with every_frame, whose frames carry their own result")
    if camera.line_stopped_input is not None and camera.line_stopped_input.line == trigger:
        section.fail("line_stopped_input", f"{trigger} is the trigger of this camera; wire the input to another line")
    return camera if camera.accepted_formats else replace(camera, accepted_formats=(NATIVE_FORMATS[camera.sdk],))


def completed(top: Section, config: AgentConfig, read_policy: Callable[[Section, Policy], Policy]) -> AgentConfig:
    """`config` with each camera's own policy on top of that of the file; checks what needs the whole file."""
    _check_cameras(top, config.cameras)
    _check_groups(top, config)
    cameras = []
    for section, camera in zip(top.sections("cameras"), config.cameras, strict=True):
        own = section.section("policy")
        policy = read_policy(own, config.policy) if own is not None else config.policy
        cameras.append(replace(camera, policy=None if policy == config.policy else policy))
    return replace(config, cameras=tuple(cameras))


def _check_cameras(top: Section, cameras: Sequence[Camera]) -> None:
    for number, (section, camera) in enumerate(zip(top.sections("cameras"), cameras, strict=True)):
        others = cameras[:number]
        if any(camera.name == other.name for other in others):
            section.fail("name", f"{camera.name!r} is the name of another camera")
        if len(cameras) > 1 and camera.serial is None:
            section.fail("serial", "is required where there is more than one camera")
        if camera.serial is not None and any(camera.serial == other.serial for other in others):
            section.fail("serial", f"{camera.serial!r} is the serial of another camera")


def _check_groups(top: Section, config: AgentConfig) -> None:
    """Each camera in one group at most."""
    sections = top.sections("groups") if config.groups else []
    names = [camera.name for camera in config.cameras]
    for number, (section, group) in enumerate(zip(sections, config.groups, strict=True)):
        others = config.groups[:number]
        if any(group.name == other.name for other in others):
            section.fail("name", f"{group.name!r} is the name of another group")
        _check_members(section, names, others)
        _check_at_once(section, group)


def _check_members(section: Section, cameras: Sequence[str], others: Sequence[Group]) -> None:
    members: set[str] = set()
    for name, refuse in section.words("cameras"):
        if name not in cameras:
            near = difflib.get_close_matches(name, cameras, 1)
            refuse(f"{name!r} is not a camera; " + (f"did you mean {near[0]!r}?" if near else ", ".join(cameras)))
        if name in members:
            refuse(f"{name!r} is named twice")
        other = next((group.name for group in others if name in group.cameras), None)
        if other is not None:
            refuse(f"{name!r} is in group {other!r} already; a camera has one line")
        members.add(name)


def _check_at_once(section: Section, group: Group) -> None:
    """Less than all of them, so that one camera sees while the others swap; a lone camera has nobody to wait for."""
    members, asked = len(group.cameras), group.max_concurrent_swaps
    most = max(1, members - 1)
    if not 1 <= asked <= most:
        seeing = ", so that one sees while the others swap" if members > 1 else ""
        section.fail(
            "max_concurrent_swaps", f"{asked} is not within 1 to {most}: the group has {members} camera(s){seeing}"
        )
