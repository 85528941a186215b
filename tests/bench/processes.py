"""Processes of a benchmark: what is measured and what burdens it run apart from who measures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ENDS_S = 15.0


class Child:
    """A process that answers a line on its standard input by one, and ends with its standard input."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, what: str) -> float:
        """The number that it answers with. Blocks."""
        self.tell(what)
        return float(self.hear())

    def tell(self, what: str) -> None:
        """Say a line; its answer is still to be heard."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """The line that it answers with. Blocks; empty where it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def child(module: str, *arguments: str, niceness: int = 0) -> Iterator[Child]:
    """A process that has said `ready`. Raises RuntimeError where it ends without."""
    # gRPC would tell of each handshake that fails; so does the daemon not.
    environment = {**os.environ, "GRPC_VERBOSITY": "ERROR"}
    command = ["nice", "-n", str(niceness), sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if said.strip() != "ready":
            process.kill()
            raise RuntimeError(f"{module}: ended with {said!r} before it was ready")
        try:
            yield Child(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(ENDS_S)
            except subprocess.TimeoutExpired:
                process.kill()
