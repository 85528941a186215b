"""The reconcile loop of one camera: newest desire, policy, at most one action."""

from agent.supervisor.loop import Parts, Supervisor
from agent.supervisor.settings import SupervisorSettings

__all__ = ["Parts", "Supervisor", "SupervisorSettings"]
