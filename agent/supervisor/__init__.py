"""The reconcile loop of one camera: newest desire, policy, at most one action."""

from agent.supervisor.loop import Supervisor
from agent.supervisor.parts import Parts
from agent.supervisor.settings import SupervisorSettings

__all__ = ["Parts", "Supervisor", "SupervisorSettings"]
