"""Config files for tests, and the tables walked with a value for each key."""

from __future__ import annotations

from pathlib import Path

from agent.config import AgentConfig, load_config

CAMERA = "cameras: [{name: a, sdk: spinnaker}]\n"
BASE = "version: 1\n" + CAMERA

FULL = """\
version: 1
state_dir: state
api:
  unix_socket: api.sock
  unix_roles: {root: admin, "@ofa-agent": control}
  tcp:
    listen: "0.0.0.0:7443"
    tls: {cert: agent.pem, key: agent.key, client_ca: ca.pem, revoked: ca.crl}
    roles: {"spiffe://plant/plc-3": control, "spiffe://plant/*": read}
library: {path: library, trusted_keys: [one.pub], allow_older: true, max_age_days: 400}
cameras:
  - name: station-1
    sdk: spinnaker
    serial: "20381234"
    accepted_formats: [ncsdk-graph-2, ncsdk-graph-1]
    network_storage: flash
    results_from: events
    timestamps: exposure_start
    box_threshold: 0.4
    box_format: Corners
    acquisition:
      user_set: UserSet0
      pixel_format: BayerRG8
      roi: {x: 8, y: 4, width: 640, height: 480}
      exposure_us: 5000
      gain_db: 6
      frame_rate: 30
      trigger: {source: Line0, activation: falling}
    line_stopped_input: {line: Line2, stopped_when: low}
    policy:
      fail_safe_budget: {parts_per_minute: 300}
      swap: {window: permit}
  - name: station-2
    sdk: simulated
    serial: "20381235"
    inference_sync: every_frame
    simulation:
      {seed: 7, time_scale: 9.5, parts_per_minute: 600, spec: {quirks: default}, faults: [{operation: stream}]}
  - name: station-3
    sdk: simulated
    serial: "20381236"
    simulation: {socket: camera.sock}
groups:
  - {name: line-1, cameras: [station-1, station-2, station-3], max_concurrent_swaps: 2, wait_s: 12}
policy:
  default_budget: {max_latency_ms: 70, min_accuracy: 0.8, quantile: 0.95}
  fail_safe_budget: {max_latency_ms: 35}
  schedule:
    - {cron: "0 6 * * 1-5", parts_per_minute: 900}
    - {cron: "0 22 * * *", timezone: Europe/Berlin, max_latency_ms: 50, quantile: 0.9}
  swap: {min_dwell_s: 3, deadline_s: 40, window: line_stopped}
  infeasible: hold
  miss_cost: 2.5
  notice_s: 4
  idle_profiling: true
telemetry: {journal_days: 90}
reload: {watch: true, every_s: 0.5}
web: {listen: "[::1]:9470", preview: false}
"""


def written(folder: Path, text: str, name: str = "agent.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str) -> AgentConfig:
    return load_config(written(folder, text))
