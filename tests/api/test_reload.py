"""ReloadConfig over a real socket, and the last reload in the status of the agent."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.api import ApiServer, Services
from agent.cli.main import main as command
from agent.client import AgentClient, RpcFailed
from agent.clock import SystemClock, in_thread
from agent.domain.reload import Change, ReloadClass, ReloadOrigin, ReloadOutcome, ReloadReport
from agent.errors import AgentError, ConfigError, RestartNeeded, TooMany
from agent.pb.ofa_agent.v1 import config_pb2
from tests.api.harness import CALM, run
from tests.support.fake_control import FakeControl, FakeJournal

LIVE = Change("policy.notice_s", ReloadClass.LIVE, "1", "2")
RESTART = Change("state_dir", ReloadClass.RESTART, "/a", "/b")
REFUSAL = "agent.yaml:3: policy.notice_s: 'x' is not a number of seconds"


START = ReloadReport(1_700_000_000_000_000_000, ReloadOrigin.START, ReloadOutcome.APPLIED)


@dataclass
class Desk:
    """Says what it is told to."""

    outcome: ReloadOutcome = ReloadOutcome.APPLIED
    changes: tuple[Change, ...] = (LIVE,)
    error: Exception | None = None
    asked: list[tuple[ReloadOrigin, bool]] = field(default_factory=list)
    report: ReloadReport = START

    async def reload(self, origin: ReloadOrigin, validate_only: bool = False) -> ReloadReport:
        self.asked.append((origin, validate_only))
        if self.error is not None:
            raise self.error
        return ReloadReport(2, origin, self.outcome, self.changes)


def served(folder: Path, desk: Desk | None, story: Callable[[AgentClient], Awaitable[None]]) -> None:
    async def main() -> None:
        services = Services({"a": FakeControl(name="a")}, FakeJournal(), SystemClock(), config=desk)
        async with (
            ApiServer(services, folder / "api.sock", CALM),
            AgentClient(folder / "api.sock", name="eng") as client,
        ):
            await story(client)

    run(main())


def test_what_has_changed_is_answered_key_by_key(tmp_path: Path) -> None:
    desk = Desk(changes=(LIVE, Change("library", ReloadClass.SWAP, "tiny 1", "")))

    async def story(client: AgentClient) -> None:
        answer = await client.reload_config()
        assert answer.applied
        assert list(answer.changes) == [
            config_pb2.ConfigChange(key="policy.notice_s", reload_class="RELOAD_CLASS_LIVE", before="1", after="2"),
            config_pb2.ConfigChange(key="library", reload_class="RELOAD_CLASS_SWAP", before="tiny 1"),
        ]
        assert desk.asked == [(ReloadOrigin.CALL, False)]

    served(tmp_path, desk, story)


@pytest.mark.parametrize("outcome", [ReloadOutcome.UNCHANGED, ReloadOutcome.WOULD_APPLY])
def test_what_was_not_applied_is_not_said_to_be(tmp_path: Path, outcome: ReloadOutcome) -> None:
    desk = Desk(outcome)

    async def story(client: AgentClient) -> None:
        assert not (await client.reload_config(validate_only=True)).applied
        assert desk.asked == [(ReloadOrigin.CALL, True)]

    served(tmp_path, desk, story)


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        (ConfigError, "FAILED_PRECONDITION", "CONFIG_INVALID"),
        (RestartNeeded, "FAILED_PRECONDITION", "RESTART_NEEDED"),
        (TooMany, "RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS"),
    ],
)
def test_a_refusal_says_why_in_its_own_words(tmp_path: Path, kind: type[AgentError], code: str, reason: str) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(RpcFailed) as caught:
            await client.reload_config()
        assert (caught.value.code, caught.value.reason, caught.value.message) == (code, reason, REFUSAL)

    served(tmp_path, Desk(error=kind(REFUSAL)), story)


def test_an_agent_without_a_file_refuses(tmp_path: Path) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(RpcFailed, match="was not started from a config file"):
            await client.reload_config()

    served(tmp_path, None, story)


def test_the_status_of_the_agent_says_how_the_last_reload_ended(tmp_path: Path) -> None:
    desk = Desk()

    async def story(client: AgentClient) -> None:
        told = (await client.get_status()).agent.config
        assert (told.ok, told.origin, told.error, told.at.seconds) == (True, "start", "", 1_700_000_000)
        desk.report = ReloadReport(0, ReloadOrigin.WATCH, ReloadOutcome.REFUSED, (), REFUSAL, True)
        told = (await client.get_status()).agent.config
        assert (told.ok, told.origin, told.error, told.on_last_good) == (False, "watch", REFUSAL, True)
        desk.report = ReloadReport(0, ReloadOrigin.SIGNAL, ReloadOutcome.APPLIED, (LIVE,))
        (change,) = (await client.get_status()).agent.config.changes
        assert (change.key, change.after) == ("policy.notice_s", "2")

    served(tmp_path, desk, story)


def commanded(folder: Path, desk: Desk, *options: str) -> int:
    """Exit code of `ofa-agent reload`, which has an event loop of its own."""
    codes: list[int] = []

    async def story(client: AgentClient) -> None:
        words = ["reload", "--socket", str(folder / "api.sock"), *options]
        codes.append(await in_thread(SystemClock(), "command", lambda: command(words)))

    served(folder, desk, story)
    return codes[0]


def test_the_command_tells_the_changes_in_a_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert commanded(tmp_path, Desk()) == 0
    assert capfd.readouterr().out == (
        "key              class  before  after\npolicy.notice_s  LIVE   1       2\nreloaded: 1 change(s)\n"
    )
    assert commanded(tmp_path, Desk(ReloadOutcome.UNCHANGED, ())) == 0
    assert capfd.readouterr().out == "nothing has changed\n"
    assert commanded(tmp_path, Desk(ReloadOutcome.WOULD_APPLY), "--dry-run") == 0
    assert capfd.readouterr().out.endswith("would change: 1\n")


def test_the_command_says_where_only_a_restart_will_do(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    desk = Desk(ReloadOutcome.WOULD_APPLY, (LIVE, RESTART))
    assert commanded(tmp_path, desk, "--dry-run") == 4
    assert capfd.readouterr().out.endswith("needs a restart of the agent: a reload would be refused\n")
    assert commanded(tmp_path, desk, "--dry-run", "--json") == 4
    told = json.loads(capfd.readouterr().out)
    assert (told["applied"], told["needs_restart"], len(told["changes"])) == (False, ["state_dir"], 2)
    assert told["changes"][1] == {"key": "state_dir", "class": "RESTART", "before": "/a", "after": "/b"}


def test_the_command_ends_as_bad_input_where_the_file_is_and_as_refused_where_a_restart_is_needed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert commanded(tmp_path, Desk(error=ConfigError(REFUSAL))) == 2
    assert capfd.readouterr().err == f"{REFUSAL}\n"
    assert commanded(tmp_path, Desk(error=RestartNeeded("agent.yaml:1: state_dir: needs a restart"))) == 4
