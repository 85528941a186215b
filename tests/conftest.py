"""Gates on every test: nothing may be left behind, and no log record may be unformattable."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.recorder import Recorder, add_options
from tests.support.forks import Forks
from tests.support.hardware import chosen
from tests.support.leaks import left_behind, open_descriptors
from tests.support.libraries import build_ladder
from tests.support.order import keep_order, longest_first

REPOSITORY = Path(__file__).resolve().parents[1]
GRPC_ENDS_S = 5.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sdk", choices=("simulated", "spinnaker"), default="simulated", help="camera of tests/contract")
    parser.addoption("--serial", default="", help="with --sdk spinnaker: which camera; may be left out for just one")
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and commands then cut their tables to it
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: processes of ours inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen.sdk, chosen.serial = config.getoption("--sdk"), config.getoption("--serial")
    config.pluginmanager.register(Recorder(config), "reliability")
    keep_order(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        longest_first(items)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of reference cases beside the checkout; skips with the reason where it is missing."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"reference cases are not here: {folder.name} beside the checkout is missing")
    return folder


class _Unformattable(logging.Handler):
    """Formats every record, so that a wrong format string fails its test instead of printing to standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        record.getMessage()


@pytest.fixture(scope="session")
def myriad_compiler() -> None:
    """The real Myriad compiler is ready; skips with the reason where it cannot be had."""
    from tests.support.myriad_tools import why_not

    reason = why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def no_unformattable_record() -> Iterator[None]:
    handler = _Unformattable()
    root, agent = logging.getLogger(), logging.getLogger("ofa_agent")
    agent.propagate = True
    agent.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield
    root.removeHandler(handler)
    agent.handlers.clear()


@pytest.fixture(autouse=True)
def no_leaked_thread() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    leaked = [t.name for t in threading.enumerate() if t not in before and not t.daemon and t.is_alive()]
    assert not leaked, f"threads left behind: {leaked}"


@pytest.fixture(autouse=True)
def no_leaked_descriptor() -> Iterator[None]:
    before = open_descriptors()
    yield
    leaked = left_behind(before)
    assert not leaked, f"descriptors left behind: {leaked}"


@pytest.fixture(autouse=True)
def no_leaked_child() -> Iterator[None]:
    yield
    try:
        pid, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    assert pid == 0 or pid is None, f"child process {pid} was not reaped"


@pytest.fixture(autouse=True)
def no_leaked_task(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test whose event loop ended with tasks that nobody awaited (asyncio.run cancels them silently)."""
    leaked: list[str] = []
    original = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def watch(loop: asyncio.AbstractEventLoop) -> None:
        left = asyncio.all_tasks(loop)
        ending = {task for task in left if _is_of_grpc(task)}
        left -= ending
        if ending:
            left |= loop.run_until_complete(asyncio.wait(ending, timeout=GRPC_ENDS_S))[1]
        leaked.extend(f"{task.get_name()}: {task.get_coro()!r}" for task in left)
        original(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", watch)
    yield
    assert not leaked, f"tasks left behind: {leaked}"


def _is_of_grpc(task: asyncio.Task[object]) -> bool:
    """One of gRPC's core: what is left of a call that was cancelled ends when the core has told how, and nobody can
    wait for that but the loop."""
    return type(task.get_coro()).__module__.startswith("_cython")


@pytest.fixture(scope="session")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of five real sub-nets, built once for all processes of the suite; read it, never write to it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, built = shared / "ladder", shared / "ladder.built"
    with (shared / "ladder.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            folder.mkdir(exist_ok=True)
            build_ladder(folder)
            built.touch()
    return folder / "library"


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts processes of `ofa-agent` that have nothing left to import."""
    with Forks() as served:
        yield served
