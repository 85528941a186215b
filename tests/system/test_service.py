"""A real daemon under a service manager: what it tells over its whole life, and what its log has when it is aborted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.service_manager import manager

CONFIG = """\
version: 1
state_dir: state
api: {unix_socket: api.sock}
cameras: [{name: a, sdk: simulated, acquisition: {frame_rate: 1}, simulation: {}}]
"""
PATIENCE_S = 60.0


@contextmanager
def service(folder: Path) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """The daemon as systemd starts it, and the messages that come from it."""
    (folder / "agent.yaml").write_text(CONFIG, "utf-8")
    address = f"@ofa-agent-test-{uuid.uuid4()}"
    environment = {**os.environ, "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "4000000"}
    command = (sys.executable, "-m", "agent", "run", "--config", "agent.yaml")
    with manager(address) as inbox:
        inbox.settimeout(PATIENCE_S)
        with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process, inbox
            finally:
                process.kill()


def until(inbox: socket.socket, wanted: str) -> list[str]:
    """The lines up to the one that begins so, but for signs of life."""
    found: list[str] = []
    while not found or not found[-1].startswith(wanted):
        found += [line for line in inbox.recv(65_536).decode().split("\n") if line != "WATCHDOG=1" or line == wanted]
    return found


def calm(process: subprocess.Popen[str], looks: int = 10) -> None:
    """Wait until each of its threads sleeps, at so many looks in a row, a millisecond apart.

    The dump of an abort reads the frames of other threads without holding them still: one that runs Python meanwhile
    may end it by SIGSEGV. A daemon that its watchdog aborts hangs; this one has just begun to work.
    """
    asleep, until = 0, time.monotonic() + PATIENCE_S
    while asleep < looks:
        assert time.monotonic() < until, "its threads never all sleep"
        stats = [one.read_text() for one in Path(f"/proc/{process.pid}/task").glob("*/stat")]
        asleep = asleep + 1 if all(stat.rpartition(")")[2].split()[0] == "S" for stat in stats) else 0
        time.sleep(0.001)


def test_a_service_tells_its_manager_of_its_whole_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with service(Path()) as (process, inbox):
        started = until(inbox, "READY=1")
        assert started[0] == "STATUS=starting: the journal, the library, the cameras"
        assert until(inbox, "STATUS=0 of 1 cameras ACTIVE; a IDLE")
        until(inbox, "WATCHDOG=1")
        process.send_signal(signal.SIGHUP)
        told = until(inbox, "READY=1")
        assert [line.split("=")[0] for line in told] == ["RELOADING", "MONOTONIC_USEC", "READY"]
        process.send_signal(signal.SIGTERM)
        assert until(inbox, "EXTEND_TIMEOUT_USEC")[:2] == ["STOPPING=1", "STATUS=stopping"]
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0


def test_a_service_that_its_watchdog_aborts_leaves_where_its_threads_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with service(Path()) as (process, inbox):
        until(inbox, "READY=1")
        calm(process)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGABRT)
        process.send_signal(signal.SIGCONT)
        _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGABRT
    trace = log.partition("Fatal Python error: Aborted")[2]
    assert "in _serve_all" in trace  # the journal's thread
    assert "in run_daemon" in trace  # the event loop's
