"""The whole daemon short of disk, descriptors and memory: reads go on, an alarm stands, and it recovers by itself."""

from __future__ import annotations

import os
import resource
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from agent.app import state_lock
from agent.errors import Refused as Refusal
from agent.supervisor.resources import MIB, SPARE_BYTES
from tests.reliability.recorder import Reliability
from tests.support.forks import Forks
from tests.system.starved import CLIENT, Client, Refused, Starved

BEFORE_MS, MEANT_MS, AFTER_MS = 70.0, 60.0, 50.0
DISK_BYTES = 8 * MIB
CALL_MS = 1000.0  # of a read while something is short; not a promise of its own
ROUNDS = 10

needs_mounts = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="a file system of one's own needs root and mount(8)"
)
Shortage = Callable[[Starved], AbstractContextManager[None]]


def disk_full(daemon: Starved) -> AbstractContextManager[None]:
    """No file may grow."""
    return daemon.limited(resource.RLIMIT_FSIZE, 0)


@contextmanager
def disk_filled(daemon: Starved) -> Iterator[None]:
    filler = daemon.fill()
    yield
    filler.unlink()


@contextmanager
def descriptors_eaten(daemon: Starved) -> Iterator[None]:
    """By connections that say nothing, up to a limit a little above what it has."""
    with daemon.limited(resource.RLIMIT_NOFILE, daemon.descriptors + 12), daemon.crowd(40):
        yield


def memory_short(daemon: Starved) -> AbstractContextManager[None]:
    """Nothing is to be had any more; what it has it keeps."""
    return daemon.limited(resource.RLIMIT_AS, daemon.address_space - 3 * SPARE_BYTES)


ALARMS: dict[Shortage, str] = {
    disk_full: "journal_unavailable",
    disk_filled: "journal_unavailable",
    descriptors_eaten: "resources_short",
    memory_short: "resources_short",
}


def lives_through(daemon: Starved, client: Client, shortage: Shortage, clears: bool) -> None:
    """Before, in and after one shortage. `clears`: wait until the alarm has gone, too."""
    alarm, request_id = ALARMS[shortage], str(uuid.uuid4())
    client.set_budget(BEFORE_MS)
    with shortage(daemon):
        refused = _refused(lambda: client.set_budget(MEANT_MS, request_id))
        held = BEFORE_MS if refused else MEANT_MS
        if refused:  # as a whole, and in words
            assert refused.code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"), refused
            assert len(refused.words.splitlines()) == 1
        assert client.claims() == {CLIENT: held}
        daemon.until(lambda: alarm in client.alarms(), f"{alarm} while short")
        if shortage is memory_short:
            with pytest.raises(Refused, match="RESOURCE_EXHAUSTED"):
                client.reload()
        assert client.swaps() == 0
        assert client.claims() == {CLIENT: held}
    daemon.until(lambda: not _refused(lambda: client.set_budget(MEANT_MS, request_id)), "a command after the shortage")
    with daemon.client() as other:
        daemon.until(other.answers, "a new client after the shortage")
    client.reload()
    client.set_budget(AFTER_MS)
    assert client.claims() == {CLIENT: AFTER_MS}
    client.set_budget(MEANT_MS, request_id)  # the same request again, answered and not carried out
    assert client.claims() == {CLIENT: AFTER_MS}
    if clears:
        daemon.until(lambda: alarm not in client.alarms(), f"the end of {alarm}")


def _refused(call: Callable[[], object]) -> Refused | None:
    """What a call ended with; None where it was done."""
    try:
        call()
    except Refused as refused:
        return refused
    return None


def test_a_daemon_that_is_short_of_disk_descriptors_or_memory_can_be_read_and_recovers() -> None:
    with Forks() as forks, Starved(forks=forks) as daemon, daemon.client() as client:
        for shortage in (disk_full, memory_short, descriptors_eaten):
            lives_through(daemon, client, shortage, clears=False)


@needs_mounts
@pytest.mark.parametrize("known", [True, False], ids=["used before", "never used"])
def test_a_state_directory_that_cannot_be_written_is_held_by_one_daemon_all_the_same(known: bool) -> None:
    daemon = Starved(DISK_BYTES)
    try:
        if known:
            with state_lock(daemon.state):
                pass
        daemon.remount("ro")
        held = state_lock(daemon.state)
        with held, pytest.raises(Refusal, match="another ofa-agent uses it"), state_lock(daemon.state):
            raise AssertionError("two hold it")
    finally:
        daemon.close()


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_short_of_one_thing_after_the_other_for_a_long_time(reliability: Reliability) -> None:
    named: dict[str, Shortage] = {
        "disk full": disk_full, "EMFILE": descriptors_eaten, "memory limit": memory_short
    }  # fmt: skip
    with Starved() as daemon, daemon.client() as client:
        before = daemon.descriptors
        for number in range(reliability.scaled(ROUNDS)):
            for unit, shortage in named.items():
                lives_through(daemon, client, shortage, clears=True)
                reliability.count(13, unit, cases=1, seed=number)
        daemon.until(lambda: daemon.descriptors <= before + 1, "as few descriptors as before")
        assert "Traceback" not in daemon.log, daemon.log


@needs_mounts
@pytest.mark.soak
def test_a_file_system_that_is_full_and_empty_again(reliability: Reliability) -> None:
    with Starved(DISK_BYTES) as daemon, daemon.client() as client:
        for number in range(reliability.scaled(ROUNDS)):
            lives_through(daemon, client, disk_filled, clears=True)
            reliability.count(13, "disk full", cases=1, seed=number)


@needs_mounts
@pytest.mark.soak
def test_a_state_directory_that_cannot_be_written_at_the_start_is_told_and_used_as_soon_as_it_can_be(
    reliability: Reliability,
) -> None:
    with Starved(DISK_BYTES) as daemon, daemon.client() as client:
        for number in range(reliability.scaled(ROUNDS)):
            client.set_budget(BEFORE_MS)
            daemon.stop()
            daemon.remount("ro")
            daemon.start()
            assert client.claims() == {CLIENT: BEFORE_MS}
            daemon.until(lambda: "journal_unavailable" in client.alarms(), "the alarm")
            with pytest.raises(Refused, match=r"UNAVAILABLE: .*check free space, permissions and the disk"):
                client.set_budget(MEANT_MS)
            assert client.claims() == {CLIENT: BEFORE_MS}
            daemon.remount("rw")
            daemon.until(lambda: not _refused(lambda: client.set_budget(AFTER_MS)), "a command after the shortage")
            daemon.until(lambda: "journal_unavailable" not in client.alarms(), "the end of the alarm")
            assert client.claims() == {CLIENT: AFTER_MS}
            reliability.count(13, "read-only state", cases=1, seed=number)
