"""`ofa-agent`, and `python -m agent`: ended by Ctrl-C without a word of Python's, whenever it comes."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from agent.heap import starting

_STOPPED = 1  # as agent.cli.exits.FAILED, which is not imported yet


def run() -> None:
    """Run the command of this process and end with its exit code."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not so behind nohup or `&` in a script
    if heeded:
        signal.signal(signal.SIGINT, _stop)
    with starting():
        from agent.cli.main import main

    if heeded:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = main()
    if heeded:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # all that is left is Python's own end
    sys.exit(code)


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Nothing is under way while modules are imported, and an exception there may be lost or shown as a traceback."""
    os.write(2, b"stopped\n")
    os._exit(_STOPPED)


if __name__ == "__main__":
    run()
