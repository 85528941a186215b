"""Rolling figures, ids and the boot id."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from agent.clock import VirtualClock
from agent.domain.result import RawInference
from agent.telemetry.boot import boot_id_reader
from agent.telemetry.figures import SHOWN_S, RollingFigures, ShownFigures, nearest_rank
from agent.telemetry.ids import RandomIds, SeededIds


def result(service_ms: float, generation: int = 1) -> RawInference:
    return RawInference(
        generation=generation,
        frame_id=1,
        captured_ns=1,
        carried_ns=1,
        class_id=0,
        confidence=0.9,
        service_ms=service_ms,
        latency_ms=service_ms + 10.0,
    )


def test_there_are_no_figures_before_the_first_result() -> None:
    figures = RollingFigures()
    assert figures.figures() is None
    assert figures.load(30.0) is None


def test_quantiles_are_of_the_last_results_and_the_count_of_all() -> None:
    figures = RollingFigures(window=100)
    figures.add(result(1000.0) for _ in range(50))
    figures.add(result(float(ms)) for ms in range(1, 101))
    found = figures.figures()
    assert found is not None
    assert (found.count, found.service_p50_ms, found.service_p99_ms) == (150, 50.0, 99.0)
    assert (found.latency_p50_ms, found.latency_p99_ms) == (60.0, 109.0)


def test_load_is_service_time_times_the_rate_asked_for() -> None:
    figures = RollingFigures()
    figures.add([result(20.0)])
    assert figures.load(50.0) == pytest.approx(1.0)
    assert figures.load(15.0) == pytest.approx(0.3)


def test_another_generation_starts_the_figures_anew() -> None:
    figures = RollingFigures()
    figures.add([result(90.0), result(20.0, generation=2)])
    found = figures.figures()
    assert found is not None
    assert (found.count, found.service_p99_ms) == (1, 20.0)
    figures.restart(None)
    assert figures.figures() is None


def test_the_nearest_rank_of_one_value_is_that_value() -> None:
    assert nearest_rank([4.0], 0.01) == nearest_rank([4.0], 0.99) == 4.0


def test_seeded_ids_repeat_and_all_ids_are_uuid4() -> None:
    first, second = SeededIds(7), SeededIds(7)
    named = [first.uuid() for _ in range(5)]
    assert [second.uuid() for _ in range(5)] == named
    assert len(set(named)) == 5
    assert {uuid.UUID(text).version for text in [*named, RandomIds().uuid()]} == {4}


def test_the_boot_id_is_the_kernel_s_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "boot_id"
    file.write_text("abc-def\n")
    boot_id = boot_id_reader(SeededIds(1), file)
    file.write_text("other\n")
    assert boot_id() == boot_id() == "abc-def"


def test_without_a_kernel_s_boot_id_every_start_of_the_daemon_is_a_boot(tmp_path: Path) -> None:
    ids = SeededIds(1)
    first, second = boot_id_reader(ids, tmp_path / "none"), boot_id_reader(ids, tmp_path / "none")
    assert first() == first() != second()


def test_who_asks_often_sees_the_same_figures_for_a_while_and_those_of_another_network_at_once() -> None:
    rolling, clock = RollingFigures(), VirtualClock()
    shown = ShownFigures(rolling, clock)
    assert shown.at(1, 30.0) == (None, None)
    rolling.add([result(10.0)])
    first = shown.at(1, 30.0)
    assert first == (rolling.figures(), 0.3)
    rolling.add([result(30.0), result(30.0)])
    assert shown.at(1, 30.0) == first
    assert shown.at(1, 10.0) == (rolling.figures(), 0.3)
    rolling.add([result(50.0)])
    clock.sleep(SHOWN_S)
    assert shown.at(1, 10.0)[0] == rolling.figures()
    rolling.add([result(5.0, generation=2)])
    assert shown.at(1, 10.0) == (None, None)
    assert shown.at(2, 10.0)[0] == rolling.figures()
