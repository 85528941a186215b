"""Processes of `ofa-agent` that begin with everything imported.

For tests of what such a process does, not of how it starts: a new one imports for most of a second. They are processes
all the same, with a number, streams, an environment and an end of their own.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from tests.support.fork_server import REQUEST_BYTES

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN_S = 60.0


class Forked:
    """One process, with what tests use of subprocess.Popen."""

    def __init__(self, arguments: Sequence[str], pid: int, told: int, stdout: IO[bytes] | None) -> None:
        self.args = arguments
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            answer = os.read(self._told, 8)
            assert len(answer) == 8, "the server of forks is gone"
            self.returncode = int.from_bytes(answer, "little", signed=True)
            os.close(self._told)
        return self.returncode


class Forks:
    """Use as a context manager. Owner of the process that the others are forked from; they end with it.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                (sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())),
                cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> Forks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self._server.wait(START_WITHIN_S)

    def start(
        self, arguments: Sequence[str], *, stdin: int | None = None, stdout: int | None = None,
        stderr: int | None = None, env: Mapping[str, str] | None = None, cwd: Path | None = None,
        start_new_session: bool = False,
    ) -> Forked:  # fmt: skip
        """`ofa-agent ARGUMENTS`; a stream is a descriptor or DEVNULL, which None means too; `stdout` may be PIPE."""
        asked = {
            "arguments": list(arguments),
            "environment": dict(os.environ if env is None else env),
            "folder": str(cwd or Path.cwd()),
            "session": start_new_session,
        }
        text = json.dumps(asked).encode()
        assert len(text) <= REQUEST_BYTES
        read: int | None = None
        nothing = os.open(os.devnull, os.O_RDWR)
        mine, told = os.pipe()
        ours = [nothing, told]
        if stdout == subprocess.PIPE:
            read, stdout = os.pipe()
            ours.append(stdout)
        streams = [nothing if one in (None, subprocess.DEVNULL) else one for one in (stdin, stdout, stderr)]
        try:
            with self._asking:
                socket.send_fds(self._control, [text], [*streams, told])
                pid = int.from_bytes(self._control.recv(8), "little")
        finally:
            for one in ours:
                os.close(one)
        assert pid, f"the server of forks ended with {self._server.poll()}"
        return Forked(arguments, pid, mine, None if read is None else os.fdopen(read, "rb"))

    def run(
        self, arguments: Sequence[str], *, timeout: float, given: str = "", env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """The same to its end, with `given` on its standard input; raises subprocess.TimeoutExpired."""
        streams = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
        try:
            os.write(streams[0], given.encode())
            os.lseek(streams[0], 0, os.SEEK_SET)
            stdin, stdout, stderr = streams
            process = self.start(arguments, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd)
            try:
                code = process.wait(timeout)
            except BaseException:
                process.kill()
                process.wait()
                raise
            said, failed = (_all_of(stream) for stream in (stdout, stderr))
        finally:
            for one in streams:
                os.close(one)
        return subprocess.CompletedProcess(list(arguments), code, said, failed)


def _all_of(stream: int) -> str:
    os.lseek(stream, 0, os.SEEK_SET)
    with os.fdopen(os.dup(stream), encoding="utf-8") as file:
        return file.read()
