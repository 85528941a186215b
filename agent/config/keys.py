"""Every key of the config file (interfaces.md section 4).

The reader, `check --print-effective`, the JSON Schema, docs/reference/config.md and the diff of a reload are all made
of these tables: a key is told here and nowhere else. Its field is in agent.config.schema, with its default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from agent.config import schema
from agent.config.checks import (
    DEVICE_KEYS,
    check_budget,
    check_camera,
    check_entry,
    check_simulation,
    completed,
)
from agent.config.kinds import (
    Choice,
    Choices,
    File,
    Files,
    Fixed,
    Flag,
    Name,
    Number,
    NumberOr,
    Quoted,
    Socket,
    Text,
    Whole,
    Words,
)
from agent.config.kinds_access import Listen, Roles, UnixRoles
from agent.config.kinds_special import Anything, Cron, Input, ManyThings, Region, Zone
from agent.config.reading import Section
from agent.config.schema import Plain
from agent.config.table import REQUIRED, Key, KeyTable, Many, Sub
from agent.domain.budget import MAX_LATENCY_MS, MAX_PARTS_PER_MINUTE, Budget
from agent.domain.reload import ReloadClass
from agent.domain.schedule import ScheduleEntry
from agent.library.blob import FORMATS

LIVE, SWAP, RESTART = ReloadClass.LIVE, ReloadClass.SWAP, ReloadClass.RESTART

MAX_CAMERAS = 16
MAX_GROUPS = 16
MAX_ENTRIES = 64
MAX_NOTICE_S = 3_600.0  # a change that is certain an hour ahead is as good as known
MAX_MISS_COST = 1_000.0  # a miss that costs more than a thousand parts calls for the fastest net, not for a policy
SENSOR_WIDTH_PX, SENSOR_HEIGHT_PX = 1440, 1080  # facts/firefly-dl.md S9


def _given(key: str) -> dict[str, Plain]:
    """JSON Schema of a mapping that has a number there."""
    return {"required": [key], "properties": {key: {"type": "number"}}}


BUDGET = KeyTable(
    Budget,
    (
        Key(
            "max_latency_ms",
            NumberOr("none", "milliseconds", 1e-3, MAX_LATENCY_MS),
            "Bound on the time from the end of exposure to the published result.",
            LIVE,
        ),
        Key(
            "parts_per_minute",
            NumberOr("none", "parts per minute", 1e-3, MAX_PARTS_PER_MINUTE),
            "Bounds the service time by 60000 / this.",
            LIVE,
        ),
        Key(
            "min_accuracy",
            NumberOr("none", "correct parts of one", 1e-6, 1),
            "Least accuracy that a sub-net has to have, by the library.",
            LIVE,
        ),
        Key(
            "quantile",
            Number("results of one", 0.5, 0.9999),
            "Share of the results that has to keep the bounds.",
            LIVE,
        ),
    ),
    check=check_budget,
    also={"anyOf": [_given("max_latency_ms"), _given("parts_per_minute")]},
    inherits=False,
)


def _entry(cron: str, timezone: str | None, **bounds: float | None) -> ScheduleEntry:
    quantile = bounds.pop("quantile") or Budget().quantile
    return ScheduleEntry(cron, timezone, Budget(**bounds, quantile=quantile))


def _of_entry(entry: ScheduleEntry, key: str) -> object:
    return getattr(entry if key in ("cron", "timezone") else entry.budget, key)


ENTRY = KeyTable(
    ScheduleEntry,
    (
        Key("cron", Cron(), "When this budget begins to hold; it does until another entry's time comes.", LIVE),
        Key("timezone", Zone(), "Whose clock `cron` is read from; `host`: that of the machine.", LIVE, default=None),
        *BUDGET.keys,
    ),
    check=check_entry,
    build=_entry,
    get=_of_entry,
    also=BUDGET.also,
)

SWAP_TIMES = KeyTable(
    schema.SwapTimes,
    (
        Key("min_dwell_s", Number("seconds", 0, 86_400), "Least time from one activation to the next swap.", LIVE),
        Key(
            "deadline_s",
            Number("seconds", 1, 3_600),
            "Longest time that a swap may take; where it fails, the way back may take as long again.",
            LIVE,
        ),
        Key(
            "window",
            Choice(schema.WINDOWS),
            "When swaps may begin: at any time, while the line stands, or after `ofa-agent swap permit`. The fail-safe "
            "budget, and a camera without a network, wait for neither.",
            LIVE,
        ),
    ),
)

POLICY = KeyTable(
    schema.Policy,
    (
        Key("default_budget", Sub(BUDGET), "Holds while no client asks for anything. Given in part, the rest is open."),
        Key("fail_safe_budget", Sub(BUDGET), "Holds after a client's lease ran out. Given in part, the rest is open."),
        Key(
            "schedule",
            Many(ENTRY, "entries", 0, MAX_ENTRIES),
            "Budgets by the clock on the wall, in place of `default_budget`. The entry that fired last holds.",
            LIVE,
        ),
        Key("swap", Sub(SWAP_TIMES), "When swaps may be."),
        Key(
            "infeasible",
            Choice(schema.INFEASIBLES),
            "Where no sub-net keeps the budget: take the one most likely to, or hold the present one.",
            LIVE,
        ),
        Key(
            "miss_cost",
            Number("correct parts", 0, MAX_MISS_COST),
            "What a part without a result in time costs, in correctly judged ones: the higher, the surer a sub-net has "
            "to be.",
            LIVE,
        ),
        Key(
            "notice_s",
            Number("seconds", 0, MAX_NOTICE_S),
            "Time by which every client announces every change; 0: no such promise.",
            LIVE,
        ),
        Key(
            "idle_profiling",
            Flag(),
            "Measure sub-nets without a good profile while the line stands for long.",
            LIVE,
        ),
    ),
)

TRIGGER = KeyTable(
    schema.Trigger,
    (
        Key("source", Choice(schema.SOURCES), "What starts a frame; `free`: the camera's own frame rate.", RESTART),
        Key("activation", Choice(schema.ACTIVATIONS), "Which edge of it.", RESTART),
    ),
)

ACQUISITION = KeyTable(
    schema.Acquisition,
    (
        Key("user_set", Choice(schema.USER_SETS), "What is loaded before all other settings.", RESTART),
        Key("pixel_format", Choice(schema.PIXEL_FORMATS), "Pixels of a frame.", RESTART),
        Key("roi", Region(SENSOR_WIDTH_PX, SENSOR_HEIGHT_PX), "Part of the sensor that is read.", RESTART),
        # Ranges of the Firefly DL: facts/firefly-dl.md section 1.5.
        Key("exposure_us", NumberOr("auto", "microseconds", 29, 30e6), "Time of exposure.", RESTART),
        Key("gain_db", NumberOr("auto", "decibels", 0, 48), "Gain.", RESTART),
        Key(
            "frame_rate",
            NumberOr("auto", "frames per second", 1, 60),
            "Frames without a trigger; `auto`: as the user set says.",
            RESTART,
        ),
        Key("trigger", Sub(TRIGGER), "What starts a frame."),
    ),
)


def _of_simulation(simulation: schema.Simulation) -> Sequence[str]:
    names = [field.name for field in dataclasses.fields(simulation)]
    return names if simulation.socket is None else [name for name in names if name not in DEVICE_KEYS]


SIMULATION = KeyTable(
    schema.Simulation,
    (
        Key("socket", Socket(), "Device process of the camera (`sim serve`); left out: in the daemon itself.", RESTART),
        Key("seed", Whole("number", 0, 2**31 - 1), "Of everything that is drawn by chance.", RESTART),
        Key("time_scale", Number("times", 1e-3, 1e3), "By which inferences take longer.", RESTART),
        Key(
            "parts_per_minute",
            NumberOr("none", "parts per minute", 1e-3, MAX_PARTS_PER_MINUTE),
            "How fast parts come; `none`: as `spec` says.",
            RESTART,
        ),
        Key("spec", Anything("mapping; see the page of the simulator"), "The simulation's own terms.", RESTART),
        Key(
            "faults",
            ManyThings("list of mappings; see the page of the simulator"),
            "What goes wrong, armed when the agent starts.",
            RESTART,
        ),
    ),
    check=check_simulation,
    shown=_of_simulation,
)

CAMERA = KeyTable(
    schema.Camera,
    (
        Key("name", Name(), "By which logs, metrics and commands call it.", RESTART),
        Key(
            "sdk",
            Choice(schema.SDKS),
            "PySpin of the vendor, or the simulated camera; never one for the other.",
            RESTART,
        ),
        Key(
            "serial",
            Quoted(),
            "Of the camera; may be left out while there is one on the bus.",
            RESTART,
            default=None,
        ),
        Key(
            "accepted_formats",
            Choices(FORMATS),
            "Which networks it runs, in order of preference.",
            SWAP,
            default=(),
            default_says="`[ncsdk-graph-2]`; with sdk simulated `[openvino-ir-10]`",
        ),
        Key(
            "network_storage",
            Choice(schema.STORAGES),
            "`flash` keeps the network over a power loss, but is slow and wears.",
            RESTART,
        ),
        Key("inference_sync", Choice(schema.SYNCS), "`every_frame`: each frame waits for its own inference.", RESTART),
        Key("results_from", Choice(schema.RESULTS_FROM), "How results reach the host.", RESTART),
        Key("timestamps", Choice(schema.TIMESTAMPS), "What the camera stamps, as `camera commission` found.", RESTART),
        Key(
            "box_threshold",
            NumberOr("auto", "confidence", 0, 1),
            "Detection: boxes below it are not sent; `auto`: as the user set says.",
            RESTART,
        ),
        Key("box_format", Text(), "Detection: how boxes are coded; left out: as the user set says.", RESTART),
        Key("acquisition", Sub(ACQUISITION), "How frames are taken."),
        Key(
            "line_stopped_input",
            Input(),
            "Digital line that tells that the line stands; by its name alone it does while the level is high.",
            RESTART,
        ),
        Key("policy", Sub(POLICY, overrides=True), "Keys of `policy` that are other for this camera."),
        Key("simulation", Sub(SIMULATION), "With sdk simulated, and only then."),
    ),
    check=check_camera,
)

GROUP = KeyTable(
    schema.Group,
    (
        Key("name", Name(), "By which commands call it.", RESTART),
        Key("cameras", Words("camera"), "Its cameras; each is in one group at most.", RESTART),
        Key(
            "max_concurrent_swaps",
            Whole("swaps", 1, MAX_CAMERAS - 1),
            "How many of them swap at once; less than all.",
            RESTART,
        ),
        Key(
            "wait_s",
            Number("seconds", 1, 3_600),
            "How long a swap waits for its turn; one for a gain is then given up and decided anew.",
            RESTART,
        ),
    ),
)

TLS = KeyTable(
    schema.Tls,
    (
        Key(
            "cert",
            File(),
            "Certificate of the agent (PEM), with those that lead to its CA. This and the other files are read again "
            "whenever they change, also without a reload.",
            LIVE,
        ),
        Key(
            "key",
            File(),
            "Its private key (PEM), without a passphrase; nobody but its owner and group may read it.",
            LIVE,
        ),
        Key(
            "client_ca", File(), "CAs that issue for clients (PEM): each client's certificate is of one of these.", LIVE
        ),
        Key("revoked", File(), "What these CAs have revoked (CRL; PEM or DER).", LIVE),
    ),
)

TCP = KeyTable(
    schema.Tcp,
    (
        Key(
            "listen",
            Listen(),
            "Where clients elsewhere reach the daemon; port 0: a free one, told in the log.",
            RESTART,
        ),
        Key("tls", Sub(TLS), "Both sides show a certificate; there is no way in without."),
        Key(
            "roles",
            Roles(),
            "What clients may do, by the URI of their certificates: `read`, `control` (budgets, pins, swaps) or "
            "`admin`. A URI beats `*`, and the longest `*` the others; whoever has no entry may do nothing.",
            LIVE,
        ),
    ),
)

API = KeyTable(
    schema.Api,
    (
        Key("unix_socket", Socket(), "Where clients on this machine reach the daemon.", RESTART),
        Key(
            "unix_roles",
            UnixRoles(),
            "What they may do, by user or `@group`; left out: whoever may open the socket is admin.",
            LIVE,
        ),
        Key("tcp", Sub(TCP), "Clients elsewhere; without this section the daemon is not on the network."),
    ),
)

WEB = KeyTable(
    schema.Web,
    (
        Key(
            "listen",
            Listen(example="127.0.0.1:9464"),
            "Where browsers and Prometheus reach the page, without a login: on an address other than 127.0.0.1 whoever "
            "is on the network sees the plant's data. Port 0: a free one, told in the log.",
            RESTART,
        ),
        Key("preview", Flag(), "Show pictures of the cameras on the page.", LIVE),
    ),
)

LIBRARY = KeyTable(
    schema.LibrarySource,
    (
        Key(
            "path",
            File(),
            "Folder of the library, or a symbolic link to a version; a reload looks again.",
            SWAP,
        ),
        Key("trusted_keys", Files(), "Public keys (PEM); with any, one of them must have signed the manifest.", LIVE),
        Key("allow_older", Flag(), "Let a reload go back to a lower version than the one in use.", LIVE),
        Key(
            "max_age_days",
            NumberOr("none", "days", 1, 3_650),
            "A library that was made longer ago raises an alarm; `none`: it may be of any age.",
            LIVE,
        ),
    ),
)

TELEMETRY = KeyTable(
    schema.Telemetry,
    (Key("journal_days", Whole("days", 1, 3_650), "How long the journal keeps what is over.", RESTART),),
)

RELOAD = KeyTable(
    schema.ReloadSettings,
    (
        Key(
            "watch",
            Flag(),
            "Take over changes of this file, and of where `library.path` leads, unasked.",
            LIVE,
        ),
        Key(
            "every_s",
            Number("seconds", 0.1, 3_600),
            "How often they are looked for; two looks in a row agree.",
            LIVE,
        ),
    ),
)


def _completed(top: Section, config: schema.AgentConfig) -> schema.AgentConfig:
    return completed(top, config, POLICY.read)


AGENT = KeyTable(
    schema.AgentConfig,
    (
        Key(
            "version",
            Fixed(1, "this version of the agent reads version 1 only"),
            "Of the shape of this file.",
            RESTART,
            default=REQUIRED,
        ),
        Key("state_dir", File("folder name"), "Where the journal and the last good config are kept.", RESTART),
        Key("api", Sub(API), "Where clients reach the daemon."),
        Key("web", Sub(WEB), "The status page and the metrics; without this section there are none."),
        Key("library", Sub(LIBRARY), "Sub-nets; without this section the cameras stay IDLE and only stream."),
        Key("cameras", Many(CAMERA, "cameras", 1, MAX_CAMERAS, by="name"), "The cameras.", RESTART),
        Key("groups", Many(GROUP, "groups", 0, MAX_GROUPS, by="name"), "Cameras of one line.", RESTART),
        Key("policy", Sub(POLICY), "What every camera does."),
        Key("telemetry", Sub(TELEMETRY), "What is kept."),
        Key("reload", Sub(RELOAD), "How changes of this file are found."),
    ),
    check=_completed,
    build=partial(schema.AgentConfig, source=Path()),
)
