"""The config as the app reads it. Defaults here are the defaults of the file; None means what the comment says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from agent.domain.access import Role
from agent.domain.budget import Budget
from agent.domain.schedule import ScheduleEntry

Sdk = Literal["spinnaker", "simulated"]
NetworkStorage = Literal["ddr", "flash"]
InferenceSync = Literal["free_running", "every_frame"]
ResultsFrom = Literal["chunks", "events"]
Timestamps = Literal["exposure_end", "exposure_start"]
PixelFormat = Literal["Mono8", "BayerRG8", "RGB8", "BGR8"]
UserSet = Literal["Default", "UserSet0", "UserSet1"]
TriggerSource = Literal["free", "Line0", "software"]
Activation = Literal["rising", "falling"]
Infeasible = Literal["best_effort", "hold"]
Window = Literal["any", "line_stopped", "permit"]
Line = Literal["Line0", "Line1", "Line2", "Line3"]
Level = Literal["high", "low"]
Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

SDKS: tuple[Sdk, ...] = get_args(Sdk)
STORAGES: tuple[NetworkStorage, ...] = get_args(NetworkStorage)
SYNCS: tuple[InferenceSync, ...] = get_args(InferenceSync)
RESULTS_FROM: tuple[ResultsFrom, ...] = get_args(ResultsFrom)
TIMESTAMPS: tuple[Timestamps, ...] = get_args(Timestamps)
PIXEL_FORMATS: tuple[PixelFormat, ...] = get_args(PixelFormat)
USER_SETS: tuple[UserSet, ...] = get_args(UserSet)
SOURCES: tuple[TriggerSource, ...] = get_args(TriggerSource)
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
INFEASIBLES: tuple[Infeasible, ...] = get_args(Infeasible)
WINDOWS: tuple[Window, ...] = get_args(Window)
LINES: tuple[Line, ...] = get_args(Line)
LEVELS: tuple[Level, ...] = get_args(Level)

DEFAULT_BUDGET = Budget(max_latency_ms=80.0)
FAIL_SAFE_BUDGET = Budget(max_latency_ms=40.0)
WAIT_S = 30.0
STATE_DIR = Path("/var/lib/ofa-agent")


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a frame; `free` is the camera's own frame rate."""

    source: TriggerSource = "free"
    activation: Activation = "rising"


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How frames are taken. None = automatic (exposure, gain) or as the user set says (frame rate)."""

    user_set: UserSet = "Default"
    pixel_format: PixelFormat = "Mono8"
    roi: Literal["full"] | tuple[int, int, int, int] = "full"  # x, y, width, height in pixels
    exposure_us: float | None = None
    gain_db: float | None = None
    frame_rate: float | None = None
    trigger: Trigger = Trigger()


@dataclass(frozen=True, slots=True)
class Simulation:
    """Where the simulated camera is: a device process behind `socket`, or in this process (socket None).

    `spec` goes to the simulation as it stands and is checked there. `faults` are armed when the agent starts, in either
    place; the other fields are for the in-process device.
    """

    socket: Path | None = None
    seed: int = 1
    time_scale: float = 1.0
    parts_per_minute: float | None = None
    spec: Mapping[str, Plain] = field(default_factory=dict)
    faults: tuple[Mapping[str, Plain], ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Cameras of one line, by name: at most `max_concurrent_swaps` of them swap at once, and never all.

    A swap for a gain in accuracy that has waited `wait_s` for its turn is given up and decided anew; any other goes on
    with the next turn even where no other camera sees.
    """

    name: str
    cameras: tuple[str, ...]
    max_concurrent_swaps: int = 1
    wait_s: float = WAIT_S


