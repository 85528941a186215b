"""The agent itself in words: version, configuration, journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.orders import indented

if TYPE_CHECKING:
    from agent.pb.ofa_agent.v1 import config_pb2
    from agent.pb.ofa_agent.v1 import types_pb2 as pb


def agent_lines(agent: pb.AgentStatus) -> list[str]:
    """A line, and more where something is wrong that is no camera's."""
    since = f" since {agent.started_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC" if agent.HasField("started_at") else ""
    lines = [f"agent: version {agent.version or 'unknown'}{since}"]
    if agent.HasField("config"):
        lines += _config_lines(agent.config)
    if agent.HasField("journal"):
        lines += _journal_lines(agent.journal)
    return lines


def _config_lines(report: config_pb2.ReloadReport) -> list[str]:
    if report.ok and not report.on_last_good:
        return []
    which = "the copy of the last good file" if report.on_last_good else "the one before"
    said = f" ({report.error})" if report.error else ""
    return indented(f"the file is not in force, {which} is{said}", "  config    ")


def _journal_lines(journal: pb.JournalStatus) -> list[str]:
    lines = []
    if not (journal.writable and journal.readable):
        what = "cannot be written" if journal.readable else "cannot be read" if journal.writable else "does not work"
        lines += indented(f"{what}: {journal.error or 'no reason is known'}", "  journal   ")
    if journal.lost_notes:
        lines.append(f"  journal   {journal.lost_notes} notes found no room since the start")
    return lines
