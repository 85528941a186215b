"""The config file of a world, which clients write and ask the agent to read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent.clock import Clock
from agent.config import AgentConfig
from agent.config.last_good import Loaded, load_or_last_good
from agent.config.reload import ReloadDesk
from agent.domain.alarms import AlarmKey
from agent.domain.trust import TrustBook
from agent.staging import Staging
from agent.supervisor import Supervisor, SupervisorSettings
from agent.supervisor.source import SubnetSource

_WRONG = "policy: {default_budget: {max_latency_ms: -1}}\n"


@dataclass(frozen=True, slots=True)
class Content:
    """What the file said from `since_ns` on: the default budget's latency; None where it cannot be used."""

    since_ns: int
    latency_ms: float | None


@dataclass(frozen=True, slots=True)
class _Room:
    """A supervisor as a reload tells it; the ladder is not of the file."""

    supervisor: Supervisor
    settings: SupervisorSettings
    source: SubnetSource

    def reconfigure(self, settings: SupervisorSettings, source: SubnetSource | None) -> None:
        self.supervisor.reconfigure(settings, self.source)


class _NoAlarms:
    """Those of the agent itself are not played here."""

    async def happened(self, key: AlarmKey, text: str) -> None:
        return

    async def cleared(self, key: AlarmKey) -> None:
        return


class ConfigFile:
    """Owner of the file and of what it said when; it outlives the agent's runs."""

    def __init__(self, folder: Path, cameras: tuple[str, ...], latency_ms: float) -> None:
        self._path = folder / "agent.yaml"
        named = "".join(f"  - {{name: {name}, sdk: spinnaker, serial: '{n}'}}\n" for n, name in enumerate(cameras))
        self._head = f"version: 1\nstate_dir: {folder / 'state'}\ncameras:\n{named}"
        self._good_ms = latency_ms
        self.contents: list[Content] = []
        (folder / "state").mkdir()
        self.write(0, latency_ms)

    def write(self, now_ns: int, latency_ms: float | None) -> None:
        """As an editor that replaces it; None: something that cannot be used."""
        policy = _WRONG if latency_ms is None else f"policy: {{default_budget: {{max_latency_ms: {latency_ms!r}}}}}\n"
        staging = self._path.with_suffix(".new")
        staging.write_text(self._head + policy)
        staging.replace(self._path)
        self.contents.append(Content(now_ns, latency_ms))
        if latency_ms is not None:
            self._good_ms = latency_ms

    def put_right(self, now_ns: int) -> None:
        """Where it cannot be used, what was good before."""
        if self.contents[-1].latency_ms is None:
            self.write(now_ns, self._good_ms)

    def load(self) -> Loaded:
        """As the daemon does at its start."""
        return load_or_last_good(self._path, lambda _: None)


def settings_under(settings: SupervisorSettings, config: AgentConfig) -> SupervisorSettings:
    """Of the file only the default budget is played."""
    return replace(settings, default_budget=config.policy.default_budget)


async def reload_desk(
    loaded: Loaded,
    settings: SupervisorSettings,
    supervisors: Mapping[str, Supervisor],
    sources: Mapping[str, SubnetSource],
    clock: Clock,
    book: TrustBook,
) -> ReloadDesk:
    """The real one on the real staging, telling these supervisors."""
    staging = Staging(clock, book, lambda config, _: settings_under(settings, config))
    await staging.open(loaded.config)
    staging.attach({name: _Room(one, settings, sources[name]) for name, one in supervisors.items()})
    desk = ReloadDesk(loaded, staging.stage, _NoAlarms(), clock)
    await desk.started()
    return desk
