"""The config with every default filled in, as YAML that loads to the same values."""

from __future__ import annotations

from typing import Any

import yaml

from agent.config.schema import AgentConfig, Camera, Group, Policy, Simulation
from agent.domain.budget import Budget


def effective(config: AgentConfig) -> str:
    """`config` as a YAML text."""
    document: dict[str, Any] = {
        "version": config.version,
        "state_dir": str(config.state_dir),
        "api": {"unix_socket": str(config.api.unix_socket)},
        "library": _library(config),
        "cameras": [_camera(camera) for camera in config.cameras],
        "groups": [_group(group) for group in config.groups] or None,
        "policy": _policy(config.policy),
        "telemetry": {"journal_days": config.telemetry.journal_days},
    }
    given = {key: value for key, value in document.items() if value is not None}
    return yaml.dump(given, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Never writes aliases: the reader refuses them."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _library(config: AgentConfig) -> dict[str, Any] | None:
    if config.library is None:
        return None
    return {"path": str(config.library.path), "trusted_keys": [str(key) for key in config.library.trusted_keys]}


def _camera(camera: Camera) -> dict[str, Any]:
    taken = camera.acquisition
    text: dict[str, Any] = {"name": camera.name, "sdk": camera.sdk}
    if camera.serial is not None:
        text["serial"] = camera.serial
    text |= {
        "accepted_formats": list(camera.accepted_formats),
        "network_storage": camera.network_storage,
        "inference_sync": camera.inference_sync,
        "results_from": camera.results_from,
        "timestamps": camera.timestamps,
        "box_threshold": _or(camera.box_threshold, "auto"),
        **({} if camera.box_format is None else {"box_format": camera.box_format}),
        "acquisition": {
            "user_set": taken.user_set,
            "pixel_format": taken.pixel_format,
            "roi": "full" if taken.roi == "full" else dict(zip(("x", "y", "width", "height"), taken.roi, strict=True)),
            "exposure_us": _or(taken.exposure_us, "auto"),
            "gain_db": _or(taken.gain_db, "auto"),
            "frame_rate": _or(taken.frame_rate, "auto"),
            "trigger": {"source": taken.trigger.source, "activation": taken.trigger.activation},
        },
    }
    if camera.simulation is not None:
        text["simulation"] = _simulation(camera.simulation)
    return text


def _simulation(simulation: Simulation) -> dict[str, Any]:
    faults = {"faults": [dict(fault) for fault in simulation.faults]} if simulation.faults else {}
    if simulation.socket is not None:
        return {"socket": str(simulation.socket), **faults}
    return {
        "seed": simulation.seed,
        "time_scale": simulation.time_scale,
        "parts_per_minute": _or(simulation.parts_per_minute, "none"),
        "spec": dict(simulation.spec),
        **faults,
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "cameras": list(group.cameras),
        "max_concurrent_swaps": group.max_concurrent_swaps,
        "wait_s": group.wait_s,
    }


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "default_budget": _budget(policy.default_budget),
        "fail_safe_budget": _budget(policy.fail_safe_budget),
        "swap": {"min_dwell_s": policy.swap.min_dwell_s, "deadline_s": policy.swap.deadline_s},
        "infeasible": policy.infeasible,
        "miss_cost": policy.miss_cost,
        "notice_s": policy.notice_s,
        "idle_profiling": policy.idle_profiling,
    }


def _budget(budget: Budget) -> dict[str, Any]:
    return {
        "max_latency_ms": _or(budget.max_latency_ms, "none"),
        "parts_per_minute": _or(budget.parts_per_minute, "none"),
        "min_accuracy": _or(budget.min_accuracy, "none"),
        "quantile": budget.quantile,
    }


def _or(value: float | None, word: str) -> float | str:
    return word if value is None else value
