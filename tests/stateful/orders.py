"""The promises about orders: modes, pins, inhibitions, and the etags that name what is asked of a camera."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from agent.domain.orders import Window
from agent.pb.ofa_agent.v1 import types_pb2
from tests.stateful.device import Plate
from tests.stateful.model import Attempt, Model, Write, readable, ttl_ns_of
from tests.stateful.record import ETERNITY_NS, Broken, Call, Record, Seen, Verdict

Plates = Mapping[str, Plate]
ORDERING = ("SetMode", "PinSubnet", "UnpinSubnet", "Rollback", "PermitSwap", "InhibitSwap")
CHANGING = (*ORDERING, "SetBudget", "ReleaseBudget", "PrepareBudget", "CommitBudget")
_NO_MODE = (types_pb2.MODE_AUTO, "")


def an_order_stands_as_it_was_given(model: Model, _: Plates) -> None:
    """Modes, pins and inhibitions are there once acknowledged, over restarts, until somebody says otherwise."""
    for seen in model.moments:
        camera, orders = seen.status.camera, seen.status.orders
        mode = (orders.mode, orders.mode_by)
        _read(model, seen, "the mode", _modes(model, camera), _NO_MODE, mode, ("SetMode",))
        pin = (orders.pin.subnet_id, orders.pin.client, orders.pin.rollback) if orders.HasField("pin") else None
        _read(model, seen, "the pin", _pins(model, camera, pin), None, pin, ("PinSubnet", "UnpinSubnet", "Rollback"))
        told = {one.client: one.why for one in orders.inhibitions}
        if len(told) != len(orders.inhibitions):
            raise _broken(model.record, f"{camera}: two inhibitions of one client", seen)
        methods = ("InhibitSwap", "PermitSwap")
        for client in {call.client for call in model.record.of(*methods)} | set(told):
            writes = _inhibitions(model, camera, client)
            _read(model, seen, f"the inhibition of {client}", writes, None, told.get(client), methods)


def nothing_swaps_while_it_is_inhibited(model: Model, _: Plates) -> None:
    """Not from a camera at rest with an inhibition to another one with the same inhibition."""
    for before, after in _pairs(model.record):
        held = {one.why for one in before.status.orders.inhibitions if one.why}
        held &= {one.why for one in after.status.orders.inhibitions}
        if held and _swapped(before, after):
            raise _broken(model.record, f"a swap, though {sorted(held)} inhibited it", before, after)


def outside_of_its_window_nothing_swaps(model: Model, _: Plates) -> None:
    """From a camera at rest to the next such state: no swap without a permit, or while nobody said that the line
    stands, but for the fail-safe budget and for runs that were asked for."""
    opens = {
        Window.ANY: None,
        Window.PERMIT: model.attempts["PermitSwap"],
        Window.LINE_STOPPED: model.attempts["PermitSwap"]
        + [one for one in model.attempts["ReportLine"] if _asked(one).stopped]
        + [one for one in model.attempts["CommitBudget"] if _asked(one).wait_for_ready],
    }[model.record.setting.window]
    if opens is None or model.record.faulty:  # a camera that lost its network takes another one at any time
        return
    for before, after in _pairs(model.record):
        safe = _may_be_safe(model, before, after)
        asked = [*opens, *model.attempts["ProfileSubnets"]]
        if _swapped(before, after) and not safe and not any(_overlaps(one, 0, after.ended_ns) for one in asked):
            raise _broken(model.record, f"a swap outside of window {model.record.setting.window.value}", before, after)


def in_manual_only_commands_swap(model: Model, _: Plates) -> None:
    """Nor in maintenance: from a camera at rest to the next such state, with no command that may swap."""
    commands = [*model.attempts["SetMode"], *model.attempts["PinSubnet"], *model.attempts["Rollback"]]
    commands += [one for one in model.attempts["SetBudget"] if _asked(one).kind]
    for before, after in _pairs(model.record):
        mode = before.status.orders.mode
        kept = mode != types_pb2.MODE_AUTO and mode == after.status.orders.mode
        if not kept or not _swapped(before, after):
            continue
        ordered = any(one.status.orders.HasField("pin") for one in (before, after))
        strong = any(_outranks(claim) for one in (before, after) for claim in one.status.claims)
        meanwhile = any(_overlaps(one, before.began_ns, after.ended_ns) for one in commands)
        profiles = any(_overlaps(one, 0, after.ended_ns) for one in model.attempts["ProfileSubnets"])
        if not (ordered or strong or meanwhile or profiles):
            raise _broken(model.record, "a swap by itself, though the mode forbids it", before, after)


def an_etag_names_what_is_asked(model: Model, _: Plates) -> None:
    """The same content has the same etag, also after a restart, and another content another.

    Whether an expired lease waits for an answer belongs to it, and cannot be seen below a claim that outranks leases.
    """
    contents: dict[tuple[str, str, bool], tuple[object, Seen]] = {}
    etags: dict[tuple[str, object], tuple[str, Seen]] = {}
    for seen in model.record.seen:
        camera, etag, content = seen.status.camera, seen.status.etag, _content(seen.status)
        hidden = seen.status.budget.priority > types_pb2.BUDGET_PRIORITY_LEASE
        known, where = contents.setdefault((camera, etag, hidden), (content, seen))
        if known != content:
            raise _broken(model.record, f"etag {etag} names two contents", where, seen)
        if hidden:
            continue
        other, where = etags.setdefault((camera, content), (etag, seen))
        if other != etag:
            raise _broken(model.record, f"one content has the etags {other} and {etag}", where, seen)


def a_stale_etag_is_refused_and_a_good_one_is_not(model: Model, _: Plates) -> None:
    """Judged where nothing else was going on between the last look and the command."""
    asked = [one for one in model.record.seen if one.watch is None]
    for call in model.record.of(*CHANGING, "RenewBudget"):
        etag = getattr(call.request, "etag", "")
        before = max((one for one in asked if _precedes(one, call)), key=lambda one: one.began_ns, default=None)
        if not etag or before is None or before.run != call.run or _disturbed(model, before, call):
            continue
        stale = etag != before.status.etag
        if stale and call.verdict is Verdict.DONE:
            raise _broken(model.record, f"etag {etag} was stale (it was {before.status.etag})", before, call)
        if not stale and call.code == "ABORTED":
            raise _broken(model.record, f"etag {etag} was good, and was refused", before, call)


def a_pin_runs_once_all_is_at_rest(model: Model, _: Plates) -> None:
    """Where nothing is in its way: no inhibition, no fault of the camera, no cancelled swap, nothing under way."""
    if model.record.faulty or any(model.record.of("CancelOperation")):
        return
    windowed = model.record.setting.window is not Window.ANY
    for seen in model.record.settled:
        status = seen.status
        failed = status.decision.reason == "quarantined"  # a leap amid its swap was longer than the swap's deadline
        held = windowed and status.decision.action == types_pb2.DECISION_ACTION_HOLD  # outside of its window
        free = status.orders.HasField("pin") and not status.orders.inhibitions and not failed and not held
        active = status.state == types_pb2.CAMERA_STATE_ACTIVE
        if free and active and status.active_subnet_id != status.orders.pin.subnet_id:
            why = f"{status.orders.pin.subnet_id} is pinned and does not run: {status.decision.text}"
            raise _broken(model.record, why, seen)


ORDER_PROMISES: tuple[Callable[[Model, Plates], None], ...] = (
    an_order_stands_as_it_was_given,
    nothing_swaps_while_it_is_inhibited,
    outside_of_its_window_nothing_swaps,
    in_manual_only_commands_swap,
    an_etag_names_what_is_asked,
    a_stale_etag_is_refused_and_a_good_one_is_not,
    a_pin_runs_once_all_is_at_rest,
)


# -- registers --------------------------------------------------------------------------------------------------------


def _attempts(model: Model, camera: str, *methods: str) -> list[Attempt]:
    found = [one for method in methods for one in model.attempts[method] if not one.refused]
    return [one for one in found if one.calls[0].request.camera == camera]  # type: ignore[attr-defined]


def _modes(model: Model, camera: str) -> list[Write]:
    return [one.write((_asked(one).mode, _asked(one).client)) for one in _attempts(model, camera, "SetMode")]


def _pins(model: Model, camera: str, seen: object) -> list[Write]:
    """`seen`: what is to be explained; a rollback that was not answered may have pinned anything."""
    found = [one.write(None) for one in _attempts(model, camera, "UnpinSubnet")]
    found += [one.write((_asked(one).subnet_id, _asked(one).client, False))
              for one in _attempts(model, camera, "PinSubnet")]  # fmt: skip
    for one in _attempts(model, camera, "Rollback"):
        if one.done is not None and len({call.run for call in one.calls}) == 1:
            pin = one.done.answer.orders.pin  # type: ignore[union-attr]
            found.append(one.write((pin.subnet_id, pin.client, pin.rollback)))
        elif isinstance(seen, tuple) and seen[1:] == (_asked(one).client, True):
            found.append(Write(seen, one.lo_ns, ETERNITY_NS, False, one.calls))
    return found


def _inhibitions(model: Model, camera: str, client: str) -> list[Write]:
    found = []
    for one in _attempts(model, camera, "InhibitSwap"):
        if _asked(one).client != client:
            continue
        write = one.write(_asked(one).why, ttl_ns_of(_asked(one)))
        found.append(write)
        if write.ttl_ns is not None:
            ends_ns = [write.lo_ns + write.ttl_ns, *(at_ns for at_ns in model.reboots_ns if at_ns >= write.lo_ns)]
            found.append(Write(None, min(ends_ns), ETERNITY_NS, False, one.calls))
    for one in _attempts(model, camera, "PermitSwap"):
        if _asked(one).everyone or _asked(one).client == client:
            found.append(one.write(None))
    return found


def _read(
    model: Model,
    seen: Seen,
    what: str,
    writes: Sequence[Write],
    first: object,
    value: object,
    methods: tuple[str, ...],
) -> None:
    def gone_ns(write: Write) -> int:
        ends = write.sure and write.ttl_ns is not None and write.value is not None
        return model.rest_after_ns(write.hi_ns + (write.ttl_ns or 0)) if ends else ETERNITY_NS

    why = readable(writes, first, value, seen.began_ns, seen.ended_ns, gone_ns)
    if why:
        camera = seen.status.camera
        about = [call for call in model.record.of(*methods) if call.request.camera == camera]  # type: ignore[attr-defined]
        raise _broken(model.record, f"{what} of {camera} is {value!r}, but {why}", *about, seen)


def _asked(attempt: Attempt) -> Any:
    return attempt.calls[0].request


# -- states -----------------------------------------------------------------------------------------------------------


def _pairs(record: Record) -> list[tuple[Seen, Seen]]:
    """Of each camera in each run, in the order of the revisions: states at rest, with the next one that is."""
    groups: dict[tuple[int, str], list[Seen]] = defaultdict(list)
    for seen in record.seen:
        if _rests(seen):
            groups[seen.run, seen.status.camera].append(seen)
    return [pair for group in groups.values() for pair in pairwise(sorted(group, key=lambda one: one.status.revision))]


def _rests(seen: Seen) -> bool:
    """Its network runs and no swap is under way."""
    return seen.status.state == types_pb2.CAMERA_STATE_ACTIVE and not seen.status.HasField("swap")


def _swapped(before: Seen, after: Seen) -> bool:
    networks = (before.status.active_subnet_id, after.status.active_subnet_id)
    return all(networks) and networks[0] != networks[1]


def _may_be_safe(model: Model, before: Seen, after: Seen) -> bool:
    """Whether the fail-safe budget may have been in force, also in between where nobody looked."""
    if any(one.status.budget.fail_safe for one in (before, after)):
        return True
    leases = [write for (_, camera), writes in model.writes.items() if camera == after.status.camera
              for write in writes if write.ttl_ns is not None and write.lease]  # fmt: skip
    return any(write.lo_ns + (write.ttl_ns or 0) <= after.ended_ns for write in leases)


def _outranks(claim: types_pb2.Claim) -> bool:
    return claim.kind in (types_pb2.CLAIM_KIND_MAINTENANCE, types_pb2.CLAIM_KIND_LOCAL_OVERRIDE)


def _overlaps(attempt: Attempt, began_ns: int, ended_ns: int) -> bool:
    return not attempt.refused and attempt.lo_ns <= ended_ns and attempt.hi_ns >= began_ns


def _content(status: types_pb2.CameraStatus) -> object:
    claims = sorted((one.client, one.kind, one.budget.SerializeToString(deterministic=True), one.ttl.ToNanoseconds())
                    for one in status.claims)  # fmt: skip
    changes = sorted((one.prepared_id, one.client, one.state) for one in status.changes)
    orders = status.orders
    inhibitions = sorted((one.client, one.why) for one in orders.inhibitions)
    hidden = status.budget.priority > types_pb2.BUDGET_PRIORITY_LEASE
    failing = None if hidden else status.budget.fail_safe
    return repr((claims, changes, orders.mode, orders.pin.subnet_id, inhibitions, failing))


def _precedes(seen: Seen, call: Call) -> bool:
    return seen.ended_ns <= call.began_ns and seen.status.camera == call.request.camera  # type: ignore[attr-defined]


def _disturbed(model: Model, seen: Seen, call: Call) -> bool:
    """Whether anything else may have changed the camera between the two."""
    status = seen.status
    timed = any(one.HasField("remaining") for one in status.claims) or status.changes or status.orders.inhibitions
    answers = ("RenewBudget", "AcknowledgeAlarm")  # the latter of any alarm: it may be that of an expired lease
    others = [one for one in model.record.of(*CHANGING, *answers) if one is not call]
    busy = any(one.began_ns <= call.ended_ns and one.ended_ns >= seen.began_ns for one in others)
    earlier = any(
        one.run == call.run and one.verdict is Verdict.OPEN and one.began_ns <= call.ended_ns for one in others
    )
    repeated = call.request_id and any(one.request_id == call.request_id for one in others)
    befell = any(one.began_ns <= call.ended_ns and one.ended_ns >= seen.began_ns for one in model.record.happenings)
    return bool(timed or busy or earlier or repeated or befell)


def _broken(record: Record, why: str, *about: Call | Seen) -> Broken:
    return Broken(f"{why}\n{record.excerpt(*about)}")
