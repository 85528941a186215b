"""The policy of one camera: what it has learned, and the decisions that follow from it.

The daemon and the replay drive it alike: results and measured gaps go in, a `View` comes with each decision. It has no
clock and draws no random number: equal calls give equal decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.domain.decision import Action, Decision
from agent.domain.line import View
from agent.domain.profile import NetProfile
from agent.domain.result import LatencySample
from agent.domain.subnet import Catalogue
from agent.policy.decide import Context, InfeasibleMode, Promise, decide, promise_of
from agent.policy.latency import LatencyModel


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What is configured of a camera's policy. `results_wait`: a result travels with a later frame."""

    min_dwell_s: float = 5.0
    infeasible: InfeasibleMode = "best_effort"
    free_running: bool = True
    results_wait: bool = True


class SwapPolicy:
    """See the module docstring. Owner of the latency model of one camera."""

    def __init__(
        self, catalogue: Catalogue, settings: PolicySettings | None = None, model: LatencyModel | None = None
    ) -> None:
        self._settings = settings or PolicySettings()
        self._model = model or LatencyModel.empty()
        self._promise: Promise | None = None
        self.use(catalogue)

    @property
    def model(self) -> LatencyModel:
        return self._model

    @property
    def catalogue(self) -> Catalogue:
        return self._catalogue

    def use(self, catalogue: Catalogue) -> None:
        """Another version of the library; what was learned of nets that stay is kept."""
        self._catalogue = catalogue
        self._predicted_ms = {subnet.id: subnet.predicted_ms for subnet in catalogue.subnets}

    def observe(self, subnet_id: str, samples: Sequence[LatencySample]) -> None:
        """Results of one net, oldest first; one that is not in the catalogue is tracked too."""
        self._model = self._model.observe(subnet_id, samples).with_predictions(self._predicted_ms)

    def note_swap(self, subnet_id: str, gap_s: float) -> None:
        """A swap to that net cost this gap."""

    def set_profile(self, profile: NetProfile, stale: bool = False) -> None:
        """What the camera itself measured of one net; `stale`: long ago, or under other conditions than now."""

    def decide(self, view: View) -> Decision:
        """What to do now; also takes in that time has passed."""
        decision = self.explain(view)
        if decision.action is Action.KEEP and not view.swapping:
            self._promise = promise_of(decision, self._promise)  # a swap promises nothing until it has ended
        return decision

    def explain(self, view: View) -> Decision:
        """The decision for this view; nothing is learned."""
        settings, demand = self._settings, view.demand
        context = Context(
            now_s=view.now_s,
            activated_s=view.activated_s,
            min_dwell_s=settings.min_dwell_s,
            quarantined=view.quarantined,
            infeasible_mode=settings.infeasible,
            promise=self._promise,
            results_wait=settings.results_wait,
        )
        return decide(
            self._catalogue,
            view.active_id,
            self._model,
            demand.effective,
            demand.frame_period_ms,
            settings.free_running,
            context,
        )

    def saved(self) -> dict[str, object]:
        """What was learned, as JSON."""
        return {}

    def restore(self, saved: Mapping[str, object]) -> None:
        """Take over what an earlier run had learned; what does not fit is left out."""
