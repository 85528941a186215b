"""Every metric that the agent exports. A name never changes its meaning; `docs/reference/metrics.md` is made of this.

Label values come from the config (`camera`), from enums, and for the info metrics from the library in use. Nothing that
a client sends is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.domain.decision import Reason
from agent.domain.journal import SwapOutcome
from agent.domain.reload import ReloadOutcome

Kind = Literal["counter", "gauge", "histogram", "info"]

# Service times and latencies: from a sub-net that is faster than any frame rate to a second, which no line waits for.
# Each bound is at most 1.5 times the one before, so that a quantile read from them is off by a half at the very worst;
# `ofa_result_latency_p99_seconds` tells the quantile itself.
TIME_BOUNDS_S = (
    0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32, 0.48, 0.7, 1.0
)  # fmt: skip
# Gaps and swaps: a stream that only restarts takes some .1 s, an upload to DDR 2 to 4 s, and 60 s is the swap's default
# deadline (`policy.swap.deadline_s`).
GAP_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 30.0, 60.0)

OVERRUN = 1.5  # a swap that takes so many times as long as was promised is one that the line did not plan for

BOUNDS = ("latency", "rate", "both")  # what a result breaks
FRAMES = ("complete", "incomplete")
RESULTS = ("published", "stale", "repeated", "dropped", "unattributed")
SWAP_REASONS = (
    Reason.INITIAL,
    Reason.BUDGET,
    Reason.MEASURED,
    Reason.MORE_ACCURATE,
    Reason.FAIL_SAFE,
    Reason.INFEASIBLE,
    Reason.RETIRED,
    Reason.RECOVERY,
    Reason.PROFILE,
    Reason.PINNED,
    Reason.GUARDED,
)  # those that a decision to swap can have: their series are there from the start, so that a first swap is a rise
OTHER = "other"  # any other reason: of a swap that another version of the agent began
SWAP_RESULTS = tuple(outcome for outcome in SwapOutcome if outcome is not SwapOutcome.RUNNING)
RELOADS = tuple(outcome for outcome in ReloadOutcome if outcome is not ReloadOutcome.WOULD_APPLY)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as it is scraped. `absent`: in words, when it has no series; empty where it always has."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ("camera",)
    absent: str = ""
    bounds: tuple[float, ...] = ()


_DOWN = "the camera is not connected"
_NO_NET = "no verified network is on the camera"
_NO_RESULT = "no result of the active sub-net has come yet"

# -- the camera -------------------------------------------------------------------------------------------------------

UP = Metric("ofa_camera_up", "gauge", "1 while the agent has the camera open, else 0.")
STATE = Metric(
    "ofa_camera_state", "gauge", "1 for the state that the camera is in, 0 for all others.", ("camera", "state")
)
DEGRADED = Metric(
    "ofa_camera_degraded",
    "gauge",
    "1 for each reason why an ACTIVE camera is not as wanted, else 0.",
    ("camera", "reason"),
)
INSPECTING = Metric(
    "ofa_camera_inspecting", "gauge", "1 while a verified network infers; 0 in a gap, and where there is none."
)
RECONNECTS = Metric(
    "ofa_camera_reconnects_total", "counter", "How often the camera was opened again after the first time."
)
TEMPERATURE = Metric(
    "ofa_camera_temperature_celsius",
    "gauge",
    "Temperature that the camera reports.",
    absent=f"{_DOWN}, or does not tell",
)
FRAMES_TOTAL = Metric(
    "ofa_frames_total",
    "counter",
    "Images from the camera: complete, or incomplete and thrown away. Read about once a second.",
    ("camera", "outcome"),
)

# -- results ----------------------------------------------------------------------------------------------------------

RESULTS_TOTAL = Metric(
    "ofa_results_total",
    "counter",
    "Results: published, stale (may be of the network before; thrown away), repeated (the same one seen again), "
    "dropped (the agent was too slow), unattributed (of an unknown generation; always a fault). Stale, repeated and "
    "dropped ones are read about once a second.",
    ("camera", "outcome"),
)
INFERENCE = Metric(
    "ofa_inference_seconds",
    "histogram",
    "Service time of the published results: the camera's own inference time. Less in number than the results where the "
    "camera does not measure it, and where it is steady: then it is read some ten times a second.",
    bounds=TIME_BOUNDS_S,
)
LATENCY = Metric(
    "ofa_result_latency_seconds",
    "histogram",
    "From the end of exposure to the published result, one for each.",
    bounds=TIME_BOUNDS_S,
)
INFERENCE_P50, INFERENCE_P99, LATENCY_P50, LATENCY_P99 = (
    Metric(
        f"ofa_{name}_{quantile}_seconds",
        "gauge",
        f"{named} of the {what} over the last 512 results of the active sub-net.",
        absent=absent,
    )
    for name, what, absent in (
        ("inference", "service time", f"{_NO_RESULT}, or the camera does not measure it"),
        ("result_latency", "result latency", _NO_RESULT),
    )
    for quantile, named in (("p50", "Median"), ("p99", "99 % quantile"))
)
LOAD = Metric(
    "ofa_vpu_load_ratio",
    "gauge",
    "Median service time times the rate of inferences asked for; 1 is saturation.",
    absent=f"{_NO_RESULT}, or nobody knows the rate",
)

# -- the sub-net and its library --------------------------------------------------------------------------------------

SUBNET = Metric(
    "ofa_active_subnet_info",
    "info",
    "The sub-net that is verified on the camera, and its generation.",
    ("camera", "subnet", "generation"),
    absent=_NO_NET,
)
ACCURACY = Metric(
    "ofa_active_subnet_accuracy_ratio",
    "gauge",
    "Accuracy of the active sub-net as its library states it (top 1, 0 to 1).",
    absent=f"{_NO_NET}, or the library has it no more",
)
LIBRARY = Metric(
    "ofa_library_info",
    "info",
    "The library in use.",
    ("camera", "library", "version"),
    absent="none is configured",
)

# -- the budget -------------------------------------------------------------------------------------------------------

BUDGET = Metric(
    "ofa_budget_seconds",
    "gauge",
    "The budget in force: the longest result latency (bound=latency), and the longest service time that the rate of "
    "parts allows (bound=rate).",
    ("camera", "bound"),
    absent="nobody asks for that bound",
)
BUDGET_QUANTILE = Metric(
    "ofa_budget_quantile_ratio", "gauge", "The share of results that must keep the budget in force (0 to 1)."
)
BUDGET_SOURCE = Metric(
    "ofa_budget_source",
    "gauge",
    "1 for the priority that the budget in force has, 0 for all others.",
    ("camera", "source"),
)
FEASIBLE = Metric(
    "ofa_budget_feasible",
    "gauge",
    "1 where a sub-net of the library meets the budget in force, else 0.",
    absent="there is no library, or nothing was decided yet",
)
FAIL_SAFE = Metric(
    "ofa_budget_fail_safe", "gauge", "1 while the fail-safe budget is in force: a lease has expired, else 0."
)
VIOLATIONS = Metric(
    "ofa_budget_violations_total",
    "counter",
    "Published results that broke the budget that was in force when their part was taken: by their latency, their "
    "service time (rate), or both. Each result counts once at most; while sub-nets are measured on purpose none does.",
    ("camera", "bound"),
)
CLAIMS = Metric("ofa_claims", "gauge", "Claims that stand on the camera, by their kind.", ("camera", "kind"))
LEASE_REMAINING = Metric(
    "ofa_lease_remaining_seconds",
    "gauge",
    "Until the first lease on the camera ends, if nobody renews it.",
    absent="there is no lease",
)
LEASE_EXPIRED = Metric("ofa_lease_expired_total", "counter", "Leases that ended without renewal.")
LINE_STOPPED = Metric("ofa_line_stopped", "gauge", "1 while the line is reported to stand, else 0 (also: unknown).")

# -- swaps ------------------------------------------------------------------------------------------------------------

SWAPS = Metric(
    "ofa_swaps_total",
    "counter",
    "Swaps that ended, as the journal has them: by the reason of the decision and by the outcome. refused: it ended "
    "before the gap, also because it was not wanted any more. interrupted: the agent ended in it; counted by the next.",
    ("camera", "reason", "result"),
)
SWAP_DURATION = Metric(
    "ofa_swap_duration_seconds",
    "histogram",
    "From the permit to the running stream, of each swap that touched the camera.",
    bounds=GAP_BOUNDS_S,
)
SWAP_GAP = Metric(
    "ofa_swap_gap_seconds",
    "histogram",
    "From the last part with a result before a swap to the first one after it; as long as the stop where the line "
    "stood meanwhile.",
    bounds=GAP_BOUNDS_S,
)
OVERRUNS = Metric(
    "ofa_swap_overruns_total",
    "counter",
    f"Swaps that kept the camera from inferring more than {OVERRUN:g} times as long as expected when they began.",
)
LAST_GAP, LAST_PROMISE = (
    Metric(f"ofa_swap_last_gap_{name}seconds", "gauge", text, absent="no gap was measured yet")
    for name, text in (
        ("", "The last gap that was measured."),
        ("promised_", "What was expected of that gap when its swap began, on a line that runs."),
    )
)

# -- the agent --------------------------------------------------------------------------------------------------------

BUILD = Metric("ofa_build_info", "info", "Version of the agent and of its Python.", ("version", "python"))
RELOAD_OK = Metric(
    "ofa_config_last_reload_successful",
    "gauge",
    "1 where what runs is what the config file says, 0 where the last start or reload refused it.",
    (),
    absent="the agent has just begun",
)
RELOAD_AT = Metric(
    "ofa_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the config file was last taken over, at the start or by a reload (Unix time).",
    (),
    absent="it never was: the agent runs on the copy of the last good one",
)
RELOADS_TOTAL = Metric("ofa_config_reloads_total", "counter", "Reloads by their outcome.", ("outcome",))
ALARMS = Metric(
    "ofa_alarms_active",
    "gauge",
    "1 for each alarm that stands, else 0. `number` is that of the alarm's page; without a camera it is the agent's.",
    ("camera", "alarm", "number", "severity"),
)
STREAMS = Metric("ofa_watch_streams", "gauge", "Streams of the API that clients hold open.", ())
CERTIFICATE = Metric(
    "ofa_tls_certificate_not_after_timestamp_seconds",
    "gauge",
    "When the certificate that the agent shows to clients ends (Unix time).",
    (),
    absent="there is no `api.tcp`",
)

GROUPS: tuple[tuple[str, tuple[Metric, ...]], ...] = (
    ("Camera", (UP, STATE, DEGRADED, INSPECTING, RECONNECTS, TEMPERATURE, FRAMES_TOTAL)),
    (
        "Results",
        (RESULTS_TOTAL, INFERENCE, LATENCY, INFERENCE_P50, INFERENCE_P99, LATENCY_P50, LATENCY_P99, LOAD),
    ),
    ("Sub-net and library", (SUBNET, ACCURACY, LIBRARY)),
    (
        "Budget",
        (BUDGET, BUDGET_QUANTILE, BUDGET_SOURCE, FEASIBLE, FAIL_SAFE, VIOLATIONS, CLAIMS, LEASE_REMAINING,
         LEASE_EXPIRED, LINE_STOPPED),
    ),
    ("Swaps", (SWAPS, SWAP_DURATION, SWAP_GAP, OVERRUNS, LAST_GAP, LAST_PROMISE)),
    ("Agent", (BUILD, RELOAD_OK, RELOAD_AT, RELOADS_TOTAL, ALARMS, STREAMS, CERTIFICATE)),
)  # fmt: skip
METRICS = tuple(metric for _, metrics in GROUPS for metric in metrics)