@dataclass(frozen=True, slots=True)
class SwapTimes:
    """When swaps may be: `min_dwell_s` from one activation to the next swap, `deadline_s` for a whole swap.

    `window` holds swaps until the line stands, or somebody permits one; the fail-safe budget waits for neither.
    """

    min_dwell_s: float = 5.0
    deadline_s: float = 60.0
    window: Window = "any"


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds while no client asks for anything, and after a lease ran out.

    `schedule`: budgets by the clock on the wall, in place of `default_budget` from the first time of an entry on.
    `notice_s`: clients promise to announce every change at least so long ahead (0: no such promise); a policy may then
    count on being told, and it takes effect without a swap or a restart. `miss_cost`: of a part without a result in
    time, in correctly judged ones. `idle_profiling`: while the line stands for long, sub-nets without a good profile
    are measured, one at a time.
    """

    default_budget: Budget = DEFAULT_BUDGET
    fail_safe_budget: Budget = FAIL_SAFE_BUDGET
    schedule: tuple[ScheduleEntry, ...] = ()
    swap: SwapTimes = SwapTimes()
    infeasible: Infeasible = "best_effort"
    miss_cost: float = 0.0
    notice_s: float = 0.0
    idle_profiling: bool = False


@dataclass(frozen=True, slots=True)
class LineInput:
    """A digital input of the camera that tells whether the line stands: it does while the level is `stopped_when`."""

    line: Line
    stopped_when: Level = "high"


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera. `serial` None = the only camera on the bus.

    `policy`: complete, where the file has something else for this camera than for all; see AgentConfig.policy_of.
    """

    name: str
    sdk: Sdk
    serial: str | None
    accepted_formats: tuple[str, ...]
    network_storage: NetworkStorage = "ddr"
    inference_sync: InferenceSync = "free_running"
    results_from: ResultsFrom = "chunks"
    timestamps: Timestamps = "exposure_end"  # what `camera commission` found that the camera stamps
    box_threshold: float | None = None  # detection networks; None = as the user set says
    box_format: str | None = None
    acquisition: Acquisition = Acquisition()
    line_stopped_input: LineInput | None = None
    policy: Policy | None = None
    simulation: Simulation | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: the agent's certificate (with what leads to its CA) and its key, the CAs that issue for clients, and
    what these have revoked (PEM or DER)."""

    cert: Path
    key: Path
    client_ca: Path
    revoked: Path | None = None


@dataclass(frozen=True, slots=True)
class Tcp:
    """Where clients elsewhere come in, all of them with a certificate. `roles`: by URI or pattern; see role_of."""

    listen: str
    tls: Tls
    roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Api:
    """`unix_roles`: by user or @group of this machine; None: whoever may open the socket is admin. `tcp` None: none."""

    unix_socket: Path = Path("/run/ofa-agent/api.sock")
    unix_roles: Mapping[str, Role] | None = None
    tcp: Tcp | None = None


@dataclass(frozen=True, slots=True)
class Web:
    """The status page and the metrics over HTTP, read-only and without a login. `preview`: pictures of the cameras."""

    listen: str = "127.0.0.1:9464"
    preview: bool = True


@dataclass(frozen=True, slots=True)
class LibrarySource:
    """`path` may be a link to a version; with `trusted_keys` the manifest must be signed by one of them.

    `allow_older`: a reload may also go back to a lower version than the one in use. `max_age_days`: a library that was
    made longer ago raises an alarm.
    """

    path: Path
    trusted_keys: tuple[Path, ...] = ()
    allow_older: bool = False
    max_age_days: float | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    journal_days: int = 30


@dataclass(frozen=True, slots=True)
class ReloadSettings:
    """`watch`: the file and the library are looked at every `every_s`, and what has changed is taken over."""

    watch: bool = False
    every_s: float = 2.0


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """A whole file. `library` None = cameras stay IDLE and only stream; `web` None = no page. Paths are absolute."""

    source: Path
    cameras: tuple[Camera, ...]
    version: int = 1
    state_dir: Path = STATE_DIR
    api: Api = Api()
    web: Web | None = None
    library: LibrarySource | None = None
    groups: tuple[Group, ...] = ()
    policy: Policy = Policy()
    telemetry: Telemetry = Telemetry()
    reload: ReloadSettings = ReloadSettings()

    def policy_of(self, camera: Camera) -> Policy:
        """What holds for this camera: its own policy, else that of the file."""
        return self.policy if camera.policy is None else camera.policy
