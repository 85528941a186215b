"""All that is asked of one camera: claims, announced changes, and what its line is said to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.clock import Clock
from agent.domain.budget import Budget, EffectiveBudget
from agent.domain.journal import Journal
from agent.domain.line import Announced, Demand, View
from agent.supervisor.announce import ChangeBook
from agent.supervisor.claims import ClaimBook
from agent.supervisor.line import LineDesk
from agent.supervisor.settings import SupervisorSettings
from agent.supervisor.view import Frames, Running, demand_now, demand_then, view

RESUMES_S = 1e-3  # a line that waits goes on as soon as it may


class Desire:
    """Owner of the three books; event-loop side only. `period_ms`: of frames, as measured, where it was."""

    def __init__(
        self,
        camera: str,
        settings: SupervisorSettings,
        journal: Journal,
        clock: Clock,
        boot_id: str,
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self.claims = ClaimBook(camera, settings, journal, clock, boot_id, new_id)
        self.changes = ChangeBook(camera, self.claims, journal, clock, boot_id)
        self.line = LineDesk(clock)

    async def load(self) -> None:
        """Take over what the journal holds."""
        await self.changes.load(await self.claims.load())

    def until_change_s(self) -> float | None:
        """Seconds until something of it changes by itself; None where nothing will."""
        ends_s = (self.claims.until_expiry_s(), self.changes.until_due_s(), self.line.until_change_s())
        return min((end_s for end_s in ends_s if end_s is not None), default=None)

    def now(self, period_ms: float | None) -> Demand:
        """The budget in force, and how fast parts come."""
        line = self.line.state()
        frames = Frames.of(self._settings, period_ms)
        return demand_now(self.claims.effective, frames, line, self.changes.line_waits(line))

    def under(self, budget: Budget | EffectiveBudget, period_ms: float | None) -> Demand:
        """Were that budget in force, and did the line run."""
        effective = self.claims.what_if(budget) if isinstance(budget, Budget) else budget
        return demand_then(effective, Frames.of(self._settings, period_ms), self.line.state())

    def view(
        self,
        now_s: float,
        demand: Demand,
        running: Running,
        quarantined: Mapping[str, str],
        period_ms: float | None,
        stands: bool = False,
    ) -> View:
        """All that a decision under `demand` may look at; `stands`: as if the line waited for it.

        A line that waits stands, and goes on with what it waits for.
        """
        coming = [Announced(at_s, self.under(effective, period_ms)) for at_s, effective in self.changes.outlook()]
        if stands or (demand.stopped and self.changes.line_waits(self.line.state())):
            coming.insert(0, Announced(now_s + RESUMES_S, self.under(demand.effective, period_ms)))
            demand = replace(demand, stopped=True)
        return view(now_s, demand, running, quarantined, coming, self._settings.notice_s)
