"""Metrics of the real agent on the simulated camera in virtual time: they agree with the journal and the results.

A line of 200 parts a minute: a swap, one that is rolled back, a camera that becomes slow, a lease that nobody renews,
and a camera that loses its power.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from agent.app import Agent
from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget, EffectiveBudget
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.result import InferenceResult
from agent.domain.states import CameraState
from agent.sim import bus
from agent.sim.device import Firefly
from agent.sim.link import LocalBusDevice
from agent.sim.spec import FaultSpec
from agent.supervisor import Supervisor
from agent.telemetry.ids import SeededIds
from agent.telemetry.metrics.catalogue import METRICS, OVERRUN
from tests.support.metrics_text import Scraped, promtool
from tests.support.virtual_line import CAMERA, line_config

LINE = 200.0
SLOW = Budget(parts_per_minute=800.0, max_latency_ms=600.0)
FAST = Budget(parts_per_minute=2400.0, max_latency_ms=200.0)  # a result waits for the next part: 300 ms
FAIL_SAFE = Budget(max_latency_ms=500.0)
FASTEST, LARGEST = "r40-d111-9655ff", "r56-d222-a4d366"  # of the ladder
NEVER_HERE = {"ofa_tls_certificate_not_after_timestamp_seconds"}  # there is no api.tcp, nor anything else of a server
SERVERS = {"ofa_config_last_reload_successful", "ofa_config_last_reload_success_timestamp_seconds"}


@dataclass
class Day:
    """What came of it, each by its own way."""

    results: list[InferenceResult] = field(default_factory=list)
    budgets: dict[str, EffectiveBudget] = field(default_factory=dict)
    swaps: Sequence[SwapRecord] = ()
    scrapes: dict[str, Scraped] = field(default_factory=dict)
    text: bytes = b""
    connects: int = 0
    frames: int = 0

    @property
    def last(self) -> Scraped:
        return self.scrapes["end"]


@pytest.fixture(scope="module")
def day(ladder: Path, tmp_path_factory: pytest.TempPathFactory) -> Day:
    config = line_config(tmp_path_factory.mktemp("metrics"), ladder)
    config = replace(config, policy=replace(config.policy, fail_safe_budget=FAIL_SAFE))
    config.state_dir.mkdir()
    clock, seen = VirtualClock(), Day()
    agent = Agent(config, clock, SeededIds(1))
    counted = _Connects()
    log = logging.getLogger("ofa_agent.supervisor")
    level = log.level
    log.addHandler(counted)
    log.setLevel(logging.INFO)
    try:
        run_virtual(clock, _live(agent, seen))
    finally:
        log.removeHandler(counted)
        log.setLevel(level)
    seen.connects = counted.count
    return seen


class _Connects(logging.Handler):
    """Counts what the log says of the camera."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.getMessage().startswith("camera_connected")


async def _live(agent: Agent, seen: Day) -> None:
    async with agent.running():
        (place,) = bus.places()
        assert isinstance(place, LocalBusDevice)
        supervisor = agent.supervisors[CAMERA]
        seen.scrapes["begin"] = Scraped.of(agent.metrics)
        reading = [
            asyncio.create_task(_read_results(supervisor, seen)),
            asyncio.create_task(_read_status(supervisor, seen)),
        ]
        await _story(agent, place.device, supervisor, seen)
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)
        seen.scrapes["end"] = Scraped.of(agent.metrics)
        seen.text = agent.metrics.exposition()[0]
        seen.swaps = await agent.journal.swaps(CAMERA, 1000)
        health = supervisor.snapshot().health
        assert health is not None
        seen.frames = health.counts.frames


async def _story(agent: Agent, device: Firefly, supervisor: Supervisor, seen: Day) -> None:
    device.set_line(LINE)
    await supervisor.set_budget("plc", SLOW, None, True)
    await asyncio.sleep(4.0)
    await supervisor.pin("eng", FASTEST)
    await asyncio.sleep(6.0)
    device.inject_fault(FaultSpec("inference", "wrong_output", nth=1, count=3))
    await supervisor.pin("eng", LARGEST)
    await asyncio.sleep(6.0)
    device.clear_faults()
    await supervisor.pin("eng", FASTEST)
    device.set_slowdown(10.0)
    await asyncio.sleep(2.0)
    device.set_slowdown(1.0)
    await supervisor.release_budget("plc")
    await supervisor.set_budget("gateway", FAST, 2.0, True)
    seen.scrapes["leased"] = Scraped.of(agent.metrics)
    await asyncio.sleep(1.0)
    device.set_slowdown(3.0)
    await asyncio.sleep(3.0)
    seen.scrapes["expired"] = Scraped.of(agent.metrics)
    device.unplug()
    await asyncio.sleep(2.0)
    seen.scrapes["unplugged"] = Scraped.of(agent.metrics)
    device.replug()
    device.power_cycle()
    device.set_slowdown(1.0)
    await asyncio.sleep(14.0)


