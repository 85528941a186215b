"""The alert rules and the dashboard of deploy/: what they read is exported, and each rule fires when it should."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.domain.alarms import ALARMS
from agent.telemetry.metrics.catalogue import METRICS
from tests.support.metrics_text import promtool
from tests.support.pages import blocks
from tests.support.promql import Read, groupings, reads

DEPLOY = Path(__file__).parents[3] / "deploy"
RULES = DEPLOY / "prometheus" / "ofa-agent-alerts.yml"
SITUATIONS = DEPLOY / "prometheus" / "ofa-agent-alerts-test.yml"
DASHBOARD = DEPLOY / "grafana" / "ofa-agent.json"
PAGE_ASKS = (("check", "config"), ("check", "rules"), ("test", "rules"))
OF_PROMETHEUS = frozenset({"job", "instance", "site"})  # labels that a scrape adds
NO_LABELS = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}


@cache
def exported() -> dict[str, frozenset[str]]:
    """Labels of each series' name, as PromQL sees it."""
    known = dict.fromkeys(NO_LABELS, OF_PROMETHEUS)
    for metric in METRICS:
        labels = frozenset(metric.labels) | OF_PROMETHEUS
        if metric.kind == "histogram":
            known |= {f"{metric.name}_count": labels, f"{metric.name}_sum": labels}
            known[f"{metric.name}_bucket"] = labels | {"le"}
        else:
            known[metric.name] = labels
    return known


@cache
def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


@cache
def situations() -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = yaml.safe_load(SITUATIONS.read_text(encoding="utf-8"))["tests"]
    return tests


def panels() -> Iterator[dict[str, Any]]:
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        yield panel
        yield from panel.get("panels", ())


def targets() -> list[dict[str, Any]]:
    return [target for panel in panels() for target in panel.get("targets", ())]


def plain(expression: str) -> str:
    """As Grafana sends it, with something in the place of its variables."""
    for name, value in (("$__rate_interval", "1m"), ("$__range", "6h"), ("$job", ".*"), ("$instance", ".*")):
        expression = expression.replace(name, value)
    return expression.replace("$camera", ".*")


def unknown(found: Iterable[Read]) -> list[Read]:
    """What is read and not exported."""
    known = exported() | {rule["record"]: frozenset({"camera"}) | OF_PROMETHEUS for rule in rules() if "record" in rule}
    return [read for read in found if read.name not in known or not read.labels <= known[read.name]]


def test_the_rules_and_the_example_are_sound_to_prometheus() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", str(RULES))
    assert "SUCCESS" in promtool("check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))


def test_each_rule_fires_in_its_situation_and_in_no_other() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(SITUATIONS))


def test_every_rule_has_a_situation_and_is_quiet_when_all_is_well() -> None:
    """The quiet situation has every series that a rule reads: a rule that finds none is quiet for no reason."""
    well, *others = situations()
    fire = {
        name
        for situation in others
        for asked in situation.get("promql_expr_test", ())
        for sample in asked["exp_samples"]
        for name in re.findall(r'alertname="(\w+)"', sample["labels"])
    }
    assert fire == {rule["alert"] for rule in alerts()}
    assert all(asked["exp_samples"] == [] for asked in well["promql_expr_test"])
    there = {read.name for series in well["input_series"] for read in reads(series["series"])}
    wanted = {read.name for rule in rules() for read in reads(rule["expr"]) if ":" not in read.name}
    assert wanted == there
    alarms = {alarm for series in well["input_series"] for alarm in re.findall(r'alarm="(\w+)"', series["series"])}
    for rule in alerts():
        read = re.search(r'alarm=~?"([\w|]+)"', rule["expr"])
        assert read is None or set(read[1].split("|")) & alarms, rule["alert"]


def test_the_situations_are_of_series_that_are_exported() -> None:
    given = [series["series"] for situation in situations() for series in situation["input_series"]]
    assert unknown(read for series in given for read in reads(series)) == []


def test_rules_read_what_is_exported_and_join_by_labels_that_are_there() -> None:
    known = frozenset[str]().union(*exported().values())
    for rule in rules():
        assert unknown(reads(rule["expr"])) == [], rule
        assert groupings(rule["expr"]) <= known, rule
        assert list(reads(rule["expr"])), rule


def test_every_alert_says_how_bad_it_is_what_it_is_and_what_to_do() -> None:
    numbers = {str(kind.number): kind for kind in ALARMS.values()}
    for rule in alerts():
        words = rule["annotations"]
        assert set(words) == {"summary", "description"}, rule["alert"]
        assert len(words["description"]) > 60, rule["alert"]
        number = rule.get("labels", {}).get("alarm")
        if number is not None:
            assert f"Alarm {number}" in words["description"], rule["alert"]
            assert number in numbers
        if rule["alert"] != "OfaAlarm":  # that has the severity of its series
            assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]


