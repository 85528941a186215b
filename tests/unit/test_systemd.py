"""What reaches systemd, over real datagram sockets."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.systemd import MAX_STATUS_BYTES, Notifier, notifier
from tests.support.service_manager import fill, heard, manager


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def inbox(address: str) -> Iterator[socket.socket]:
    with manager(address) as inbox:
        yield inbox


def test_each_state_is_told_as_sd_notify_has_it(address: str, inbox: socket.socket) -> None:
    told = Notifier(address)
    told.ready()
    told.status("station-1 ACTIVE")
    told.reloading(12_345_678)
    told.ready()
    told.extend_timeout(45.5)
    told.watchdog()
    told.stopping()
    assert heard(inbox) == [
        ["READY=1"],
        ["STATUS=station-1 ACTIVE"],
        ["RELOADING=1", "MONOTONIC_USEC=12345"],
        ["READY=1"],
        ["EXTEND_TIMEOUT_USEC=45500000"],
        ["WATCHDOG=1"],
        ["STOPPING=1"],
    ]


def test_an_abstract_socket_is_reached_by_its_name() -> None:
    name = f"@ofa-agent-test-{uuid.uuid4()}"
    with manager(name) as inbox:
        Notifier(name).ready()
        assert heard(inbox) == [["READY=1"]]


@pytest.mark.parametrize(
    "address", ["", "@", "/", "notify", "vsock:2:1234", "/nowhere/notify", "/a\0b", "/" + "a" * 200]
)
def test_nobody_to_tell_is_no_error(address: str) -> None:
    told = Notifier(address)
    told.ready()
    told.status("all is well")
    told.watchdog()
    told.stopping()


def test_a_manager_that_went_away_is_no_error(address: str) -> None:
    with manager(address):
        told = Notifier(address)
        told.ready()
    told.watchdog()
    told.stopping()


def test_what_a_full_queue_did_not_take_goes_out_with_the_next_message(address: str, inbox: socket.socket) -> None:
    told = Notifier(address)
    fill(address)
    told.reloading(1_000)
    told.status("old")
    told.ready()
    told.status("new")
    heard(inbox)
    told.watchdog()
    assert heard(inbox) == [["READY=1", "STATUS=new", "WATCHDOG=1"]]
    told.watchdog()
    assert heard(inbox) == [["WATCHDOG=1"]], "told once"


def test_a_sign_of_life_that_was_not_taken_is_not_sent_later(address: str, inbox: socket.socket) -> None:
    told = Notifier(address)
    fill(address)
    told.watchdog()
    heard(inbox)
    told.status("the loop of station-1 stands")
    assert heard(inbox) == [["STATUS=the loop of station-1 stands"]]


def test_a_status_stays_one_line_whatever_is_in_it(address: str, inbox: socket.socket) -> None:
    Notifier(address).status("station-1\nREADY=1\r\0x")
    assert heard(inbox) == [["STATUS=station-1 READY=1  x"]]


def test_a_status_is_cut_between_characters(address: str, inbox: socket.socket) -> None:
    Notifier(address).status("ä" * MAX_STATUS_BYTES)
    ((line,),) = heard(inbox)
    shown = line.removeprefix("STATUS=")
    assert set(shown[:-1]) == {"ä"}
    assert shown.endswith("…")
    assert MAX_STATUS_BYTES - 2 <= len(shown.encode()) <= MAX_STATUS_BYTES


@pytest.mark.parametrize(
    ("environment", "expected_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "３"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_the_one_of_this_process(environment: dict[str, str], expected_s: float | None) -> None:
    told = Notifier.of({"NOTIFY_SOCKET": "/run/systemd/notify", **environment}, pid=7)
    assert told.watchdog_s == expected_s


def test_without_a_manager_nobody_watches() -> None:
    told = Notifier.of({"WATCHDOG_USEC": "30000000"}, pid=7)
    assert not told.present
    assert told.watchdog_s is None


def test_the_process_finds_its_manager_in_its_environment(
    monkeypatch: pytest.MonkeyPatch, address: str, inbox: socket.socket
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    told = notifier()
    told.ready()
    assert told.present
    assert told.watchdog_s == 2.0
    assert heard(inbox) == [["READY=1"]]