async def _read_results(supervisor: Supervisor, seen: Day) -> None:
    feed = supervisor.result_feed(100)
    try:
        while True:
            result = await feed.next(60.0)
            if result is not None:
                seen.results.append(result)
    finally:
        feed.close()


async def _read_status(supervisor: Supervisor, seen: Day) -> None:
    feed = supervisor.status_feed()
    try:
        while True:
            snapshot = await feed.next(60.0)
            if snapshot is not None:
                seen.budgets[snapshot.budget.id] = snapshot.budget
    finally:
        feed.close()


def test_swaps_are_those_of_the_journal(day: Day) -> None:
    wanted = Counter((swap.reason, swap.outcome.value) for swap in day.swaps)
    counted = {key: value for key, value in day.last.all("ofa_swaps_total", camera=CAMERA).items() if value}
    assert counted == wanted
    assert {SwapOutcome.VERIFIED.value, SwapOutcome.ROLLED_BACK.value} <= {result for _, result in wanted}


def test_gaps_and_durations_are_those_of_the_journal(day: Day) -> None:
    gaps = [swap.gap_s for swap in day.swaps if swap.gap_s is not None]
    assert len(gaps) == 2, gaps
    assert day.last.value("ofa_swap_gap_seconds_count", camera=CAMERA) == len(gaps)
    assert day.last.value("ofa_swap_gap_seconds_sum", camera=CAMERA) == pytest.approx(sum(gaps), abs=1e-6)
    newest = next(swap.gap_s for swap in day.swaps if swap.gap_s is not None)
    assert day.last.value("ofa_swap_last_gap_seconds", camera=CAMERA) == pytest.approx(newest, abs=1e-6)
    took = [swap.duration_s for swap in day.swaps if swap.outcome not in (SwapOutcome.REFUSED, SwapOutcome.INTERRUPTED)]
    assert day.last.value("ofa_swap_duration_seconds_count", camera=CAMERA) == len(took)
    assert day.last.value("ofa_swap_duration_seconds_sum", camera=CAMERA) == pytest.approx(sum(s or 0.0 for s in took))


def test_a_swap_that_was_rolled_back_took_longer_than_promised(day: Day) -> None:
    longest = max(swap.duration_s or 0.0 for swap in day.swaps if swap.outcome is SwapOutcome.ROLLED_BACK)
    promised = max(swap.duration_s or 0.0 for swap in day.swaps if swap.outcome is SwapOutcome.VERIFIED)
    assert longest > OVERRUN * promised
    assert day.last.value("ofa_swap_overruns_total", camera=CAMERA) >= 1


def test_results_and_their_times_are_those_that_readers_got(day: Day) -> None:
    scraped, results = day.last, day.results
    assert len(results) > 50
    assert scraped.value("ofa_results_total", camera=CAMERA, outcome="published") == len(results)
    assert scraped.value("ofa_results_total", camera=CAMERA, outcome="unattributed") == 0
    assert scraped.value("ofa_result_latency_seconds_count", camera=CAMERA) == len(results)
    latencies_s = [result.inference.latency_ms / 1e3 for result in results]
    assert scraped.value("ofa_result_latency_seconds_sum", camera=CAMERA) == pytest.approx(sum(latencies_s))
    services_s = [one.inference.service_ms / 1e3 for one in results if one.inference.service_ms is not None]
    assert scraped.value("ofa_inference_seconds_count", camera=CAMERA) == len(services_s)
    assert scraped.value("ofa_inference_seconds_sum", camera=CAMERA) == pytest.approx(sum(services_s))
    for bound in ("0.12", "0.32", "1.0"):
        at_most = sum(value <= float(bound) for value in latencies_s)
        assert scraped.value("ofa_result_latency_seconds_bucket", camera=CAMERA, le=bound) == at_most


def test_violations_are_results_that_broke_the_budget_they_were_inspected_for(day: Day) -> None:
    broken = Counter[str]()
    for result in day.results:
        budget = day.budgets[result.budget_id].budget
        late = budget.max_latency_ms is not None and result.inference.latency_ms > budget.max_latency_ms
        slow = (result.inference.service_ms or 0.0) > budget.service_limit_ms()
        broken["both" if late and slow else "latency" if late else "rate"] += late or slow
    counted = {bound: count for (bound,), count in day.last.all("ofa_budget_violations_total", camera=CAMERA).items()}
    assert counted == {bound: broken[bound] for bound in ("latency", "rate", "both")}
    assert all(counted.values())


