"""The gate that every test passes on its way out: what is left open is found, what is only late is not."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from tests.support.leaks import left_behind, open_descriptors


def test_a_socket_that_stays_open_is_found() -> None:
    before = open_descriptors()
    with socket.socket():
        assert left_behind(before, within_s=0.05) == ["socket"]
    assert left_behind(before, within_s=0.0) == []


def test_one_that_another_thread_closes_in_time_is_not() -> None:
    before, late = open_descriptors(), socket.socket()
    closing = threading.Timer(0.05, late.close)
    closing.start()
    assert left_behind(before) == []
    closing.join()


def test_a_pipe_is_never_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    before, ends = open_descriptors(), os.pipe()
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it was waited for"))
    try:
        assert left_behind(before, within_s=60.0) == ["pipe", "pipe"]
    finally:
        for end in ends:
            os.close(end)
