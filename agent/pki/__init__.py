"""A small certificate authority for plants without one: the agent's own certificate, those of its clients, revocation.

It knows files and X.509 only; the daemon needs none of it, and takes certificates of any other CA as well.
"""

from agent.pki.authority import Authority, Entry, State
from agent.pki.index import Issued, Kind, Reason

__all__ = ["Authority", "Entry", "Issued", "Kind", "Reason", "State"]
