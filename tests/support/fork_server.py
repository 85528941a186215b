"""Serves tests/support/forks.py: `python -m tests.support.fork_server NUMBER`, the descriptor of a socket.

Imports what the commands of `ofa-agent` import and forks a process for every request. A forked process has the
streams, the folder and the environment of its request, runs `agent.__main__` as `python -m agent` does and ends with
its exit code. What ends other than by its own death is killed with the socket's other end.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from agent.cli.blas import use_one_thread

REQUEST_BYTES = 1 << 20
# Beside the table of commands: what they import when they run. No openvino: it has a thread, which no fork takes along.
PRELOADED = (
    "agent.app",
    "agent.client",
    "agent.cli.connection",
    "agent.config",
    "agent.page",
    "agent.sim.pyspin",
    "agent.sim.remote",
    "agent.sim.server",
    "agent.web",
)


@dataclass(frozen=True, slots=True)
class Request:
    """What to run, as forks.py writes it; `streams` are standard input, output and error."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    session: bool
    streams: Sequence[int]

    def run(self) -> NoReturn:
        """Be the command; for `sim exec` the program that takes its place."""
        if self.session:
            os.setsid()
        for number, stream in enumerate(self.streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        sys.argv[1:] = self.arguments
        os.execve = _execve  # type: ignore[assignment]
        try:
            runpy.run_module("agent", run_name="__main__", alter_sys=True)
        except SystemExit as exc:
            _end(exc.code)
        except _Program as program:
            program.run()
        _end(0)


class _Program(BaseException):
    """A script that takes this process over, in the same interpreter."""

    def __init__(self, script: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._script = script
        self._arguments = arguments
        self._environment = dict(environment)

    def run(self) -> NoReturn:
        """As `python SCRIPT ARGUMENTS`, to the interpreter's own end."""
        os.environ.clear()
        os.environ.update(self._environment)
        sys.argv = [self._script, *self._arguments]
        path = filter(None, self._environment.get("PYTHONPATH", "").split(os.pathsep))
        sys.path[:] = [str(Path(self._script).parent), *path, *sys.path[1:]]
        main = types.ModuleType("__main__")
        main.__file__ = self._script
        sys.modules["__main__"] = main
        exec(compile(Path(self._script).read_bytes(), self._script, "exec"), main.__dict__)
        sys.exit(0)


def _execve(_path: str, arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    interpreter, script, *rest = arguments
    assert interpreter == sys.executable
    raise _Program(script, rest, environment)


def _end(code: Any) -> NoReturn:
    """As an interpreter ends, less the taking apart of what this process shares with the one it was forked from."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


class Server:
    """Owner of the processes that it forked."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._told: dict[int, tuple[int, int]] = {}  # of a process's descriptor: its number, and where its end is told

    def serve(self) -> Request | None:
        """In a forked process its request; in this one None, once nobody can ask any more."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._control:
                    self._reap(key.fd)
                    continue
                text, descriptors, _, _ = socket.recv_fds(self._control, REQUEST_BYTES, 4)
                if not text:
                    self._kill()
                    return None
                request = self._forked(json.loads(text), descriptors)
                if request is not None:
                    return request

    def _forked(self, asked: Mapping[str, Any], descriptors: Sequence[int]) -> Request | None:
        *streams, told = descriptors
        pid = os.fork()
        if pid == 0:
            self._control.close()
            self._selector.close()
            for one, (_, other) in self._told.items():
                os.close(one)
                os.close(other)
            os.close(told)
            return Request(**asked, streams=streams)
        for stream in streams:
            os.close(stream)
        one = os.pidfd_open(pid)
        self._told[one] = (pid, told)
        self._selector.register(one, selectors.EVENT_READ)
        self._control.sendall(pid.to_bytes(8, "little"))
        return None

    def _reap(self, one: int) -> None:
        pid, told = self._told.pop(one)
        _, status = os.waitpid(pid, 0)
        self._selector.unregister(one)
        os.close(one)
        with contextlib.suppress(BrokenPipeError):  # nobody waits for it
            os.write(told, os.waitstatus_to_exitcode(status).to_bytes(8, "little", signed=True))
        os.close(told)

    def _kill(self) -> None:
        for pid, _ in self._told.values():
            os.kill(pid, signal.SIGKILL)
        for one in list(self._told):
            self._reap(one)


def _preload() -> None:
    from importlib import import_module

    from agent.cli.main import _COMMANDS

    for name in (*(command.partition(":")[0] for command, _ in _COMMANDS.values()), *PRELOADED):
        import_module(name)
    sys.modules.pop("agent.__main__", None)  # runpy warns of it
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    use_one_thread()
    os.environ["GRPC_VERBOSITY"] = "NONE"  # read as grpc is imported; what the commands set for themselves
    _preload()
    with socket.socket(fileno=int(sys.argv.pop())) as _control:
        _request = Server(_control).serve()
    if _request is not None:
        _request.run()
