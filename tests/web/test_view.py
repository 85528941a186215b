"""What the page gets of a camera: what is not known is null and never 0, and times count on the agent's clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from agent.domain.alarms import ALARMS
from agent.domain.budget import Budget, Claim, ClaimKind
from agent.domain.decision import Account, Action, Candidate, Decision, Figure, Reason
from agent.domain.journal import Alarm, SwapOutcome, SwapRecord
from agent.domain.result import InferenceResult
from agent.domain.snapshot import CameraSnapshot, ComingCause, LatencyFigures, RunningSwap
from agent.domain.states import CameraState, Degraded, SwapStage
from agent.domain.subnet import Catalogue
from agent.web.history import BUCKET_S, BUCKETS, History
from agent.web.ladder import MOST_SHOWN, ladder_json, reach_of
from agent.web.seen import Moment, Seen
from agent.web.view import _CAUSES, _STAGES, alarms_json, budget_json, camera_json, swaps_json
from tests.support.fake_control import CATALOGUE, SNAPSHOT, a_result, a_subnet

S = 1_000_000_000
NOW = Moment(boot_ns=1000 * S, mono_ns=900 * S, wall_ns=1_700_000_000 * S)
GONE = replace(
    SNAPSHOT,
    state=CameraState.DISCONNECTED,
    degraded=(),
    info=None,
    active_subnet=None,
    generation=None,
    verified=False,
    verified_by=None,
    decision=None,
    latency=None,
    load=None,
    health=None,
    swap=None,
    coming=None,
    permit_boot_ns=None,
)
RUNS = replace(SNAPSHOT, swap=None)


def shown(snapshot: CameraSnapshot, catalogue: Catalogue | None = CATALOGUE, **known: Any) -> dict[str, Any]:
    """As the page reads it."""
    labels = () if catalogue is None else catalogue.labels
    json = camera_json(Seen(snapshot, NOW, labels=labels, **known), catalogue)
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(json))
    return found


def numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [one for inner in value.values() for one in numbers(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in numbers(inner)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def test_of_a_camera_that_is_gone_no_number_is_made_up() -> None:
    found = shown(GONE)
    del found["budget"], found["line"], found["device"]["swaps"]  # what is asked for, and what is counted
    found["leases"], found["changes"] = [], []
    assert numbers(found) == []
    assert found["device"] == dict.fromkeys(
        ("model", "serial", "firmware", "temperature_c", "frames_per_s", "results", "dropped")
    )
    assert (found["active"], found["result"], found["load"], found["frame_s"]) == (None, None, None, None)


def test_a_bound_without_a_measurement_is_neither_kept_nor_broken() -> None:
    (bound,) = shown(GONE)["budget"]["bounds"]
    assert (bound["limit_ms"], bound["p99_ms"], bound["kept"], bound["results"]) == (80.0, None, None, 0)


@pytest.mark.parametrize(("p99_ms", "kept"), [(79.0, True), (81.0, False)])
def test_a_bound_is_told_with_what_was_measured_against_it(p99_ms: float, kept: bool) -> None:
    figures = LatencyFigures(500, 30.0, 31.0, 60.0, p99_ms)
    (bound,) = shown(replace(RUNS, latency=figures))["budget"]["bounds"]
    assert (bound["key"], bound["p99_ms"], bound["kept"]) == ("latency", p99_ms, kept)


def test_each_bound_of_a_budget_is_told_and_a_service_time_of_nothing_is_not_known() -> None:
    budget = replace(RUNS.budget, budget=Budget(max_latency_ms=80.0, parts_per_minute=1200.0))
    found = shown(replace(RUNS, budget=budget, latency=LatencyFigures(9, 0.0, 0.0, 40.0, 42.0)))
    latency, service = found["budget"]["bounds"]
    assert (latency["p99_ms"], service["p99_ms"], service["limit_ms"], service["kept"]) == (42.0, None, 50.0, None)
    assert found["budget"]["words"] == "at most 80 ms, 1200 parts/min"


def test_what_was_measured_before_a_swap_is_no_measurement_of_now() -> None:
    swapping = replace(SNAPSHOT, state=CameraState.SWAPPING, verified=False)
    assert budget_json(swapping)["bounds"][0]["p99_ms"] is None  # type: ignore[index]


def test_times_are_those_of_the_agents_clock_and_nothing_counts_down_here() -> None:
    claim = Claim("c", "plc", "station-1", ClaimKind.LEASE, Budget(40.0), 30.0, 1025 * S, "boot")
    known: dict[str, Any] = {"frame_mono_ns": 899 * S, "result": a_result(7), "result_mono_ns": 898 * S}
    first, again = (
        camera_json(Seen(replace(RUNS, claims=(claim,)), moment, labels=CATALOGUE.labels, **known), CATALOGUE)
        for moment in (NOW, Moment(NOW.boot_ns + S // 3, NOW.mono_ns + S // 3, NOW.wall_ns + S // 3))
    )
    assert first == again
    assert first["frame_s"] == 999.0
    assert first["result"]["at_s"] == 998.0  # type: ignore[index]
    assert first["leases"] == [
        {"client": "plc", "kind": "lease", "words": "at most 40 ms", "ends_s": 1025.0, "ttl_s": 30.0}
    ]


def test_a_result_of_a_class_without_a_label_is_told_by_its_number() -> None:
    result = a_result(7)
    other = result._replace(inference=result.inference._replace(class_id=99, part=None))
    assert shown(RUNS, result=other, result_mono_ns=0)["result"]["label"] == "class 99"
    assert shown(RUNS, result=result, result_mono_ns=0)["result"]["label"] == "bad"


def test_a_swap_that_runs_is_told_with_its_stage_and_its_share() -> None:
    swap = RunningSwap("s", "w1-huge", SwapStage.UPLOADING, 430, 1000, NOW.wall_ns - 2 * S, 2.6)
    found = shown(replace(SNAPSHOT, state=CameraState.SWAPPING, swap=swap))["swap"]
    assert (found["says"], found["uploaded"], found["started_s"]) == ("uploads the network", 0.43, 998.0)
    assert shown(replace(SNAPSHOT, swap=replace(swap, bytes_total=0)))["swap"]["uploaded"] is None
    waiting = replace(swap, stage=SwapStage.WAITING_PERMIT, waits_for="station-2 swaps")
    assert shown(replace(SNAPSHOT, swap=waiting))["swap"]["says"] == "station-2 swaps"


def test_every_stage_every_cause_and_every_degradation_has_its_words() -> None:
    assert set(_STAGES) == set(SwapStage)
    assert set(_CAUSES) == set(ComingCause)
    for reason in Degraded:
        found = shown(replace(RUNS, degraded=(reason,)))
        assert found["notes"] or found["state"]["word"] != "RUNNING"


def test_the_worst_alarm_comes_first_and_a_kind_of_another_version_is_told_by_its_key() -> None:
    keys = ["swap_failed", "profiles_stale", "camera_lost", "from_the_future"]
    alarms = [Alarm(n, "station-1", key, "why", NOW.wall_ns - n * S) for n, key in enumerate(keys, 1)]
    cleared = Alarm(9, "station-1", "infeasible", "why", 0, cleared_wall_ns=1)
    found = alarms_json([*alarms, cleared], NOW)
    assert [one["title"] for one in found] == ["camera lost", "swap failed", "from the future", "profiles are stale"]
    assert (found[0]["number"], found[0]["since_s"], found[0]["action"]) == (101, 997.0, ALARMS["camera_lost"].action)
    assert found[2]["number"] is None


def test_a_gap_that_is_not_known_yet_is_null_and_a_journal_that_fails_is_told() -> None:
    record = SwapRecord("s", "station-1", None, "w1-big", "more_accurate", "b", NOW.wall_ns, SwapOutcome.ROLLED_BACK)
    found: Any = swaps_json([record], NOW)
    (swap,) = found["swaps"]
    assert (swap["gap_s"], swap["reason"], swap["outcome"]) == (None, "more accurate", "rolled back")
    assert swaps_json(None, NOW, "disk full") == {"error": "disk full", "swaps": []}


# -- the ladder -------------------------------------------------------------------------------------------------------


def rung(name: str, accuracy: float, latency_ms: float, why_not: str = "", **figures: float) -> Candidate:
    told = tuple(Figure(key, value) for key, value in figures.items())
    return Candidate(name, accuracy, latency_ms - 10.0, latency_ms, 100, not why_not, why_not, told)


def deciding(*rungs: Candidate, target: str = "mid", active: str = "mid") -> CameraSnapshot:
    decision = Decision(
        Action.KEEP, Reason.BEST_ALREADY, target, active, SNAPSHOT.budget, True, Account(rungs, "keep mid: best")
    )
    return replace(RUNS, decision=decision, active_subnet=active)


def catalogue(*names: str) -> Catalogue:
    return replace(CATALOGUE, subnets=tuple(a_subnet(name, 0.9) for name in names))


LADDER = (
    rung("fast", 0.80, 30.0),
    rung("mid", 0.90, 60.0),
    rung("slow", 0.95, 90.0, "latency 90.0 ms > 80.0 ms"),
    rung("barred", 0.93, 70.0, "quarantined: golden image 2"),
    rung("dear", 0.92, 75.0, gap=2.4, pays_after=80.0),
)


def test_each_rung_says_why_it_runs_or_does_not() -> None:
    found = ladder_json(deciding(*LADDER), catalogue("fast", "mid", "slow", "barred", "dear"))
    rungs = found["rungs"]
    assert isinstance(rungs, list)
    assert {one["id"]: one["why"] for one in rungs} == {
        "slow": "too slow: latency 90.0 ms > 80.0 ms",
        "barred": "set aside: golden image 2",
        "dear": "fits, but a swap costs 2.4 s without results, which pays only if the line stays so for 80 s",
        "mid": "keeps the budget; a better one is not worth a swap",
        "fast": "fits, but is right less often (80.0 %)",
    }
    assert [one["id"] for one in rungs] == ["slow", "barred", "dear", "mid", "fast"]
    assert [one["id"] for one in rungs if one["runs"]] == ["mid"]
    assert found["text"] == "Keep mid: best"


def test_the_rung_that_a_swap_leads_to_is_the_next_one() -> None:
    snapshot = replace(deciding(*LADDER), swap=replace(SNAPSHOT.swap, to_subnet="fast"))  # type: ignore[type-var]
    rungs = ladder_json(snapshot, catalogue("fast", "mid"))["rungs"]
    assert isinstance(rungs, list)
    assert [(one["id"], one["why"]) for one in rungs if one["wanted"]] == [("fast", "comes next")]


def test_of_a_long_ladder_the_neighbours_and_the_fastest_are_shown() -> None:
    rungs = [rung(f"n{place:04}", 0.5 + place / 10_000, 10.0 + place) for place in range(1000)]
    found = ladder_json(deciding(*rungs, target="n0500", active="n0500"), catalogue(*(one.subnet_id for one in rungs)))
    shown_ids = [one["id"] for one in found["rungs"]]  # type: ignore[attr-defined]
    assert (len(shown_ids), found["total"]) == (MOST_SHOWN, 1000)
    assert {"n0500", "n0501", "n0499", "n0000"} <= set(shown_ids)


def test_what_is_possible_is_told_by_the_sub_nets_that_may_be_uploaded() -> None:
    reach = reach_of(deciding(rung("barred", 0.9, 5.0, "quarantined: x"), rung("mid", 0.9, 60.0)).decision)
    assert reach is not None
    assert (reach.latency_ms, reach.service_ms) == (60.0, 50.0)
    assert reach_of(None) is None


def test_without_a_decision_or_a_library_there_is_no_ladder() -> None:
    assert ladder_json(replace(RUNS, decision=None), CATALOGUE)["rungs"] == []
    assert ladder_json(RUNS, None)["text"] == "No library is configured."


# -- the history ------------------------------------------------------------------------------------------------------


def result(latency_ms: float, service_ms: float | None = 20.0) -> InferenceResult:
    one = a_result(1)
    return one._replace(inference=one.inference._replace(latency_ms=latency_ms, service_ms=service_ms))


def test_a_bucket_has_the_p99_of_its_results_and_the_budget_of_its_time() -> None:
    history = History(0)
    for number in range(200):
        history.add(result(40.0 + number / 100, service_ms=None))
    assert not history.look(4 * S, Budget(80.0), True)
    assert history.look(5 * S, Budget(max_latency_ms=80.0, parts_per_minute=600.0), True)
    json = history.json(Moment(5 * S, 5 * S, 0))
    assert json["latency"] == [42.0]
    assert (json["service"], json["count"]) == ([None], [200])
    assert (json["latency_limit"], json["service_limit"], json["end_s"]) == ([80.0], [100.0], 5.0)


def test_a_bucket_without_results_is_a_hole_and_one_with_a_gap_says_so() -> None:
    history = History(0)
    history.look(1 * S, Budget(80.0), False)
    history.look(2 * S, Budget(80.0), True)
    history.look(6 * S, Budget(80.0), True)
    json = history.json(NOW)
    assert (json["latency"], json["inspected"], json["count"]) == ([None], [False], [0])


def test_the_history_is_bounded_however_long_the_agent_or_the_machine_was_away() -> None:
    history = History(0)
    history.look(1_000_000 * S, Budget(80.0), True)
    for number in range(3 * BUCKETS):
        history.add(result(10.0))
        history.look(round((1_000_000 + (number + 1) * BUCKET_S) * S), Budget(80.0), True)
    json = history.json(NOW)
    assert len(json["latency"]) == BUCKETS  # type: ignore[arg-type]
    assert set(json["latency"]) == {10.0}  # type: ignore[call-overload]
