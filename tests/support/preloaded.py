"""Processes of `ofa-agent` that begin with everything imported: `python -m tests.support.preloaded LOG`.

Reads lines of JSON from standard input, each the arguments of one `ofa-agent`; answers with the number of a process
that was forked for it and is a session of its own, and once that has ended with its wait status. One at a time.
"""

from __future__ import annotations

import json
import os
import sys

import agent.app
import agent.cli.run
import agent.sim.remote  # noqa: F401
from agent.cli.main import main


def serve(log: str) -> None:
    for line in sys.stdin:
        arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(arguments, log)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _become(arguments: list[str], log: str) -> None:
    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(number, target)
    status = 70
    try:
        status = main(arguments)
    finally:
        os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
