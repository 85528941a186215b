"""What lines say and clients announce, and the swaps that are foreseen, into messages."""

from __future__ import annotations

from agent.api import convert, convert_operation
from agent.api.enums import CHANGE_STATES, COMING_CAUSES
from agent.api.moment import Moment
from agent.domain.control import Committed, LineOutcome, Prepared
from agent.domain.notice import AnnouncedChange, LineReport, LineState
from agent.domain.snapshot import ComingSwap
from agent.pb.ofa_agent.v1 import control_pb2, types_pb2


def line(value: LineState, moment: Moment) -> types_pb2.LineState:
    return types_pb2.LineState(
        stopped=value.stopped,
        parts_per_minute=value.parts_per_minute,
        reports=[_report(report, moment) for report in value.reports],
    )


def change(value: AnnouncedChange, moment: Moment) -> types_pb2.AnnouncedChange:
    return types_pb2.AnnouncedChange(
        prepared_id=value.id,
        client=value.client,
        state=CHANGE_STATES[value.state],
        budget=convert.budget(value.budget),
        ttl=convert.optional_duration(value.ttl_s),
        due_in=moment.until_boot(value.due_boot_ns),
        due_at=moment.at_boot(value.due_boot_ns),
    )


def coming_swap(value: ComingSwap, moment: Moment) -> types_pb2.ComingSwap:
    starts_s = value.starts_s
    return types_pb2.ComingSwap(
        to_subnet_id=value.to_subnet,
        starts_at=None if starts_s is None else moment.at(starts_s),
        starts_in=None if starts_s is None else moment.until(starts_s),
        expected_gap=convert.duration(value.expected_gap_s),
        ready_at=None if starts_s is None else moment.at(starts_s + value.expected_gap_s),
        reason=value.reason.value,
        cause=COMING_CAUSES[value.cause],
        text=value.text,
    )


def reported(camera: str, value: LineOutcome, moment: Moment) -> control_pb2.ReportedLine:
    return control_pb2.ReportedLine(
        camera=camera,
        line=line(value.line, moment),
        decision=convert.decision(value.decision, moment),
        swap_id=value.swap_id,
        operation=convert_operation.optional(value.operation, moment),
    )


def prepared(camera: str, value: Prepared, moment: Moment) -> control_pb2.PreparedChange:
    return control_pb2.PreparedChange(
        camera=camera,
        change=change(value.change, moment),
        effective=convert.effective(value.effective),
        decision=convert.decision(value.decision, moment),
        subnet_id=value.subnet_id,
        expected_accuracy=value.expected_accuracy,
        feasible=value.feasible,
        swap_needed=value.swap_needed,
        expected_gap=convert.duration(value.expected_gap_s),
        ready_at=moment.after(value.ready_in_s),
        wait=convert.duration(value.wait_s),
        waiting_subnet_id=value.waiting_subnet_id,
    )


def committed(camera: str, value: Committed, moment: Moment) -> control_pb2.CommittedChange:
    return control_pb2.CommittedChange(
        camera=camera,
        change=change(value.change, moment),
        effective=convert.effective(value.effective),
        decision=convert.decision(value.decision, moment),
        swap_id=value.swap_id,
        operation=convert_operation.optional(value.operation, moment),
    )


def _report(value: LineReport, moment: Moment) -> types_pb2.LineReport:
    return types_pb2.LineReport(
        client=value.client,
        stopped=value.stopped,
        parts_per_minute=value.parts_per_minute,
        remaining=None if value.expires_boot_ns is None else moment.until_boot(value.expires_boot_ns),
    )
