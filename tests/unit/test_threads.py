"""Threads whose start does not hang: begun, or refused and never to run."""

from __future__ import annotations

import mmap
import threading

import pytest

from agent import threads
from agent.clock import SystemClock
from agent.errors import OutOfResources
from agent.threads import SureThread


def no_room(*_: object, **__: object) -> mmap.mmap:
    raise OSError(12, "Cannot allocate memory")


def test_work_is_done_on_a_thread_of_that_name() -> None:
    names: list[str] = []
    thread = SystemClock().spawn("worker", lambda: names.append(threading.current_thread().name))
    thread.join()
    assert names == ["worker"]


def test_without_memory_for_a_stack_the_start_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.threads.mmap.mmap", no_room)
    with pytest.raises(OutOfResources, match=r"thread 'worker' cannot be started: .*Cannot allocate memory"):
        SystemClock().spawn("worker", lambda: None)


def test_a_thread_that_dies_before_it_can_say_that_it_runs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that has no memory for its first object; `start` of the standard library waits for it for ever."""
    monkeypatch.setattr(threads, "START_S", 0.01)
    thread, done = SureThread("worker", lambda: done.append(1)), list[int]()
    monkeypatch.setattr(thread, "_bootstrap", lambda: None)
    with pytest.raises(OutOfResources, match="it has not begun within"):
        thread.start()
    assert not thread.is_alive()


def test_one_that_begins_after_it_was_given_up_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "START_S", 0.01)
    go_on, ended, done = threading.Event(), threading.Event(), list[int]()
    thread = SureThread("worker", lambda: done.append(1))
    begin = thread._bootstrap  # type: ignore[attr-defined]

    def late() -> None:
        go_on.wait(5)
        begin()
        ended.set()

    monkeypatch.setattr(thread, "_bootstrap", late)
    with pytest.raises(OutOfResources):
        thread.start()
    go_on.set()
    assert ended.wait(5)
    assert done == []
