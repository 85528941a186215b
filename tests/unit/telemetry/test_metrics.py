"""What is counted of a camera, what is read of its snapshot, and that no label can grow."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from agent.clock import VirtualClock
from agent.domain.budget import Budget, Claim, ClaimKind, EffectiveBudget, Priority
from agent.domain.decision import Reason
from agent.domain.device import Health
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.meter import NO_BOUNDS, Bounds
from agent.domain.reload import ReloadOrigin, ReloadOutcome, ReloadReport
from agent.domain.result import StreamCounts
from agent.domain.snapshot import LatencyFigures
from agent.domain.states import CameraState, Degraded
from agent.supervisor.meters import bounds_of
from agent.telemetry.metrics import Metrics, Watched
from agent.telemetry.metrics.catalogue import METRICS, SWAP_REASONS, SWAP_RESULTS, TIME_BOUNDS_S
from agent.telemetry.metrics.distribution import Distribution
from tests.support.fake_control import CATALOGUE, HEALTH, SNAPSHOT, FakeControl, a_result, a_subnet
from tests.support.metrics_text import Scraped, promtool

NAME = "station-1"
RECORD = SwapRecord("s", NAME, "w1-big", "w1-huge", "budget", "b", 0, SwapOutcome.VERIFIED, 4, "w1-huge", 2.5)


class Bench:
    """Metrics of one scripted camera."""

    def __init__(self) -> None:
        self.camera = FakeControl(NAME)
        self.standing: dict[str, tuple[str, ...]] = {}
        self.clock = VirtualClock()
        watched = Watched({NAME: self.camera}, lambda camera: self.standing.get(camera, ()))
        self.metrics = Metrics(self.clock, watched)
        self.meter = self.metrics.camera(NAME)

    def scrape(self) -> Scraped:
        return Scraped.of(self.metrics)

    def gauge(self, name: str, **labels: str) -> float | None:
        return self.scrape().get(name, camera=NAME, **labels)


def _broken(bench: Bench) -> dict[str, float]:
    counted = bench.scrape().all("ofa_budget_violations_total", camera=NAME)
    return {bound: count for (bound,), count in counted.items() if count}


def test_labels_stay_as_few_over_ten_thousand_swaps_between_libraries() -> None:
    bench = Bench()
    sizes = set()
    for number in range(10_000):
        reason = list(Reason)[number % len(Reason)].value if number % 7 else f"reason-{number}"
        outcome = SWAP_RESULTS[number % len(SWAP_RESULTS)]
        bench.meter.asked(f"budget-{number}", Bounds(number / 1e4, 0.1))
        bench.meter.swap_ended(replace(RECORD, reason=reason, outcome=outcome, to_subnet=f"net-{number}"), 2.0)
        bench.meter.gap_ended(2.0, 2.0)
        if number % 2000 == 1999:
            net = f"net-{number}"
            library = replace(CATALOGUE, name=f"library-{number}", version=number, subnets=(a_subnet(net, 0.9),))
            bench.camera.known = library
            bench.camera.now = replace(SNAPSHOT, active_subnet=net, generation=number)
            scraped = Scraped(bench.metrics.exposition()[0].decode())
            sizes.add(len(scraped.series))
            assert scraped.all("ofa_active_subnet_info", camera=NAME) == {(str(number), net): 1}
            assert scraped.all("ofa_library_info", camera=NAME) == {(f"library-{number}", str(number)): 1}
    assert sum(bench.scrape().all("ofa_swaps_total", camera=NAME).values()) == 10_000
    assert len(sizes) == 1
    assert len(bench.meter._bounds) <= 64


def test_reasons_that_are_not_known_are_counted_as_one() -> None:
    bench = Bench()
    for reason in ("of another version", "and of one more"):
        bench.meter.swap_ended(replace(RECORD, reason=reason), None)
    assert bench.scrape().value("ofa_swaps_total", camera=NAME, reason="other", result="verified") == 2


def test_every_reason_and_outcome_of_a_swap_is_there_before_the_first_one() -> None:
    swaps = Bench().scrape().all("ofa_swaps_total", camera=NAME)
    assert set(swaps) == {(reason.value, result.value) for reason in SWAP_REASONS for result in SWAP_RESULTS}
    assert set(swaps.values()) == {0.0}


@pytest.mark.parametrize("outcome", [SwapOutcome.REFUSED, SwapOutcome.INTERRUPTED])
def test_a_swap_that_did_not_touch_the_camera_has_no_duration(outcome: SwapOutcome) -> None:
    bench = Bench()
    bench.meter.swap_ended(replace(RECORD, outcome=outcome, duration_s=100.0), 1.0)
    scraped = bench.scrape()
    assert scraped.value("ofa_swap_duration_seconds_count", camera=NAME) == 0
    assert scraped.value("ofa_swap_overruns_total", camera=NAME) == 0
    assert scraped.value("ofa_swaps_total", camera=NAME, reason="budget", result=outcome.value) == 1


@pytest.mark.parametrize(("took_s", "overruns"), [(2.9, 0), (3.0, 0), (3.1, 1)])
def test_a_swap_overruns_what_was_promised_by_more_than_a_half(took_s: float, overruns: int) -> None:
    bench = Bench()
    bench.meter.swap_ended(replace(RECORD, duration_s=took_s), 2.0)
    bench.meter.swap_ended(replace(RECORD, duration_s=60.0), None)  # an adoption was promised nothing
    assert bench.scrape().value("ofa_swap_overruns_total", camera=NAME) == overruns


def test_a_long_gap_is_no_overrun_where_the_line_stood() -> None:
    bench = Bench()
    bench.meter.gap_ended(900.0, 2.0)
    scraped = bench.scrape()
    assert scraped.value("ofa_swap_overruns_total", camera=NAME) == 0
    assert scraped.value("ofa_swap_last_gap_seconds", camera=NAME) == 900
    assert scraped.value("ofa_swap_last_gap_promised_seconds", camera=NAME) == 2


@pytest.mark.parametrize(
    ("latency_s", "service_s", "broken"),
    [(0.040, 0.030, {}), (0.039, 0.030, {"latency": 1}), (0.040, 0.029, {"rate": 1}), (0.001, 0.001, {"both": 1})],
)
def test_a_result_counts_once_for_what_it_breaks(latency_s: float, service_s: float, broken: dict[str, float]) -> None:
    """`a_result` took 30 ms and came after 40 ms."""
    bench = Bench()
    bench.meter.asked("budget-1", Bounds(latency_s, service_s))
    bench.meter.result(a_result(1))
    assert _broken(bench) == broken


def test_a_result_is_held_to_the_budget_it_was_inspected_for() -> None:
    bench = Bench()
    bench.meter.asked("budget-1", Bounds(0.001, math.inf))
    bench.meter.asked("budget-2", NO_BOUNDS)
    bench.meter.result(a_result(1)._replace(budget_id="budget-2"))
    bench.meter.result(a_result(2)._replace(budget_id="of long ago"))
    assert _broken(bench) == {}
    bench.meter.result(a_result(3))
    assert _broken(bench) == {"latency": 1}
    bench.meter.asked("budget-1", NO_BOUNDS)
    bench.meter.result(a_result(4))
    assert _broken(bench) == {"latency": 1}


def test_a_result_without_a_service_time_is_a_result() -> None:
    bench = Bench()
    bench.meter.asked("budget-1", Bounds(0.001, 0.001))
    result = a_result(1)
    bench.meter.result(result._replace(inference=result.inference._replace(service_ms=None)))
    scraped = bench.scrape()
    assert scraped.value("ofa_inference_seconds_count", camera=NAME) == 0
    assert scraped.value("ofa_result_latency_seconds_count", camera=NAME) == 1
    assert _broken(bench) == {"latency": 1}


def test_a_service_time_that_was_not_read_is_as_the_one_before_of_the_same_network() -> None:
    bench = Bench()
    bench.meter.asked("budget-1", Bounds(math.inf, 0.020))
    read = a_result(1)
    unread = read._replace(inference=read.inference._replace(service_ms=None))
    other = unread._replace(inference=unread.inference._replace(generation=read.inference.generation + 1))
    for result in (unread, read, unread, unread, other):
        bench.meter.result(result)
    scraped = bench.scrape()
    assert scraped.value("ofa_inference_seconds_count", camera=NAME) == 1
    assert _broken(bench) == {"rate": 3}


def test_bounds_count_whole_frames_where_the_camera_runs_freely() -> None:
    budget = Budget(parts_per_minute=1200.0, max_latency_ms=80.0)  # 50 ms
    assert bounds_of(budget) == Bounds(0.080, 0.050)
    free = bounds_of(budget, 20.0)
    assert free.service_s == pytest.approx(0.040, rel=1e-5)  # 41 ms take three frames, 60 ms
    assert free.service_s >= 0.040
    assert bounds_of(budget, 25.0).service_s == pytest.approx(0.050, rel=1e-5)
    assert bounds_of(budget, 25.1).service_s == pytest.approx(0.0502, rel=1e-5)  # a period is measured, not exact
    assert bounds_of(Budget(max_latency_ms=80.0), 20.0) == Bounds(0.080, math.inf)
    assert bounds_of(Budget(parts_per_minute=600.0)) == Bounds(math.inf, 0.1)


def test_counts_of_the_camera_go_on_where_they_begin_anew() -> None:
    bench = Bench()
    bench.meter.streamed(StreamCounts(100, 2, 90, 5, 3, 1))
    bench.meter.streamed(StreamCounts(150, 2, 140, 6, 3, 1))
    bench.meter.streamed(StreamCounts(10, 1, 9, 0, 1, 0))  # another connection
    bench.meter.unattributed()
    scraped = bench.scrape()
    frames = scraped.all("ofa_frames_total", camera=NAME)
    assert frames == {("complete",): 160, ("incomplete",): 3}
    results = scraped.all("ofa_results_total", camera=NAME)
    assert results == {("published",): 0, ("stale",): 4, ("repeated",): 6, ("dropped",): 1, ("unattributed",): 1}


def test_the_first_connection_is_no_reconnect() -> None:
    bench = Bench()
    seen = []
    for _ in range(3):
        seen.append(bench.scrape().value("ofa_camera_reconnects_total", camera=NAME))
        bench.meter.connected()
    assert seen == [0, 0, 1]


def test_a_histogram_counts_each_value_at_its_bound_and_above() -> None:
    counted = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 99.0):
        counted.observe(value)
    assert counted.buckets() == [("1.0", 2), ("2.0", 4), ("+Inf", 5)]
    assert counted.sum == 104.0
    assert counted.count == 5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0])
def test_what_is_no_time_spoils_no_sum(value: float) -> None:
    counted = Distribution(TIME_BOUNDS_S)
    counted.observe(value)
    counted.observe(0.5)
    assert counted.sum == 0.5
    assert counted.count == 2


def test_what_is_not_known_has_no_series() -> None:
    bench = Bench()
    figures = LatencyFigures(3, 0.0, 0.0, 40.0, 42.0)  # the camera does not measure service times
    unread = replace(HEALTH, temperature_c=math.nan)
    bench.camera.now = replace(SNAPSHOT, latency=figures, load=None, health=unread, decision=None)
    assert bench.gauge("ofa_result_latency_p99_seconds") == 0.042
    for name in (
        "ofa_inference_p99_seconds",
        "ofa_vpu_load_ratio",
        "ofa_camera_temperature_celsius",
        "ofa_budget_feasible",
    ):
        assert bench.gauge(name) is None, name
    assert bench.gauge("ofa_budget_seconds", bound="rate") is None


def test_a_lost_camera_keeps_no_reading_of_before() -> None:
    bench = Bench()
    bench.camera.now = replace(
        SNAPSHOT, state=CameraState.DISCONNECTED, info=None, active_subnet=None, generation=None, verified=False
    )
    scraped = bench.scrape()
    assert scraped.value("ofa_camera_up", camera=NAME) == 0
    told = {name for name, labels in scraped.series if ("camera", NAME) in labels}
    assert not told & {"ofa_camera_temperature_celsius", "ofa_vpu_load_ratio", "ofa_result_latency_p99_seconds"}
    assert not told & {"ofa_active_subnet_info", "ofa_active_subnet_accuracy_ratio"}


def test_a_retired_subnet_has_no_accuracy_of_its_namesake() -> None:
    bench = Bench()
    assert bench.gauge("ofa_active_subnet_accuracy_ratio") == 0.93
    bench.camera.now = replace(SNAPSHOT, degraded=(Degraded.RETIRED,))
    assert bench.gauge("ofa_active_subnet_accuracy_ratio") is None
    assert bench.gauge("ofa_camera_degraded", reason="retired") == 1
    assert bench.gauge("ofa_camera_degraded", reason="throttled") == 0


def test_the_lease_that_ends_first_counts() -> None:
    bench = Bench()
    now_ns = bench.clock.boottime_ns()
    lease = Claim("c", "plc", NAME, ClaimKind.LEASE, Budget(80.0), 5.0, now_ns + 5_000_000_000, "boot")
    later = replace(lease, client="hmi", expires_boot_ns=now_ns + 9_000_000_000)
    manual = Claim("m", "someone", NAME, ClaimKind.MANUAL, Budget(80.0))
    bench.camera.now = replace(SNAPSHOT, claims=(later, lease, manual))
    assert bench.gauge("ofa_lease_remaining_seconds") == pytest.approx(5.0)
    assert bench.gauge("ofa_claims", kind="lease") == 2
    assert bench.gauge("ofa_claims", kind="manual") == 1
    assert bench.gauge("ofa_claims", kind="maintenance") == 0
    bench.camera.now = replace(SNAPSHOT, claims=(replace(lease, expires_boot_ns=now_ns - 1),))
    assert bench.gauge("ofa_lease_remaining_seconds") == 0


def test_nothing_that_a_client_sends_is_a_label() -> None:
    bench = Bench()
    sent = 'sent"by\\a\nclient'
    claim = Claim(sent, sent, NAME, ClaimKind.LEASE, Budget(80.0), 5.0, 1 << 60, sent)
    effective = EffectiveBudget(sent, Budget(80.0), Priority.LEASE, (sent,))
    bench.camera.now = replace(SNAPSHOT, claims=(claim,), budget=effective, detail=sent, etag=sent)
    bench.standing[NAME] = ("infeasible", sent)
    bench.meter.asked(sent, Bounds(0.0, 0.0))
    bench.meter.result(a_result(1)._replace(budget_id=sent))
    bench.meter.swap_ended(replace(RECORD, budget_id=sent, reason=sent, error=sent), 1.0)
    assert b"sent" not in bench.metrics.exposition()[0].replace(b"_sent", b"")
    assert _broken(bench) == {"both": 1}


def test_alarms_are_told_by_number_with_those_that_do_not_stand() -> None:
    bench = Bench()
    quiet = bench.scrape().all("ofa_alarms_active")
    assert set(quiet.values()) == {0.0}
    bench.standing = {NAME: ("infeasible",), "": ("library_stale",)}
    scraped = bench.scrape()
    assert set(scraped.all("ofa_alarms_active")) == set(quiet)
    standing = {
        (one.labels["camera"], one.labels["number"], one.labels["severity"])
        for one in scraped.samples
        if one.name == "ofa_alarms_active" and one.value
    }
    assert standing == {(NAME, "301", "warning"), ("", "410", "warning")}


def test_reloads_are_counted_and_the_last_good_one_is_remembered() -> None:
    bench = Bench()
    assert bench.scrape().get("ofa_config_last_reload_successful") is None
    bench.metrics.reloaded(ReloadReport(1_000_000_000, ReloadOrigin.START, ReloadOutcome.APPLIED))
    bench.metrics.reloaded(ReloadReport(5_000_000_000, ReloadOrigin.CALL, ReloadOutcome.REFUSED, error="wrong"))
    scraped = bench.scrape()
    assert scraped.value("ofa_config_last_reload_successful") == 0
    assert scraped.value("ofa_config_last_reload_success_timestamp_seconds") == 1
    assert scraped.value("ofa_config_reloads_total", outcome="refused") == 1
    assert scraped.value("ofa_config_reloads_total", outcome="applied") == 0  # the start is none
    bench.metrics.reloaded(ReloadReport(9_000_000_000, ReloadOrigin.SIGNAL, ReloadOutcome.UNCHANGED))
    assert bench.scrape().value("ofa_config_last_reload_successful") == 1
    assert bench.scrape().value("ofa_config_last_reload_success_timestamp_seconds") == 9


def test_an_agent_on_its_last_good_config_was_never_in_agreement_with_its_file() -> None:
    bench = Bench()
    began = ReloadReport(5, ReloadOrigin.START, ReloadOutcome.APPLIED, error="agent.yaml:1: wrong", on_last_good=True)
    bench.metrics.reloaded(began)
    assert bench.scrape().value("ofa_config_last_reload_successful") == 0
    assert bench.scrape().get("ofa_config_last_reload_success_timestamp_seconds") is None


def test_the_certificate_ends_when_it_says() -> None:
    bench = Bench()
    assert bench.scrape().get("ofa_tls_certificate_not_after_timestamp_seconds") is None
    bench.metrics.watched.not_after_ns = lambda: 2_000_000_000_000_000_000
    assert bench.scrape().value("ofa_tls_certificate_not_after_timestamp_seconds") == 2e9


def test_two_agents_in_a_process_share_no_count() -> None:
    one, other = Bench(), Bench()
    one.meter.lease_expired()
    assert one.scrape().value("ofa_lease_expired_total", camera=NAME) == 1
    assert other.scrape().value("ofa_lease_expired_total", camera=NAME) == 0
    assert one.metrics.camera(NAME) is one.meter


def test_both_formats_say_what_they_are() -> None:
    metrics = Bench().metrics
    assert metrics.exposition()[1].startswith("text/plain; version=0.0.4; charset=utf-8")
    assert metrics.exposition(True)[1].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert metrics.exposition(True)[0].endswith(b"# EOF\n")


def test_the_checker_of_prometheus_finds_nothing_in_a_full_scrape() -> None:
    bench = Bench()
    bench.camera.now = replace(SNAPSHOT, health=Health(41.5, StreamCounts(), 16.6, 0.02))
    bench.meter.result(a_result(1))
    bench.meter.gap_ended(2.0, 2.0)
    bench.metrics.watched.not_after_ns = lambda: 1
    assert promtool("check", "metrics", text=bench.metrics.exposition()[0]) == ""


def test_names_and_units_are_those_of_the_field() -> None:
    for metric in METRICS:
        assert metric.name.startswith("ofa_")
        assert metric.name.endswith("_total") is (metric.kind == "counter"), metric.name
        assert metric.name.endswith("_info") is (metric.kind == "info"), metric.name
        assert bool(metric.bounds) is (metric.kind == "histogram"), metric.name
        assert metric.help.endswith("."), metric.name
    assert len({metric.name for metric in METRICS}) == len(METRICS)
