"""Makes docs/reference/metrics.md from the catalogue of metrics and the alert rules; with --check it changes nothing
and fails where they differ."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from agent.domain.alarms import ALARMS
from agent.domain.budget import ClaimKind, Priority
from agent.domain.states import CameraState, Degraded
from agent.telemetry.metrics import catalogue

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import generated  # noqa: E402  run as a program it does not know its package

PAGE = ROOT / "docs" / "reference" / "metrics.md"
RULES = ROOT / "deploy" / "prometheus" / "ofa-agent-alerts.yml"

_HEAD = """# Metrics

What an agent tells Prometheus at `/metrics` of `web.listen`, as text 0.0.4 or OpenMetrics, whichever the Accept header
asks for. How to use it: [watch with Prometheus](../how-to/watch-with-prometheus.md).

- Names never change their meaning. Times are seconds, shares are 0 to 1.
- Counters begin at 0 with the process and survive reloads and lost cameras. They are there from the start, so that the
  first count is a rise.
- What is not known has no series: a camera that is gone shows `ofa_camera_up 0` and none of its readings.
- Labels come from the config (`camera`) and from the lists below. Sub-nets are a label of `ofa_active_subnet_info`
  alone, which has one series a camera. Nothing that a client sends becomes a label.
"""
_PROCESS = """## Process

Those of the Prometheus client libraries, for the agent's own process: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_open_fds`, `process_max_fds`,
`process_start_time_seconds` (Linux).
"""
_ALERTS = """## Alert rules

Of `deploy/prometheus/ofa-agent-alerts.yml`. The alarm is the agent's own ([alarms](alarms.md)).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say that it differs; returns the exit code."""
    return generated.run(PAGE, "docs/reference/metrics.md", page, "tools/metrics_page.py", __doc__, argv)


def page() -> str:
    """The text that the page should have."""
    parts = [_HEAD]
    for title, metrics in catalogue.GROUPS:
        parts += [f"## {title}\n", *(_metric(metric) for metric in metrics)]
    parts += [_PROCESS, "## Values of labels\n", *_values(), "", "## Buckets\n", *_buckets(), "", _ALERTS, *_alerts()]
    return "\n".join(parts) + "\n"


def _metric(metric: catalogue.Metric) -> str:
    labels = f" `{{{', '.join(metric.labels)}}}`" if metric.labels else ""
    absent = f" No series where {metric.absent}." if metric.absent else ""
    return f"### `{metric.name}`\n\n{metric.kind}{labels}. {metric.help}{absent}\n"


def _values() -> Iterator[str]:
    """Every value that a label can have, where it is not a name of the config or the library."""
    listed: Mapping[str, Sequence[str]] = {
        "`state` of `ofa_camera_state`": [state.value for state in CameraState],
        "`reason` of `ofa_camera_degraded`": [reason.value for reason in Degraded],
        "`outcome` of `ofa_frames_total`": catalogue.FRAMES,
        "`outcome` of `ofa_results_total`": catalogue.RESULTS,
        "`bound` of `ofa_budget_seconds`": catalogue.BOUNDS[:2],
        "`bound` of `ofa_budget_violations_total`": catalogue.BOUNDS,
        "`source` of `ofa_budget_source`": [priority.name.lower() for priority in Priority],
        "`kind` of `ofa_claims`": [kind.value for kind in ClaimKind],
        "`reason` of `ofa_swaps_total`": [*(reason.value for reason in catalogue.SWAP_REASONS), catalogue.OTHER],
        "`result` of `ofa_swaps_total`": [result.value for result in catalogue.SWAP_RESULTS],
        "`outcome` of `ofa_config_reloads_total`": [outcome.value for outcome in catalogue.RELOADS],
        "`alarm`, `number` of `ofa_alarms_active`": [f"{kind.key} {kind.number}" for kind in ALARMS.values()],
    }
    yield "| label | values |\n|---|---|"
    for label, values in listed.items():
        yield f"| {label} | {', '.join(f'`{value}`' for value in values)} |"


def _buckets() -> Iterator[str]:
    """The bounds of each histogram, in seconds."""
    yield "| histogram | bounds in seconds |\n|---|---|"
    for metric in catalogue.METRICS:
        if metric.bounds:
            yield f"| `{metric.name}` | {', '.join(f'{bound:g}' for bound in metric.bounds)} |"


def _alerts() -> Iterator[str]:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    yield "| alert | severity | alarm | what to do |\n|---|---|---|---|"
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        labels = rule.get("labels", {})
        text = " ".join(_plain(rule["annotations"]["description"]).split())
        severity = labels.get("severity", "the alarm's")
        yield f"| `{rule['alert']}` | {severity} | {labels.get('alarm', '')} | {text} |"


def _plain(template: str) -> str:
    """Its words without the figures of one alert: the first of two ways to say it is shown."""
    while "{{ if" in template:
        before, _, rest = template.partition("{{ if")
        inner, _, rest = rest.partition("{{ end }}")
        first, second = inner.partition("}}")[2].split("{{ else }}")
        template = f"{before}{first} / {second}{rest}"
    while "{{" in template:
        before, _, rest = template.partition("{{")
        template = f"{before}N{rest.partition('}}')[2]}"
    return template.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