def test_the_camera_counts_go_on_over_a_connection_that_broke(day: Day) -> None:
    assert day.connects == 2
    assert day.last.value("ofa_camera_reconnects_total", camera=CAMERA) == 1
    complete = day.last.value("ofa_frames_total", camera=CAMERA, outcome="complete")
    assert complete >= day.frames > len(day.results) * 0.9
    assert complete >= day.scrapes["unplugged"].value("ofa_frames_total", camera=CAMERA, outcome="complete")


def test_a_camera_that_is_gone_shows_no_stale_gauges(day: Day) -> None:
    gone = day.scrapes["unplugged"]
    assert gone.value("ofa_camera_up", camera=CAMERA) == 0
    assert gone.value("ofa_camera_inspecting", camera=CAMERA) == 0
    for name in (
        "ofa_camera_temperature_celsius",
        "ofa_vpu_load_ratio",
        "ofa_result_latency_p99_seconds",
        "ofa_active_subnet_accuracy_ratio",
    ):
        assert gone.get(name, camera=CAMERA) is None, name
        assert day.last.value(name, camera=CAMERA) > 0
    assert gone.all("ofa_active_subnet_info") == {}
    assert gone.value("ofa_alarms_active", camera=CAMERA, alarm="camera_lost", number="101", severity="critical") == 1
    assert day.last.value("ofa_camera_up", camera=CAMERA) == 1


def test_the_camera_is_in_one_state_at_each_moment(day: Day) -> None:
    for scraped in day.scrapes.values():
        states = scraped.all("ofa_camera_state", camera=CAMERA)
        assert {state for (state,) in states} == {state.value for state in CameraState}
        assert sorted(states.values()) == [0.0] * (len(states) - 1) + [1.0]
    assert day.scrapes["leased"].value("ofa_camera_state", camera=CAMERA, state="ACTIVE") == 1
    assert day.last.value("ofa_camera_state", camera=CAMERA, state="ACTIVE") == 1


def test_a_lease_counts_down_and_its_end_brings_the_fail_safe(day: Day) -> None:
    leased, expired = day.scrapes["leased"], day.scrapes["expired"]
    assert leased.value("ofa_lease_remaining_seconds", camera=CAMERA) == pytest.approx(2.0, abs=0.1)
    assert leased.value("ofa_claims", camera=CAMERA, kind="lease") == 1
    assert leased.value("ofa_budget_source", camera=CAMERA, source="lease") == 1
    assert leased.value("ofa_budget_seconds", camera=CAMERA, bound="latency") == 0.2
    assert leased.value("ofa_budget_seconds", camera=CAMERA, bound="rate") == pytest.approx(60 / 2400)
    assert leased.value("ofa_lease_expired_total", camera=CAMERA) == 0
    assert expired.get("ofa_lease_remaining_seconds", camera=CAMERA) is None
    assert expired.value("ofa_lease_expired_total", camera=CAMERA) == 1
    assert expired.value("ofa_budget_fail_safe", camera=CAMERA) == 1
    assert expired.value("ofa_budget_seconds", camera=CAMERA, bound="latency") == 0.5
    alarm = {"alarm": "lease_expired", "number": "302", "severity": "critical"}
    assert expired.value("ofa_alarms_active", camera=CAMERA, **alarm) == 1


def test_counters_are_there_from_the_start_and_never_fall(day: Day) -> None:
    """A series that appears with its first count has no rise that Prometheus could see."""
    counters = {metric.name for metric in METRICS if metric.kind == "counter"}
    scrapes = list(day.scrapes.values())
    for before, after in pairwise(scrapes):
        for sample in after.samples:
            if sample.name in counters:
                assert before.value(sample.name, **sample.labels) <= sample.value
    first = [one for one in scrapes[0].samples if one.name in counters]
    assert {one.name for one in first} == counters
    assert {one.value for one in first} == {0.0}


def test_all_that_is_documented_is_scraped_and_nothing_else(day: Day) -> None:
    found = {sample.name for scraped in day.scrapes.values() for sample in scraped.samples}
    plain = {name for name in found if not name.startswith("process_")}
    histograms = {metric.name for metric in METRICS if metric.kind == "histogram"}
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}
    assert plain == {metric.name for metric in METRICS} - histograms - NEVER_HERE - SERVERS | parts
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= found


def test_every_series_has_the_labels_that_are_documented(day: Day) -> None:
    labels = {metric.name: set(metric.labels) for metric in METRICS}
    for scraped in day.scrapes.values():
        for sample in scraped.samples:
            if sample.name in labels:
                assert set(sample.labels) == labels[sample.name], sample.name


def test_the_checker_of_prometheus_finds_nothing(day: Day) -> None:
    assert promtool("check", "metrics", text=day.text) == ""
