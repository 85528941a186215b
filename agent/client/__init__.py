"""Typed asyncio client of the agent: calls with deadlines, streams that reconnect, leases that are kept."""

from agent.client.calls import NO_RETRY, Retry
from agent.client.capture import ImageStream
from agent.client.client import AgentClient
from agent.client.errors import FieldViolation, RpcFailed
from agent.client.lease import LeaseKeeper
from agent.client.tls import TlsFiles
from agent.client.watch import Interruption, Watch

__all__ = [
    "NO_RETRY",
    "AgentClient",
    "FieldViolation",
    "ImageStream",
    "Interruption",
    "LeaseKeeper",
    "Retry",
    "RpcFailed",
    "TlsFiles",
    "Watch",
]
