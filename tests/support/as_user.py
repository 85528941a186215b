"""A client that is one local user after the other: calls the agent as each of them.

    python -m tests.support.as_user SOCKET PATH UID:GID[,GID…] …

Needs root. PATH is one that leads to gRPC's own socket. Prints, as JSON, for each user what the calls answered: a code
and what it was about; and what came of connecting to PATH.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from typing import Any

import grpc

CALLS = (
    "/ofa_agent.v1.StatusService/GetStatus",
    "/ofa_agent.v1.ControlService/SetBudget",
    "/ofa_agent.v1.StatusService/ListAuditEntries",
)
TIMEOUT_S = 20.0


def ask(path: str, method: str) -> tuple[str, str]:
    """One call on a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"unix:{path}", options) as channel:
        plain: Any = channel
        try:
            plain.unary_unary(method)(b"", timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            told: Any = error
            return told.code().name, told.details()
    return "OK", ""


def connect(path: str) -> str:
    """`OK`, or the name of the error."""
    with socket.socket(socket.AF_UNIX) as direct:
        try:
            direct.connect(path)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
    return "OK"


def main(path: str, inner: str, users: list[str]) -> None:
    """Become each user in turn; all threads of the process do, gRPC's too."""
    ask(path, CALLS[0])  # loads what others may not read
    found = []
    for user in users:
        uid, _, gids = user.partition(":")
        groups = [int(gid) for gid in gids.split(",")]
        os.setgroups(groups[1:])
        os.setegid(groups[0])
        os.seteuid(int(uid))
        try:
            found.append({"calls": [ask(path, method) for method in CALLS], "inner": connect(inner)})
        finally:
            os.seteuid(0)
            os.setegid(0)
    json.dump({"pid": os.getpid(), "found": found}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