def test_every_alarm_of_the_agent_is_told_by_a_rule() -> None:
    named = [keys for rule in alerts() for keys in re.findall(r'alarm=~?"([\w|]+)"', rule["expr"])]
    by_key = {key for keys in named for key in keys.split("|")}
    by_number = {rule["labels"]["alarm"] for rule in alerts() if "alarm" in rule.get("labels", {})}
    untold = [kind.key for kind in ALARMS.values() if kind.key not in by_key and str(kind.number) not in by_number]
    assert untold == []
    assert by_key <= set(ALARMS)


def test_panels_read_what_is_exported() -> None:
    known = frozenset[str]().union(*exported().values())
    for target in targets():
        expression = plain(target["expr"])
        assert "$" not in expression, target
        assert unknown(reads(expression)) == [], target
        assert list(reads(expression)), target
        assert groupings(expression) <= known, target
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known, target


def test_each_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    recorded = [{"record": f"panel:{n}", "expr": plain(target["expr"])} for n, target in enumerate(targets())]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"SUCCESS: {len(recorded)} rules found" in promtool("check", "rules", str(tmp_path / "panels.yml"))


def test_the_commands_and_queries_of_the_page_are_sound(tmp_path: Path) -> None:
    """docs/how-to/watch-with-prometheus.md; its `promtool test` is the test above."""
    shown = blocks("docs/how-to/watch-with-prometheus.md")
    commands = [line.split() for block in shown if block.language == "sh" for line in block.text.splitlines()]
    assert [words[:3] for words in commands] == [["promtool", *one] for one in PAGE_ASKS]
    for words in commands:
        assert (DEPLOY.parent / words[3]).is_file()
        if words[1] == "check":
            assert "SUCCESS" in promtool(*words[1:3], str(DEPLOY.parent / words[3]))
    first, second = [block.text for block in shown if block.language == ""]
    queries = [first, *second.splitlines()]
    assert [unknown(reads(query)) for query in queries] == [[]] * 3
    recorded = [{"record": f"page:{n}", "expr": query} for n, query in enumerate(queries)]
    (tmp_path / "page.yml").write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": recorded}]}))
    assert "SUCCESS: 3 rules found" in promtool("check", "rules", str(tmp_path / "page.yml"))


def test_the_reference_is_as_its_sources_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("metrics_page", DEPLOY.parent / "tools" / "metrics_page.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.main(["--check"]) == 0, "run tools/metrics_page.py"
    page = tool.PAGE.read_text(encoding="utf-8")
    assert [metric.name for metric in METRICS] == re.findall(r"^### `(\w+)`$", page, re.MULTILINE)
    monkeypatch.setattr(tool, "PAGE", tmp_path / "metrics.md")
    assert tool.main(["--check"]) == 1
    assert tool.main([]) == 0
    assert tool.PAGE.read_text(encoding="utf-8") == page


def test_an_expression_that_does_not_parse_is_found(tmp_path: Path) -> None:
    (tmp_path / "panels.yml").write_text("groups: [{name: g, rules: [{record: a, expr: 'sum by (camera'}]}]")
    with pytest.raises(AssertionError, match="could not parse expression"):
        promtool("check", "rules", str(tmp_path / "panels.yml"))


@pytest.mark.parametrize(
    "expression",
    [
        "ofa_camera_upp",
        'ofa_camera_up{station="a"}',
        "rate(ofa_result_latency_seconds[5m])",
        'ofa_camera_up{camera=~"a|b",serial!="1"}',
        'sum by (camera) (ofa_budget_seconds{quantile="0.99"})',
    ],
)
def test_what_is_not_exported_is_found(expression: str) -> None:
    assert len(unknown(reads(expression))) == 1


def test_the_dashboard_holds_together() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers) > 20
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    for panel in panels():
        assert panel["title"], panel["id"]
        if panel["type"] == "row":
            continue
        assert panel["description"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), panel["title"]
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
    used = set(re.findall(r"\$([a-z]\w*)", json.dumps([target["expr"] for target in targets()])))
    assert used <= set(variables)
    for variable in variables.values():
        asked = re.findall(r"label_values\((.*), (\w+)\)", str(variable.get("definition", "")))
        for expression, label in asked:
            (read,) = reads(plain(expression))
            assert unknown(iter([read])) == []
            assert label in exported()[read.name]


def test_no_two_panels_lie_on_each_other() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"], (x, y)


def test_the_dashboard_shows_what_somebody_looks_for() -> None:
    shown = {read.name.removesuffix("_bucket") for target in targets() for read in reads(plain(target["expr"]))}
    assert shown >= {
        "ofa_camera_state",
        "ofa_budget_seconds",
        "ofa_result_latency_p99_seconds",
        "ofa_inference_p99_seconds",
        "ofa_vpu_load_ratio",
        "ofa_swap_gap_seconds",
        "ofa_active_subnet_accuracy_ratio",
        "ofa_active_subnet_info",
        "ofa_lease_remaining_seconds",
        "ofa_alarms_active",
        "ofa_swaps_total",
        "ofa_budget_violations_total",
        "process_resident_memory_bytes",
    }
