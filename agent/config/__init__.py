"""Config file: YAML to frozen, typed values, with FILE:LINE: KEY: reason for everything that is wrong."""

from agent.config.diff import differences
from agent.config.dump import effective
from agent.config.load import load_config, parse_config
from agent.config.schema import (
    Acquisition,
    AgentConfig,
    Api,
    Camera,
    Group,
    LibrarySource,
    LineInput,
    Policy,
    ReloadSettings,
    Simulation,
    SwapTimes,
    Tcp,
    Telemetry,
    Tls,
    Trigger,
)

__all__ = [
    "Acquisition",
    "AgentConfig",
    "Api",
    "Camera",
    "Group",
    "LibrarySource",
    "LineInput",
    "Policy",
    "ReloadSettings",
    "Simulation",
    "SwapTimes",
    "Tcp",
    "Telemetry",
    "Tls",
    "Trigger",
    "differences",
    "effective",
    "load_config",
    "parse_config",
]
