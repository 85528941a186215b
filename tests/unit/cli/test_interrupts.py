"""Ctrl-C during an exchange: noticed wherever it arrives, heeded though something swallows it, quiet at any time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.cli.interrupts import Insistence, run_interruptible

DEADLINE_S = 30.0


async def _endless() -> None:
    await asyncio.wait_for(asyncio.Event().wait(), DEADLINE_S)


def _interrupt_from_a_thread() -> threading.Thread:
    """SIGINT for a thread beside the main one, once the main one sleeps in the kernel."""
    main = Path(f"/proc/self/task/{threading.main_thread().native_id}/stat")

    def strike() -> None:
        while main.read_text().rpartition(")")[2].split()[0] != "S":
            pass
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=strike)
    thread.start()
    return thread


@pytest.mark.parametrize("insist", [None, Insistence()])
def test_a_signal_that_another_thread_took_wakes_the_loop(insist: Insistence | None) -> None:
    threads: list[threading.Thread] = []

    async def main() -> None:
        threads.append(_interrupt_from_a_thread())
        await _endless()

    with pytest.raises(KeyboardInterrupt):
        run_interruptible(main, insist)
    threads[0].join()


def test_a_cancellation_that_was_swallowed_is_given_again() -> None:
    swallowed: list[int] = []

    async def main() -> None:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT) if not swallowed else None
            try:
                await _endless()
            except asyncio.CancelledError:
                swallowed.append(1)
        await _endless()

    with pytest.raises(KeyboardInterrupt):
        run_interruptible(main, Insistence(every_s=0.01))
    assert len(swallowed) == 3


def test_what_a_stream_fails_with_after_the_signal_is_its_end() -> None:
    async def main() -> None:
        signal.raise_signal(signal.SIGINT)
        try:
            await _endless()
        except asyncio.CancelledError as exc:
            raise ConnectionError("cancelled, as the library says it") from exc

    with pytest.raises(KeyboardInterrupt):
        run_interruptible(main, Insistence())
    with pytest.raises(ConnectionError):
        run_interruptible(main)


def test_one_exchange_is_cancelled_once_and_may_go_on_to_its_own_end() -> None:
    async def main() -> str:
        signal.raise_signal(signal.SIGINT)
        with contextlib.suppress(asyncio.CancelledError):
            await _endless()
        task = asyncio.current_task()
        assert task is not None
        if hasattr(task, "uncancel"):
            task.uncancel()
        await asyncio.sleep(0)
        return "put back"

    assert run_interruptible(main) == "put back"


def test_a_second_signal_counts_wherever_the_program_is() -> None:
    async def main() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_interruptible(main)


def test_the_handlers_from_before_are_back_and_one_that_was_ignored_stays_so() -> None:
    async def main() -> None:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        signal.raise_signal(signal.SIGHUP)

    before = signal.getsignal(signal.SIGINT), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run_interruptible(main, None, (signal.SIGINT, signal.SIGHUP))
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[1])
    assert signal.getsignal(signal.SIGINT) is before[0]


def test_beside_the_main_thread_it_is_a_plain_run() -> None:
    found = []

    async def main() -> int:
        return 7

    thread = threading.Thread(target=lambda: found.append(run_interruptible(main)))
    thread.start()
    thread.join()
    assert found == [7]


STUBBORN = """
import asyncio, signal
from agent.cli.interrupts import Insistence, run_interruptible
async def main():
    signal.raise_signal(signal.SIGINT)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
run_interruptible(main, Insistence(0.01, 0.05, lambda: print("restored", flush=True)))
"""
# SIGINT arrives while this module is being imported.
EARLY = """
import signal, sys
class Striking:
    def find_spec(self, name, *rest):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Striking())
sys.argv = ["ofa-agent", "watch", "--socket", "/none.sock"]
from agent.__main__ import run
run()
"""


def _run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def test_a_stream_that_heeds_nothing_ends_with_its_process() -> None:
    done = _run(STUBBORN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "restored\n", "")


@pytest.mark.parametrize("module", ["click", "agent.cli.exits", "agent.cli.streams"])
def test_ctrl_c_while_modules_are_imported_ends_quietly(module: str) -> None:
    done = _run(EARLY.format(module=module))
    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", "stopped")


def test_after_the_command_the_signal_ends_the_process_without_a_traceback() -> None:
    script = """
import atexit, signal, sys
atexit.register(signal.raise_signal, signal.SIGINT)
sys.argv = ["ofa-agent", "--version"]
from agent.__main__ import run
run()
"""
    done = _run(script)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
