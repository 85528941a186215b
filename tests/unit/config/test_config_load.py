"""What a config file may say, and the one line that names what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.app import supervisor_settings
from agent.config import effective, load_config
from agent.domain.budget import Budget
from agent.errors import ConfigError

SAMPLES = Path(__file__).parents[3] / "deploy" / "config"
CAMERA = "cameras: [{name: a, sdk: spinnaker}]\n"
BASE = "version: 1\n" + CAMERA


def written(folder: Path, text: str) -> Path:
    path = folder / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def error_of(folder: Path, text: str) -> str:
    """The message without the file name: LINE: KEY: reason."""
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert "\n" not in message
    return message.removeprefix(f"{path}:")


def camera_error(folder: Path, inner: str) -> str:
    return error_of(folder, "version: 1\ncameras:\n  - name: a\n    sdk: spinnaker\n" + inner)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_sample_config_loads_and_its_effective_form_means_the_same(sample: Path, tmp_path: Path) -> None:
    config = load_config(sample)
    again = load_config(written(tmp_path, effective(config)))
    assert effective(again) == effective(config)
    assert again.cameras == config.cameras
    assert again.groups == config.groups
    assert again.policy == config.policy


def test_the_hardware_sample_says_what_it_means() -> None:
    config = load_config(SAMPLES / "agent.yaml")
    camera = config.cameras[0]
    assert (camera.sdk, camera.serial, camera.accepted_formats) == ("spinnaker", "20381234", ("ncsdk-graph-2",))
    assert (camera.acquisition.exposure_us, camera.acquisition.trigger.source) == (None, "Line0")
    assert config.policy.default_budget == Budget(max_latency_ms=80.0, quantile=0.99)
    assert config.library is not None
    assert config.library.trusted_keys == ()


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "state_dir: state\napi: {unix_socket: a.sock}\n" + BASE))
    assert config.state_dir == tmp_path / "state"
    assert config.api.unix_socket == tmp_path / "a.sock"


def test_what_is_left_out_has_the_documented_default(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, BASE))
    assert config.api.unix_socket == Path("/run/ofa-agent/api.sock")
    assert config.library is None
    assert config.cameras[0].serial is None
    assert config.policy.swap.min_dwell_s == 5
    assert config.telemetry.journal_days == 30


def test_what_a_miss_costs_reaches_the_supervisor(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, BASE + "policy: {miss_cost: 2.5}\n"))
    assert load_config(written(tmp_path, effective(config))).policy == config.policy
    assert supervisor_settings(config, config.cameras[0]).miss_cost == 2.5
    base = load_config(written(tmp_path, BASE))
    assert supervisor_settings(base, base.cameras[0]).miss_cost == 0.0


def test_a_promise_to_announce_changes_reaches_the_supervisor(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, BASE + "policy: {notice_s: 4.5}\n"))
    assert load_config(written(tmp_path, effective(config))).policy == config.policy
    assert supervisor_settings(config, config.cameras[0]).notice_s == 4.5
    base = load_config(written(tmp_path, BASE))
    assert supervisor_settings(base, base.cameras[0]).notice_s == 0.0


def test_a_region_of_the_sensor_can_be_given(tmp_path: Path) -> None:
    inner = "acquisition: {roi: {x: 8, y: 4, width: 640, height: 480}, frame_rate: 5}"
    config = load_config(written(tmp_path, f"version: 1\ncameras: [{{name: a, sdk: spinnaker, {inner}}}]\n"))
    assert config.cameras[0].acquisition.roi == (8, 4, 640, 480)
    assert load_config(written(tmp_path, effective(config))).cameras == config.cameras


def test_the_simulation_takes_a_socket_or_parameters(tmp_path: Path) -> None:
    head = "version: 1\ncameras:\n  - name: a\n    sdk: simulated\n    simulation: "
    remote = load_config(written(tmp_path, head + "{socket: cam.sock}\n")).cameras[0]
    local = load_config(written(tmp_path, head + "{seed: 7, time_scale: 9.5, spec: {vpu: {sigma: 0, on: true}}}\n"))
    assert remote.simulation is not None
    assert remote.simulation.socket == tmp_path / "cam.sock"
    assert remote.accepted_formats == ("openvino-ir-10",)
    simulation = local.cameras[0].simulation
    assert simulation is not None
    assert (simulation.seed, simulation.time_scale, simulation.parts_per_minute) == (7, 9.5, None)
    assert simulation.spec == {"vpu": {"sigma": 0, "on": True}}
    assert load_config(written(tmp_path, effective(local))).cameras[0].simulation == simulation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: file: is empty"),
        ("- a\n", "1: file: is not a mapping"),
        (CAMERA, "1: version: is required"),
        ("version: 2\n" + CAMERA, "1: version: this version of the agent reads version 1 only"),
        ("version: 1\n", "1: cameras: is required"),
        ("version: 1\ncameras: []\n", "2: cameras: 0 cameras, expected 1 to 16"),
        ("version: 1\ncameras: [a]\n", "2: cameras[0]: is not a mapping"),
        (BASE + "librari: {}\n", "3: librari: unknown key; did you mean 'library'?"),
        (BASE + "zzz: 1\n", "3: zzz: unknown key; known here: api, cameras"),
        (BASE + "version: 1\n", "3: version: is given twice; first on line 1"),
        (BASE + "web: {listen: x}\n", "3: web.listen: 'x' has no port; write HOST:PORT, such as 127.0.0.1:9464"),
        (BASE + "api:\n  tcp: {}\n", "4: api.tcp.listen: is required"),
        (BASE + f"api: {{unix_socket: /{'s' * 120}}}\n", "3: api.unix_socket: socket path of 121 bytes"),
        (BASE + "library: {}\n", "3: library.path: is required"),
        (BASE + "library: {path: l, trusted_keys: [[]]}\n", "3: library.trusted_keys[0]: is not a file name"),
        (BASE + "library: {path: l, trusted_keys: []}\n", "3: library.trusted_keys: is empty; name at least one file"),
        (BASE + "state_dir:\n", "3: state_dir: is not a text"),
        (BASE + "policy: 5\n", "3: policy: is not a mapping"),
        (BASE + "policy:\n  schedule: {}\n", "4: policy.schedule: is not a list of mappings"),
        (
            BASE + "policy:\n  swap: {window: line_stop}\n",
            "4: policy.swap.window: 'line_stop' is not one of any, line_stopped, permit; did you mean 'line_stopped'?",
        ),
        (BASE + "policy:\n  swap: {min_dwell_s: -1}\n", "4: policy.swap.min_dwell_s: -1 seconds is outside 0 to"),
        (BASE + "policy:\n  infeasible: best_efort\n", "4: policy.infeasible: 'best_efort' is not one of best_effort"),
        (BASE + "policy:\n  idle_profiling: often\n", "4: policy.idle_profiling: 'often' is not one of true, false"),
        (BASE + "policy:\n  miss_cost: -1\n", "4: policy.miss_cost: -1 correct parts is outside 0 to 1000"),
        (BASE + "policy:\n  notice_s: -1\n", "4: policy.notice_s: -1 seconds is outside 0 to 3600"),
        (BASE + "policy:\n  notice_s: soon\n", "4: policy.notice_s: 'soon' is not a number of seconds"),
        (BASE + "policy:\n  default_budget: {}\n", "4: policy.default_budget: neither max_latency_ms nor"),
        (
            BASE + "policy:\n  default_budget: {max_latency_ms: .nan}\n",
            "4: policy.default_budget.max_latency_ms: '.nan'",
        ),
        (
            BASE + "policy:\n  default_budget: {quantile: .inf}\n",
            "4: policy.default_budget.quantile: .inf is not a fin",
        ),
        (
            BASE + "policy:\n  default_budget: {quantile: 0.2}\n",
            "4: policy.default_budget.quantile: 0.2 results of one",
        ),
        (
            BASE + "policy:\n  default_budget: {max_latency_ms: 1e999}\n",
            "4: policy.default_budget.max_latency_ms: 1e999",
        ),
        (BASE + "telemetry: {journal_days: 1.5}\n", "3: telemetry.journal_days: 1.5 is not a whole number of days"),
        (BASE + "telemetry: {journal_days: '3'}\n", "3: telemetry.journal_days: '3' is not a number of days"),
        (BASE + "telemetry: {journal_days: [3]}\n", "3: telemetry.journal_days: is not a number of days"),
    ],
)
def test_a_wrong_file_is_refused_with_line_key_and_reason(tmp_path: Path, text: str, expected: str) -> None:
    assert error_of(tmp_path, text).startswith(expected)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("    sdk2: x\n", "5: cameras[0].sdk2: unknown key; did you mean 'sdk'?"),
        ("    serial: 0012\n", '5: cameras[0].serial: 0012 is a number here; put it in quotes: "0012"'),
        ("    policy: []\n", "5: cameras[0].policy: is not a mapping of keys to values"),
        (
            "    line_stopped_input: Line4\n",
            "5: cameras[0].line_stopped_input: 'Line4' is not one of Line0, Line1, L",
        ),
        ("    accepted_formats: [ncsdk]\n", "5: cameras[0].accepted_formats[0]: 'ncsdk' is not one of"),
        ("    accepted_formats: []\n", "5: cameras[0].accepted_formats: is empty"),
        ("    accepted_formats: ncsdk-graph-2\n", "5: cameras[0].accepted_formats: is not a list of words"),
        ("    simulation: {}\n", "5: cameras[0].simulation: is allowed with sdk simulated only"),
        (
            "    acquisition: {exposure_us: '5ms'}\n",
            "5: cameras[0].acquisition.exposure_us: '5ms' is not a number of mi",
        ),
        ("    acquisition: {exposure_us: 5}\n", "5: cameras[0].acquisition.exposure_us: 5 microseconds is outside 29"),
        ("    acquisition: {roi: half}\n", "5: cameras[0].acquisition.roi: 'half' is not one of full"),
        (
            "    acquisition: {roi: {x: 800, width: 700, height: 9}}\n",
            "5: cameras[0].acquisition.roi.width: 700 pixels is",
        ),
        ("    acquisition: {roi: {width: 9}}\n", "5: cameras[0].acquisition.roi.height: is required"),
        ("    acquisition:\n      gain: 3\n", "6: cameras[0].acquisition.gain: unknown key; did you mean 'gain_db'?"),
        (
            "    inference_sync: every_frame\n    acquisition: {trigger: {source: Line0}}\n",
            "5: cameras[0].inference_sync: every_frame is itself a trigger and cannot be used with trigger source",
        ),
        ("  - {name: a, sdk: spinnaker, serial: 'x'}\n", "3: cameras[0].serial: is required where there is more"),
    ],
)
def test_a_wrong_camera_is_refused_with_line_key_and_reason(tmp_path: Path, inner: str, expected: str) -> None:
    assert camera_error(tmp_path, inner).startswith(expected)


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        ("{name: ../x, sdk: spinnaker}", "2: cameras[0].name: holds more than letters"),
        ("{name: a, sdk: spinaker}", "2: cameras[0].sdk: 'spinaker' is not one of spinnaker, simulated; did you mean"),
        ("{name: a, sdk: simulated}", "2: cameras[0].simulation: is required with sdk simulated"),
        (
            "{name: a, sdk: simulated, simulation: {socket: s, seed: 1}}",
            "2: cameras[0].simulation.seed: belongs to the",
        ),
        ("{name: a, sdk: simulated, simulation: {spec: [1]}}", "2: cameras[0].simulation.spec: is not a mapping"),
        ("{name: a, sdk: simulated, simulation: {spec: {x: .inf}}}", "2: cameras[0].simulation.spec: .inf is not a"),
        (
            "{name: a, sdk: spinnaker, serial: 'x'}, {name: a, sdk: spinnaker, serial: 'y'}",
            "2: cameras[1].name: 'a' is",
        ),
        ("{name: a, sdk: spinnaker, serial: 'x'}, {name: b, sdk: spinnaker, serial: 'x'}", "2: cameras[1].serial: 'x'"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(tmp_path: Path, camera: str, expected: str) -> None:
    assert error_of(tmp_path, f"version: 1\ncameras: [{camera}]\n").startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x [1]\nb: *x\n", "2: b: alias *x is not allowed"),
        ("a: !!python/object:os.system x\n", "1: a: tag tag:yaml.org,2002:python/object:os.system is not allowed"),
        ("a: " + "[" * 60 + "]" * 60 + "\n", "1: a[0]"),
        ("a: [" + "1," * 30_000 + "]\n", "1: a["),
        ("a: [1\n", "2: syntax: "),
        ("a: 'x\n", "2: syntax: "),
        ("? [a]\n: 1\n", "1: file: a key must be one word"),
        ("a: 1\n---\nb: 1\n", "2: file: holds more than one YAML document"),
        ("ok: 1\na: \x00\n", "2: syntax: "),
        ("#" * 300_000, "1: file: is larger than"),
    ],
    ids=["alias", "tag", "deep", "long", "open list", "open quote", "list key", "two documents", "nul", "huge"],
)
def test_hostile_yaml_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert error_of(tmp_path, text).startswith(expected)


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_bytes(b"version: 1\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r":2: file: byte 0xe9 is not UTF-8"):
        load_config(path)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.yaml:1: file: cannot be read: No such file"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r":1: file: (is not a regular file|cannot be read)"):
        load_config(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r":1: file: is not a regular file"):
        load_config(tmp_path / "pipe")


def test_where_results_come_from_and_which_boxes_count_is_read_and_kept(tmp_path: Path) -> None:
    inner = "{name: a, sdk: spinnaker, results_from: events, timestamps: exposure_start, box_threshold: 0.4,"
    inner += " box_format: Corners}"
    config = load_config(written(tmp_path, f"version: 1\ncameras: [{inner}]\n"))
    camera = config.cameras[0]
    assert (camera.results_from, camera.box_threshold, camera.box_format) == ("events", 0.4, "Corners")
    assert camera.timestamps == "exposure_start"
    assert load_config(written(tmp_path, effective(config))).cameras == config.cameras
    plain = load_config(written(tmp_path, BASE)).cameras[0]
    assert (plain.results_from, plain.box_threshold, plain.box_format) == ("chunks", None, None)


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("    results_from: polling\n", "5: cameras[0].results_from: 'polling' is not one of chunks, events"),
        (
            "    inference_sync: every_frame\n    results_from: events\n",
            "6: cameras[0].results_from: events are of no use with every_frame",
        ),
        ("    box_threshold: 1.5\n", "5: cameras[0].box_threshold: 1.5"),
    ],
)
def test_wrong_sources_of_results_and_thresholds_are_refused(tmp_path: Path, inner: str, message: str) -> None:
    assert camera_error(tmp_path, inner).startswith(message)
