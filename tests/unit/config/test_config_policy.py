"""Schedules, swap windows, policies of single cameras and the input that tells that the line stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import Policy, SwapTimes, effective
from agent.config.schema import LineInput, ReloadSettings
from agent.domain.budget import Budget
from agent.domain.schedule import ScheduleEntry
from agent.errors import ConfigError
from tests.unit.config.configs import BASE, FULL, loaded


def test_a_schedule_has_cron_times_zones_and_the_bounds_of_a_budget(tmp_path: Path) -> None:
    config = loaded(tmp_path, FULL)
    assert config.policy.schedule == (
        ScheduleEntry("0 6 * * 1-5", None, Budget(parts_per_minute=900.0)),
        ScheduleEntry("0 22 * * *", "Europe/Berlin", Budget(max_latency_ms=50.0, quantile=0.9)),
    )


def test_every_key_that_is_given_is_printed_and_loads_to_the_same_config(tmp_path: Path) -> None:
    config = loaded(tmp_path, FULL)
    assert loaded(tmp_path, effective(config)) == config


def test_every_default_is_printed(tmp_path: Path) -> None:
    told = effective(loaded(tmp_path, BASE))
    for line in (
        "  schedule: []",
        "    window: any",
        "  line_stopped_input: none",
        "  policy: {}",
        "reload:\n  watch: false\n  every_s: 2.0",
        "groups: []",
    ):
        assert f"{line}\n" in told
    assert "  allow_older: false\n" in effective(loaded(tmp_path, BASE + "library: {path: l}\n"))


def test_the_host_is_the_zone_of_an_entry_that_names_none(tmp_path: Path) -> None:
    text = BASE + "policy: {schedule: [{cron: 0 6 * * *, parts_per_minute: 9}]}\n"
    config = loaded(tmp_path, text)
    assert config.policy.schedule[0].timezone is None
    assert "    timezone: host\n" in effective(config)
    assert loaded(tmp_path, effective(config)) == config


def test_a_camera_takes_from_the_file_what_it_does_not_say_itself(tmp_path: Path) -> None:
    config = loaded(tmp_path, FULL)
    own, other, _ = config.cameras
    assert other.policy is None
    assert config.policy_of(other) == config.policy
    assert config.policy_of(own) == replace(
        config.policy, fail_safe_budget=Budget(parts_per_minute=300.0), swap=SwapTimes(3.0, 40.0, "permit")
    )
    assert "    swap:\n      min_dwell_s: 3.0\n      deadline_s: 40.0\n      window: permit\n" in effective(config)


def test_a_camera_that_says_what_the_file_says_has_no_policy_of_its_own(tmp_path: Path) -> None:
    text = "version: 1\ncameras: [{name: a, sdk: spinnaker, policy: {miss_cost: 2}}]\npolicy: {miss_cost: 2}\n"
    assert loaded(tmp_path, text).cameras[0].policy is None


def test_the_order_of_the_sections_in_the_file_does_not_matter(tmp_path: Path) -> None:
    text = "version: 1\npolicy: {notice_s: 9}\ncameras: [{name: a, sdk: spinnaker, policy: {miss_cost: 2}}]\n"
    assert loaded(tmp_path, text).cameras[0].policy == Policy(notice_s=9.0, miss_cost=2.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Line2", LineInput("Line2", "high")),
        ("none", None),
        ("{line: Line1}", LineInput("Line1", "high")),
        ("{line: Line3, stopped_when: low}", LineInput("Line3", "low")),
    ],
)
def test_the_input_is_a_line_or_a_line_and_its_level(tmp_path: Path, text: str, expected: LineInput | None) -> None:
    config = loaded(tmp_path, f"version: 1\ncameras: [{{name: a, sdk: spinnaker, line_stopped_input: {text}}}]\n")
    assert config.cameras[0].line_stopped_input == expected
    assert loaded(tmp_path, effective(config)) == config


def test_watching_is_off_unless_asked_for(tmp_path: Path) -> None:
    assert loaded(tmp_path, BASE).reload == ReloadSettings(False, 2.0)
    assert loaded(tmp_path, FULL).reload == ReloadSettings(True, 0.5)


SCHEDULE = BASE + "policy:\n  schedule:\n    - "
CAMERA = "version: 1\ncameras:\n  - name: a\n    sdk: spinnaker\n    "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SCHEDULE + "{parts_per_minute: 9}\n", "5: policy.schedule[0].cron: is required"),
        (SCHEDULE + "{cron: 0 6 * *}\n", "5: policy.schedule[0].cron: '0 6 * *' has 4 fields, wanted 5: minute"),
        (SCHEDULE + "{cron: 0 25 * * *}\n", "5: policy.schedule[0].cron: '0 25 * * *' bad hour; the fields are"),
        (SCHEDULE + "{cron: 0 0 31 2 *}\n", "5: policy.schedule[0].cron: '0 0 31 2 *' bad day-of-month"),
        (SCHEDULE + "{cron: [0]}\n", "5: policy.schedule[0].cron: is not a text"),
        (
            SCHEDULE + "{cron: 0 6 * * *, timezone: Europe/Atlantis, parts_per_minute: 9}\n",
            "5: policy.schedule[0].timezone: 'Europe/Atlantis' is not a time zone of the IANA data base",
        ),
        (SCHEDULE + "cron: 0 6 * * *\n", "5: policy.schedule[0]: neither max_latency_ms nor parts_per_minute"),
        (
            SCHEDULE + "cron: 0 6 * * *\n      parts_per_minute: .nan\n",
            "6: policy.schedule[0].parts_per_minute: '.na",
        ),
        (
            SCHEDULE + "cron: 0 6 * * *\n      ppm: 9\n",
            "6: policy.schedule[0].ppm: unknown key; known here: cron, max",
        ),
        (
            BASE + "policy: {schedule: [" + "{cron: 0 6 * * *, parts_per_minute: 9}," * 65 + "]}\n",
            "3: policy.schedule: 65 entries, expected 0 to 64",
        ),
        (CAMERA + "policy: {cost: 5}\n", "5: cameras[0].policy.cost: unknown key; did you mean 'miss_cost'?"),
        (CAMERA + "policy: {miss_cost: -5}\n", "5: cameras[0].policy.miss_cost: -5 correct parts is outside 0 to"),
        (CAMERA + "policy: {default_budget: {}}\n", "5: cameras[0].policy.default_budget: neither max_latency_ms"),
        (CAMERA + "policy: {swap: {window: 3}}\n", "5: cameras[0].policy.swap.window: '3' is not one of any, line_s"),
        (CAMERA + "line_stopped_input: {}\n", "5: cameras[0].line_stopped_input.line: is required"),
        (CAMERA + "line_stopped_input: {line: Line2, is: low}\n", "5: cameras[0].line_stopped_input.is: unknown key"),
        (CAMERA + "line_stopped_input: [Line2]\n", "5: cameras[0].line_stopped_input: is not a text"),
        (
            CAMERA + "line_stopped_input: Line0\n    acquisition: {trigger: {source: Line0}}\n",
            "5: cameras[0].line_stopped_input: Line0 is the trigger of this camera; wire the input to another line",
        ),
        (BASE + "reload: {watch: maybe}\n", "3: reload.watch: 'maybe' is not one of true, false"),
        (BASE + "reload: {every_s: 0}\n", "3: reload.every_s: 0 seconds is outside 0.1 to 3600"),
        (BASE + "library: {path: l, allow_older: 1}\n", "3: library.allow_older: '1' is not one of true, false"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).removeprefix(f"{tmp_path / 'agent.yaml'}:").startswith(expected)
