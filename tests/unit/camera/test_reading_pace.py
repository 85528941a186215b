"""How often the camera's InferenceTime is read."""

from __future__ import annotations

from random import Random

from agent.camera.reading_pace import AFTER_CHANGE, FIRST, STEADY_S, ReadingPace

PERIOD_NS = round(1e9 / 60)


def reads(pace: ReadingPace, results: int, frames: int = 1, from_ns: int = 0) -> int:
    """Of so many results, one a frame."""
    return sum(pace.due(frames, from_ns + number * PERIOD_NS) for number in range(results))


def steady() -> ReadingPace:
    pace = ReadingPace()
    reads(pace, FIRST)
    return pace


def test_every_one_of_the_first_results_is_read() -> None:
    assert reads(ReadingPace(), FIRST) == FIRST


def test_a_steady_stream_is_read_ten_times_a_second() -> None:
    assert reads(steady(), 600) == round(10.0 / STEADY_S)


def test_results_that_take_another_number_of_frames_are_read_each_for_a_while() -> None:
    pace = steady()
    assert reads(pace, AFTER_CHANGE, frames=2) == AFTER_CHANGE
    assert reads(pace, 6, frames=2, from_ns=FIRST * PERIOD_NS) == 1


def test_results_that_take_n_and_n_plus_1_frames_in_turn_are_steady() -> None:
    pace = steady()
    reads(pace, AFTER_CHANGE, frames=2)
    found = [pace.due(1 + number % 2, FIRST * PERIOD_NS + number * PERIOD_NS) for number in range(60)]
    assert sum(found) < 12


def noisy(pace: ReadingPace, seed: int, mean_ms: float, results: int, from_ns: int = 0) -> list[int]:
    """The numbers of the results that were read, of so many that all take one frame at 60 fps; 1 in 50 is a spike."""
    drawn = Random(seed)
    read = []
    for number in range(results):
        took_ms = drawn.gauss(mean_ms, 0.3) + (drawn.random() < 0.02) * drawn.uniform(2.0, 12.0)
        if pace.due(2, from_ns + number * PERIOD_NS):
            read.append(number)
            pace.was(took_ms)
    return read


def test_a_noisy_service_time_without_a_trend_is_read_little_more_often() -> None:
    for seed in range(20):
        pace = ReadingPace()
        noisy(pace, seed, 20.0, FIRST)
        assert len(noisy(pace, seed + 100, 20.0, 6000, FIRST * PERIOD_NS)) < 13 * 100


def test_a_slow_down_within_a_frame_is_known_to_the_policy_within_20_results() -> None:
    for seed in range(20):
        pace = ReadingPace()
        noisy(pace, seed, 20.0, FIRST + 600)
        read = noisy(pace, seed + 100, 23.0, 60, (FIRST + 600) * PERIOD_NS)
        assert read[7] < 20  # 8 of its last 15


def test_a_constant_time_is_never_slow() -> None:
    pace = ReadingPace()
    read = 0
    for number in range(FIRST + 600):
        if pace.due(1, number * PERIOD_NS):
            read += 1
            pace.was(16.0)
    assert read == FIRST + round(10.0 / STEADY_S)


def test_another_acquisition_begins_anew() -> None:
    pace = steady()
    pace.begin()
    assert reads(pace, FIRST) == FIRST


def test_each_is_read_where_service_times_are_what_is_wanted() -> None:
    pace = steady()
    pace.each = True
    assert reads(pace, 100) == 100
