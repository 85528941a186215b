"""Files of one demo run: state folder, sockets, config."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agent.cli.demo.phases import GATE_PITCHES, SPEEDS

CAMERA = "station-1"
_LONGEST_SOCKET = 100  # bytes; sun_path holds 107


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are. `scratch` is a short folder for the sockets where the state folder's path is too long."""

    state: Path
    sockets: Path
    library: Path
    scratch: Path | None = None

    @property
    def camera_socket(self) -> Path:
        return self.sockets / "camera.sock"

    @property
    def plant_socket(self) -> Path:
        """Made last by the device process (`agent.sim.server.plant_path`)."""
        return self.sockets / "camera.sock.plant"

    @property
    def api_socket(self) -> Path:
        return self.sockets / "api.sock"

    @property
    def config(self) -> Path:
        return self.state / "agent.yaml"

    def remove_scratch(self) -> None:
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)


def prepare(folder: Path, library: Path) -> Places:
    """A fresh `folder`/state with the config of the run; what the last run left there is removed."""
    state = folder / "state"
    if (state / "agent.yaml").is_file():
        shutil.rmtree(state)
    state.mkdir(exist_ok=True)
    scratch = None
    if len(str(state / "camera.sock.plant").encode()) > _LONGEST_SOCKET:
        scratch = Path(tempfile.mkdtemp(prefix="ofa-"))
    places = Places(state, scratch or state, library, scratch)
    places.config.write_text(_config(places))
    return places


def _config(places: Places) -> str:
    slowest = min(SPEEDS)
    return f"""\
# Written by `ofa-agent demo`.
version: 1
state_dir: {json.dumps(str(places.state / "daemon"))}
api: {{unix_socket: {json.dumps(str(places.api_socket))}}}
library: {{path: {json.dumps(str(places.library))}, allow_older: true}} # whoever deletes it gets another version 1
cameras:
  - name: {CAMERA}
    sdk: simulated
    accepted_formats: [openvino-ir-10]
    acquisition:
      roi: {{x: 184, y: 4, width: 1072, height: 1072}} # the part fills the height; the VPU's scaler squeezes the rest
      exposure_us: 2000
      trigger: {{source: Line0, activation: rising}}
    simulation: {{socket: {json.dumps(str(places.camera_socket))}}}
policy:
  default_budget: {{max_latency_ms: {GATE_PITCHES * 60_000 / slowest:.0f}, parts_per_minute: {slowest:g}}}
  fail_safe_budget: {{max_latency_ms: {GATE_PITCHES * 60_000 / max(SPEEDS):.0f}, parts_per_minute: {max(SPEEDS):g}}}
  swap: {{min_dwell_s: 2, deadline_s: 30}}
"""
