"""What a reload of the configuration did: each change with what it needs, and how the last one ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class ReloadClass(Enum):
    """What another value of a key needs to take effect in a running daemon; the worse the later."""

    LIVE = "LIVE"  # nothing: it holds at once, and nothing stops for it
    SWAP = "SWAP"  # it holds at once, and cameras may have to swap for it
    RESTART = "RESTART"  # a start of the agent; a file with such a change is refused as a whole


@dataclass(frozen=True, slots=True)
class Change:
    """One key with another value. Values are as the file would say them; empty where there was, or is, none."""

    key: str
    reload: ReloadClass
    before: str
    after: str


class ReloadOrigin(Enum):
    """What asked for it."""

    START = "start"
    SIGNAL = "signal"
    CALL = "call"
    WATCH = "watch"


class ReloadOutcome(Enum):
    """How it ended. Whatever it is, what runs is one whole config: the new one, or the one before."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    WOULD_APPLY = "would_apply"  # nothing was: it was only asked about
    REFUSED = "refused"  # the file, or the library that it names, cannot be used
    NEEDS_RESTART = "needs_restart"
    ROLLED_BACK = "rolled_back"  # taking it over failed midway


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """The last reload, or the start. `error` is empty where nothing was wrong, else FILE:LINE: KEY: reason.

    `on_last_good`: the agent runs on the copy of the last file that was good, since the file itself was not when it
    started, and has not been since.
    """

    wall_ns: int
    origin: ReloadOrigin
    outcome: ReloadOutcome
    changes: tuple[Change, ...] = ()
    error: str = ""
    on_last_good: bool = False

    @property
    def ok(self) -> bool:
        """Whether what runs is what the file says."""
        return not self.error


class Reloading(Protocol):
    """The one path by which another config comes into a running daemon; event-loop side only."""

    @property
    def report(self) -> ReloadReport:
        """How the last reload ended; one that was only asked about does not count."""
        ...

    async def reload(self, origin: ReloadOrigin, validate_only: bool = False) -> ReloadReport:
        """Take over the file as it is now, or with `validate_only` only tell what would change.

        Waits for its turn. Raises ConfigError (the file or the library cannot be used), RestartNeeded, TooMany; what
        runs is then as it was.
        """
        ...
