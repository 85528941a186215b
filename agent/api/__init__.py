"""The agent's gRPC server."""

from agent.api.server import ApiLimits, ApiServer
from agent.api.services import Services

__all__ = ["ApiLimits", "ApiServer", "Services"]
