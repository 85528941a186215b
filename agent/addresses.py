"""Why nothing can listen at an address of the network, in one line that says what to do."""

from __future__ import annotations

import errno
import os

from agent.errors import AgentError, BadInput, Refused


def unbound(key: str, listen: str, error: OSError) -> AgentError:
    """The error for `listen` (HOST:PORT) of the config's `key`. What may be right at the next start is Refused and no
    fault of the config: at the boot of a machine its addresses come later than its services."""
    if error.errno == errno.EACCES:
        return BadInput(key, f"{listen} is not allowed to this user; choose a port from 1024 on")
    return Refused(f"{key}: {_why_not_now(listen, error)}")


def _why_not_now(listen: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{listen} is in use by another program; stop that one (`ss -ltnp` names it) or choose another port"
    if error.errno in (errno.EADDRNOTAVAIL, None):  # from Python 3.13 on asyncio tells no number
        return f"{listen} is no address of this machine; `ip address` lists them"
    said = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return f"nothing can listen on {listen}: {said}"
