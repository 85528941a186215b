"""The agent's own state in words of 80 columns."""

from __future__ import annotations

from agent.cli.describe_agent import agent_lines
from agent.pb.ofa_agent.v1 import types_pb2 as pb


def healthy() -> pb.AgentStatus:
    made = pb.AgentStatus(version="0.6.0", journal=pb.JournalStatus(writable=True, readable=True))
    made.started_at.FromSeconds(1_790_000_000)
    made.config.ok = True
    return made


def test_a_healthy_agent_takes_one_line() -> None:
    assert agent_lines(healthy()) == ["agent: version 0.6.0 since 2026-09-21 14:13:20 UTC"]
    assert agent_lines(pb.AgentStatus()) == ["agent: version unknown"]


def test_a_file_that_was_refused_says_which_one_is_in_force_and_why() -> None:
    agent = healthy()
    agent.config.ok = False
    agent.config.error = "/etc/ofa-agent/agent.yaml:14: policy.swap.min_dwell_s: is -3, allowed is 0 to 86400"
    _, *lines = agent_lines(agent)
    told = " ".join(line.strip() for line in lines)
    assert told == f"config    the file is not in force, the one before is ({agent.config.error})"
    assert max(map(len, lines)) <= 80
    agent.config.on_last_good = True
    assert "the copy of the last good file is" in agent_lines(agent)[1]


def test_a_journal_that_does_not_work_says_so_and_what_it_has_lost() -> None:
    agent = healthy()
    agent.journal.writable, agent.journal.error, agent.journal.lost_notes = False, "No space left on device", 12
    assert agent_lines(agent)[1:] == [
        "  journal   cannot be written: No space left on device",
        "  journal   12 notes found no room since the start",
    ]
    agent.journal.readable = False
    assert agent_lines(agent)[1] == "  journal   does not work: No space left on device"
