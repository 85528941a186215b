"""The attribution rule of interfaces.md section 3, alone: scripted frames, and a model camera with every stale case."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.camera.attribution import Attribution, Verdict

NEW, REPEATED, STALE, NONE = Verdict.NEW, Verdict.REPEATED, Verdict.STALE, Verdict.NONE
PERIOD_NS = 16_000_000


def verdicts(ids: list[int], attribution: Attribution | None = None) -> list[Verdict]:
    """Judge `ids` on the frames 0, 1, 2, …"""
    rule = attribution or Attribution(pipe_clear=True, bound_ns=0)
    return [rule.judge(frame, frame * PERIOD_NS, number) for frame, number in enumerate(ids)]


def test_a_result_counts_once_and_repeats_afterwards() -> None:
    assert verdicts([-1, -1, 0, 0, 3]) == [NONE, NONE, NEW, REPEATED, NEW]


def test_the_value_on_the_first_frame_never_counts() -> None:
    """facts/firefly-dl.md section 7 item 9 and quirk stale_chunks: chunks keep the result of the network before."""
    assert verdicts([2, 2, 2, 2, 2]) == [STALE, NONE, NONE, NONE, NONE]


def test_an_id_beyond_the_frame_is_stale_and_stays_so_when_the_frames_reach_it() -> None:
    assert verdicts([5, 7, 7, 7, 7, 7, 7, 7, 7, 8]) == [STALE, STALE, *[NONE] * 7, NEW]


def test_a_first_result_with_the_id_of_the_stale_one_is_lost_not_misattributed() -> None:
    assert verdicts([0, 0, 0, 2]) == [STALE, NONE, NONE, NEW]


def test_an_id_equal_to_the_stale_one_counts_once_another_has_counted() -> None:
    assert verdicts([3, 0, 1, 2, 3, 3]) == [STALE, NEW, NEW, NEW, NEW, REPEATED]


def test_a_stale_id_that_comes_back_before_anything_counted_is_still_stale() -> None:
    assert verdicts([0, -1, 0, 0, 2]) == [STALE, NONE, NONE, NONE, NEW]


def test_frame_ids_that_start_again_make_everything_unknown() -> None:
    rule = Attribution(pipe_clear=True, bound_ns=PERIOD_NS // 2)
    assert verdicts([-1, 0, 1, 2], rule)[-1] is NEW
    assert verdicts([2, 2, 0, 1], rule) == [STALE, NONE, NEW, NEW]


def test_result_ids_that_go_backwards_make_everything_unknown() -> None:
    assert verdicts([-1, 0, 2, 1, 1, 4])[:4] == [NONE, NEW, NEW, STALE]


def test_without_a_clear_pipe_nothing_counts_before_a_service_time_has_passed() -> None:
    rule = Attribution(pipe_clear=False, bound_ns=3 * PERIOD_NS)
    assert verdicts([0, 1, 1, 2, 3, 4], rule) == [STALE, STALE, NONE, STALE, NEW, NEW]


@pytest.mark.parametrize("none", [-1, -(2**63), 2**64 - 1])
def test_a_value_that_says_no_inference_yet_never_counts(none: int) -> None:
    assert NEW not in verdicts([none] * 4)
    assert verdicts([none, none, 0])[-1] is NEW


@dataclass
class ModelCamera:
    """Chunks show the last finished inference; `old_id` and `pending` come from the acquisition before."""

    old_id: int
    pending: tuple[int, int] | None  # (finish time, id) of an inference that outlived the acquisition before
    services: list[int]

    def frames(self, count: int, start_ns: int) -> list[tuple[int, int, int, bool]]:
        """(frame id, timestamp, chunk id, is it of this acquisition) of each frame."""
        shown, mine, busy = self.old_id, False, self.pending
        running_mine, taken = False, 0
        rows = []
        for frame in range(count):
            now_ns = start_ns + frame * PERIOD_NS
            if busy is not None and busy[0] <= now_ns:
                shown, mine, busy = busy[1], running_mine, None
            rows.append((frame, now_ns, shown, mine))
            if busy is None:
                service_ns = self.services[taken % len(self.services)]
                busy, running_mine, taken = (now_ns + service_ns, frame), True, taken + 1
        return rows


ids = st.integers(-1, 12)
service_times = st.lists(st.integers(1, 6 * PERIOD_NS), min_size=1, max_size=6)


@given(old_id=ids, services=service_times)
@settings(max_examples=200, deadline=None)
def test_with_a_clear_pipe_no_result_of_another_network_ever_counts(old_id: int, services: list[int]) -> None:
    rule = Attribution(pipe_clear=True, bound_ns=0)
    counted = 0
    for frame, now_ns, shown, mine in ModelCamera(old_id, None, services).frames(60, 0):
        if rule.judge(frame, now_ns, shown) is NEW:
            assert mine
            counted += 1
    assert counted >= 5, "at most the first of about ten results is lost"


@given(old_id=ids, pending_id=ids, late_ns=st.integers(0, 6 * PERIOD_NS), services=service_times)
@settings(max_examples=200, deadline=None)
def test_with_an_inference_in_the_pipe_no_result_of_another_network_ever_counts(
    old_id: int, pending_id: int, late_ns: int, services: list[int]
) -> None:
    """`late_ns` is at most the bound after the first frame, which comes after BeginAcquisition."""
    rule = Attribution(pipe_clear=False, bound_ns=6 * PERIOD_NS)
    camera = ModelCamera(old_id, (late_ns, pending_id), services)
    judged = [(rule.judge(f, t, shown), mine) for f, t, shown, mine in camera.frames(80, 0)]
    assert all(mine for verdict, mine in judged if verdict is NEW)
    assert any(verdict is NEW for verdict, _ in judged)
