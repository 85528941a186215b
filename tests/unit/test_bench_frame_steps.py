"""The table of a frame's steps: every row measured, and nothing left in the code that it watched."""

from __future__ import annotations

from agent.clock import VirtualClock
from agent.sim import bus
from tests.bench import frame, frame_steps


def test_each_step_of_a_frame_takes_its_time_and_the_code_is_as_it_was() -> None:
    before = {name: getattr(owner, method) for name, (owner, method) in frame_steps.STEPS.items()}
    clock = VirtualClock()
    with bus.local_camera(frame.SPEC, clock) as camera:
        found = frame_steps.spent(clock, camera.spec.serial, warm=20, frames=20)
    assert set(found) == {"GetNextImage", frame_steps.ALL} | (set(before) - {"reading"})
    assert all(one.us > 0 for one in found.values()), found
    assert found["the result's record"].us < found[frame_steps.ALL].us
    assert {one.often for one in found.values()} == {1.0}, "of the first results each service time is read"
    assert {name: getattr(owner, method) for name, (owner, method) in frame_steps.STEPS.items()} == before
