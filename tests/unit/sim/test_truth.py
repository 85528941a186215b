"""Ground truth: bounded, in order, plain data."""

from __future__ import annotations

import hashlib
import json

from agent.sim.spec import SceneSpec, SimulationSpec
from agent.sim.truth import Truth
from tests.support.networks import tiny_ir
from tests.support.vendor import bench


def test_rows_from_a_time_on_are_given_in_order() -> None:
    truth = Truth(lambda part: part % 8)
    for k in range(10):
        truth.exposed(1000 * k, k, k)
        truth.lost(k, 1000 * k, "sensor_busy")
    report = truth.report(truth.select(7000))
    assert [(e["frame_id"], e["true_class"]) for e in report["exposures"]] == [(7, 7), (8, 0), (9, 1)]
    assert [row["part"] for row in report["lost"]] == [7, 8, 9]
    assert report["counters"] == {"exposures": 10, "lost_sensor_busy": 10}


def test_the_rings_are_bounded_and_the_counters_are_not() -> None:
    truth = Truth(lambda part: 0, ring=3)
    for k in range(10):
        truth.exposed(k, k, k)
    report = truth.report(truth.select(0))
    assert [e["frame_id"] for e in report["exposures"]] == [7, 8, 9]
    assert report["counters"] == {"exposures": 10}


def test_a_report_is_json_and_names_the_network_that_ran() -> None:
    with bench(SimulationSpec(scene=SceneSpec(parts_per_minute=600, distinct=5))) as camera:
        data = tiny_ir()
        camera.load(data)
        camera.trigger_on("Line0")
        camera.camera.BeginAcquisition()
        camera.grab(5)
        report = camera.device.truth()
        assert json.loads(json.dumps(report)) == report
        assert {r["sha256"] for r in report["inferences"]} == {hashlib.sha256(data).hexdigest()}
        assert len({e["timestamp_ns"] for e in report["exposures"]}) == len(report["exposures"])


def test_timestamps_stay_unique_over_a_power_cycle() -> None:
    with bench() as camera:
        for _ in range(2):
            camera.camera.BeginAcquisition()
            camera.camera.GetNextImage(1000).Release()
            camera.camera.EndAcquisition()
            camera.device.power_cycle()
            camera.clock.sleep(5.0)
            camera.camera.DeInit()
            camera.camera.Init()
        stamps = [e["timestamp_ns"] for e in camera.device.truth()["exposures"]]
        assert len(stamps) >= 2
        assert stamps == sorted(set(stamps))
