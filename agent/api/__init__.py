"""The agent's gRPC server."""

from agent.api.limits import ApiLimits
from agent.api.server import ApiServer
from agent.api.services import Services

__all__ = ["ApiLimits", "ApiServer", "Services"]
