"""The promises, each a function that judges a history: it raises Broken with the shortest excerpt that shows why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from agent.domain.budget import Budget
from agent.pb.ofa_agent.v1 import types_pb2
from tests.stateful.device import Plate
from tests.stateful.linear_calls import one_order_explains_every_answer
from tests.stateful.model import Bounds, Ground, InForce, Model, Write, arbitrated, value_of
from tests.stateful.operations import OPERATION_PROMISES
from tests.stateful.orders import ORDER_PROMISES
from tests.stateful.record import ETERNITY_NS, Broken, Call, Record, Seen, Verdict
from tests.stateful.reloads import a_reload_that_was_answered_is_in_force
from tests.stateful.requests import CAPTURED
from tests.stateful.world import DEFAULT, FAIL_SAFE, SCHEDULED
from tests.support.audit_promises import audit_faults

Plates = Mapping[str, Plate]
Promise = Callable[[Model, Plates], None]
_FAULTS = frozenset({"INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "DATA_LOSS"})


def no_call_meets_a_fault_of_the_agent(model: Model, _: Plates) -> None:
    for call in model.record.calls:
        if call.code in _FAULTS:
            raise _broken(model.record, f"{call.method} ended {call.code}", call)


def a_client_holds_one_claim_a_camera(model: Model, _: Plates) -> None:
    for seen in model.record.seen:
        holders = [claim.client for claim in seen.status.claims]
        if len(set(holders)) != len(holders):
            raise _broken(model.record, f"{seen.status.camera}: two claims of one client: {holders}", seen)


def a_claim_is_what_its_client_asked_for(model: Model, _: Plates) -> None:
    """What was acknowledged is there, over restarts and for as long as a lease lives; what was refused is not."""
    clients = {place[0] for place in model.writes} | {call.client for call in model.record.calls}
    for seen in model.moments:
        held = {claim.client: claim for claim in seen.status.claims}
        for client in clients | set(held):
            claim = held.get(client)
            value = claim.budget.max_latency_ms if claim is not None else None
            why = model.may_read((client, seen.status.camera), value, seen.began_ns, seen.ended_ns)
            if why:
                has = "no claim" if value is None else f"a claim of {value:g} ms"
                about = _about(model.record, client, seen.status.camera)
                raise _broken(model.record, f"{client} has {has} on {seen.status.camera}, but {why}", *about, seen)
            if claim is not None:
                _same_bounds(model, claim, seen)


def a_claim_is_answered_as_it_was_asked(model: Model, _: Plates) -> None:
    """Where it is not the answer to a retry after a crash: that one tells what is there by then."""
    for attempt in model.attempts["SetBudget"]:
        call = attempt.done
        if call is None or call.answer is None or len({one.run for one in attempt.calls}) > 1:
            continue
        claim: types_pb2.Claim = call.answer.claim  # type: ignore[attr-defined]
        request = call.request
        asked = (request.client, Bounds.of(request.budget), request.HasField("ttl"))  # type: ignore[attr-defined]
        if (claim.client, Bounds.of(claim.budget), claim.HasField("ttl")) != asked:
            raise _broken(model.record, f"the claim that was stored is another: {claim}", call)


def a_request_runs_once(model: Model, _: Plates) -> None:
    """One claim for one request id: however often it is sent, wherever, and after whatever."""
    ids: dict[float, set[str]] = defaultdict(set)
    for claim in _claims(model.record):
        ids[claim.budget.max_latency_ms].add(claim.id)
    for method in ("SetBudget", "PrepareBudget"):
        for attempt in model.attempts[method]:
            known = ids.get(value_of(attempt.calls[0].request), set())
            if attempt.calls[0].request_id and len(known) > 1:
                raise _broken(model.record, f"one request made the claims {sorted(known)}", *attempt.calls)
    _one_operation_a_request(model)


def a_retry_gets_the_first_answer(model: Model, _: Plates) -> None:
    """Byte for byte, from whichever client and over restarts; the id with another body is INVALID_ARGUMENT."""
    groups: dict[str, list[Call]] = defaultdict(list)
    for call in model.record.calls:
        if call.request_id:
            groups[call.request_id].append(call)
    for calls in groups.values():
        done = [call for call in calls if call.verdict is Verdict.DONE]
        if len({call.body for call in done}) > 1:
            raise _broken(model.record, "a retry got another answer than the first", *done)
        if len({_body(call) for call in done}) > 1:
            raise _broken(model.record, "an id was taken twice, for two different requests", *done)
        first = min(done, key=lambda call: call.ended_order, default=None)
        for call in calls:
            if first is not None:
                _judge_retry(model.record, first, call)


def the_budget_in_force_follows_from_the_claims(model: Model, _: Plates) -> None:
    grounds = _grounds(model.record)
    for seen in model.record.seen:
        told = seen.status.budget
        actual = InForce(Bounds.of(told.budget), told.priority, tuple(sorted(told.claim_ids)), told.fail_safe)
        live = [one for one in seen.status.claims if not _out_of_time(one)]
        fitting = [arbitrated(live, told.fail_safe, ground) for ground in grounds]
        fitting += [arbitrated(seen.status.claims, told.fail_safe, ground) for ground in grounds]
        if actual not in fitting and not _between(actual, seen, grounds[0]):
            raise _broken(model.record, f"in force is {actual}, and of the claims follows {fitting[-1]}", seen)


def a_budget_that_changes_has_a_new_id(model: Model, _: Plates) -> None:
    meant: dict[str, tuple[object, Seen]] = {}
    for group in _by_run(model.record).values():
        left: set[str] = set()
        last = ""
        for seen in group:
            budget = seen.status.budget
            content = budget.SerializeToString(deterministic=True)
            known, where = meant.setdefault(budget.id, (content, seen))
            if known != content:
                raise _broken(model.record, f"budget {budget.id} is two budgets", where, seen)
            if budget.id in left:
                raise _broken(model.record, f"budget {budget.id} was another one's in between", where, seen)
            if last and last != budget.id:
                left.add(last)
            last = budget.id


def an_expired_lease_holds_the_fail_safe(model: Model, _: Plates) -> None:
    """Until a new lease or an acknowledgement, also over restarts; and nothing else does."""
    for seen in model.moments:
        status = seen.status
        if status.budget.priority > types_pb2.BUDGET_PRIORITY_LEASE:
            continue
        ends = _ends(model, status.camera)
        if status.budget.fail_safe:
            if not any(end.lo_ns <= seen.ended_ns for end in ends):
                raise _broken(model.record, f"{status.camera}: fail-safe, though no lease can have expired", seen)
            continue
        for end in ends:
            answered = any(lo <= seen.ended_ns and hi >= end.lo_ns for lo, hi in _answers(model, status.camera))
            if end.sure and end.hi_ns < seen.began_ns and not answered:
                about = [*end.calls, *_about(model.record, end.calls[0].client, status.camera)]
                why = "a lease expired, nobody answered it, and the fail-safe budget is not in force"
                raise _broken(model.record, f"{status.camera}: {why}", *about, seen)


def generations_grow_and_are_never_used_twice(model: Model, plates: Plates) -> None:
    for name, plate in plates.items():
        highest, running = 0, None
        for start in plate.starts:
            run, generation, subnet_id = start
            if start != running and generation <= highest:
                told = f"run {run} began generation {generation} ({subnet_id}) though {highest} had been used"
                raise Broken(f"{name}: {told}: {plate.starts}")
            highest, running = max(highest, generation), start
    for group in _by_run(model.record).values():
        for before, after in pairwise(group):
            if 0 < after.status.generation < before.status.generation:
                raise _broken(model.record, "a generation went back", before, after)
    for seen in model.record.seen:
        status = seen.status
        made = (seen.run, status.generation, status.active_subnet_id)
        if status.verified and made not in plates[status.camera].starts:
            raise _broken(model.record, f"the camera never started {made}: {plates[status.camera].starts}", seen)


def results_tell_what_made_them(model: Model, plates: Plates) -> None:
    for watch in model.record.watches:
        for message in watch.messages if watch.kind == "results" else ():
            if message.heartbeat:  # type: ignore[attr-defined]
                continue
            result: types_pb2.InferenceResult = message.result  # type: ignore[attr-defined]
            truth = plates[watch.camera].executed[result.captured_ns]
            if (result.generation, result.subnet_id) != truth:
                told = f"generation {result.generation} of {result.subnet_id}"
                raise Broken(f"watch {watch.number} of {watch.camera}: {told}, the camera executed {truth}")


def a_state_has_one_revision_and_a_revision_one_state(model: Model, _: Plates) -> None:
    for group in _by_run(model.record).values():
        for before, after in pairwise(group):
            if before.status.revision == after.status.revision and _state(before) != _state(after):
                raise _broken(model.record, "one revision tells two states", before, after)
        asked = sorted((one for one in group if one.watch is None), key=lambda one: one.order)
        for one in asked:
            for other in asked:
                if one.ended_ns < other.began_ns and other.status.revision < one.status.revision:
                    raise _broken(model.record, "a revision went back", one, other)


def streams_count_what_they_leave_out(model: Model, _: Plates) -> None:
    for watch in model.record.watches:
        name = f"watch {watch.number} of {watch.camera}"
        revision, dropped, sequence, gaps = 0, 0, 0, 0
        for message in watch.messages:
            if watch.kind == "capture":
                break
            if message.dropped < dropped:  # type: ignore[attr-defined]
                raise Broken(f"{name}: dropped went back from {dropped} to {message.dropped}")  # type: ignore[attr-defined]
            dropped = message.dropped  # type: ignore[attr-defined]
            if watch.kind == "status":
                if message.revision < revision or (message.revision == revision and not message.heartbeat):  # type: ignore[attr-defined]
                    raise Broken(f"{name}: revision {message.revision} after {revision}")  # type: ignore[attr-defined]
                revision = message.revision  # type: ignore[attr-defined]
            elif not message.heartbeat:  # type: ignore[attr-defined]
                result = message.result  # type: ignore[attr-defined]
                if result.sequence <= sequence:
                    raise Broken(f"{name}: result {result.sequence} after {sequence}")
                gaps += result.sequence - sequence - 1 if sequence else 0
                sequence = result.sequence
                if gaps > dropped:
                    raise Broken(f"{name}: {gaps} results are missing up to {sequence}, {dropped} are told as dropped")


def an_operation_ends_once_for_all(model: Model, _: Plates) -> None:
    ended: dict[str, tuple[str, Call]] = {}
    for call in sorted(model.record.calls, key=lambda one: one.ended_order):
        for operation in call.operations:
            known = ended.get(operation.name)
            if known is not None and known[1].ended_order < call.order and not operation.done:
                raise _broken(model.record, f"{operation.name} goes on after its end", known[1], call)
            if operation.done:
                first, where = ended.setdefault(operation.name, (_end_of(operation), call))
                if first != _end_of(operation):
                    why = f"{operation.name} has two ends: {first} and {_end_of(operation)}"
                    raise _broken(model.record, why, where, call)


def an_operation_of_an_answer_stays_known(model: Model, _: Plates) -> None:
    """After a restart and a crash too, and then it has ended."""
    for call in model.record.of("GetOperation"):
        name = call.request.name  # type: ignore[attr-defined]
        if call.verdict is not Verdict.REFUSED and all(one.done for one in call.operations):
            continue
        told = [one for one in model.record.calls if name in str(one.answer)]
        raise _broken(model.record, f"{name} was answered and is {call.code or 'open'} now", *told, call)


def a_capture_brings_what_was_asked(model: Model, _: Plates) -> None:
    """Its operation first, then images in their order, none twice and no more than were wanted."""
    for watch in model.record.watches:
        if watch.kind != "capture" or not watch.messages:
            continue
        first, *rest = watch.messages
        images = [one.image.sequence for one in rest if one.HasField("image")]  # type: ignore[attr-defined]
        rising = all(before < after for before, after in pairwise(images))
        if not first.operation_name or not rising or len(images) > CAPTURED:  # type: ignore[attr-defined]
            raise Broken(f"watch {watch.number} of {watch.camera}: operation {first}, images {images}")


def the_audit_tells_of_every_change_and_swap_once(model: Model, _: Plates) -> None:
    """In the order of the answers, where one came after the other."""
    audit = model.record.audit
    if audit is None:
        return
    sent: dict[str, int] = {}  # for the first time
    done: dict[str, Call] = {}
    for call in sorted(model.record.calls, key=lambda one: one.ended_order):
        request_id = getattr(call.request, "request_id", "")
        sent[request_id] = min(call.order, sent.get(request_id, call.order))
        if request_id and call.code == "OK":
            done.setdefault(request_id, call)
    ordered, last = list[str](), 0
    for request_id, call in done.items():
        if sent[request_id] > last:
            ordered.append(request_id)
            last = call.ended_order
    faults = audit_faults(audit.anchor, audit.entries, list(done), ordered, audit.swaps)
    if faults:
        raise Broken(f"the audit: {'; '.join(faults[:3])}")


PROMISES: tuple[Promise, ...] = (
    no_call_meets_a_fault_of_the_agent,
    a_client_holds_one_claim_a_camera,
    a_claim_is_what_its_client_asked_for,
    a_claim_is_answered_as_it_was_asked,
    a_request_runs_once,
    a_retry_gets_the_first_answer,
    the_budget_in_force_follows_from_the_claims,
    a_budget_that_changes_has_a_new_id,
    an_expired_lease_holds_the_fail_safe,
    generations_grow_and_are_never_used_twice,
    results_tell_what_made_them,
    a_state_has_one_revision_and_a_revision_one_state,
    streams_count_what_they_leave_out,
    an_operation_ends_once_for_all,
    an_operation_of_an_answer_stays_known,
    a_capture_brings_what_was_asked,
    the_audit_tells_of_every_change_and_swap_once,
    *ORDER_PROMISES,
    *OPERATION_PROMISES,
    a_reload_that_was_answered_is_in_force,
    one_order_explains_every_answer,
)


def judge(record: Record, plates: Plates) -> None:
    """Raises Broken for the first promise that this history shows broken, with its name."""
    model = Model(record)
    for promise in PROMISES:
        try:
            promise(model, plates)
        except Broken as error:
            raise Broken(f"{promise.__name__.replace('_', ' ')}: {error}") from None


# -- inside -----------------------------------------------------------------------------------------------------------


def _broken(record: Record, why: str, *about: Call | Seen) -> Broken:
    return Broken(f"{why}\n{record.excerpt(*about)}")


def _about(record: Record, client: str, camera: str) -> list[Call]:
    """The calls that may have changed that client's claim there."""
    methods = {"SetBudget", "RenewBudget", "ReleaseBudget", "PrepareBudget", "CommitBudget"}
    return [
        call
        for call in record.calls
        if call.method in methods and (call.request.client, call.request.camera) == (client, camera)  # type: ignore[attr-defined]
    ]


def _same_bounds(model: Model, claim: types_pb2.Claim, seen: Seen) -> None:
    """All of a claim's bounds are those of the request that its latency names."""
    value = claim.budget.max_latency_ms
    for call in model.record.of("SetBudget", "PrepareBudget"):
        if value_of(call.request) == value and Bounds.of(call.request.budget) != Bounds.of(claim.budget):  # type: ignore[attr-defined]
            raise _broken(model.record, f"the claim of {claim.client} has other bounds than were asked for", call, seen)


def _claims(record: Record) -> Iterable[types_pb2.Claim]:
    for seen in record.seen:
        yield from seen.status.claims
    for call in record.of("SetBudget", "RenewBudget"):
        if call.answer is not None:
            yield call.answer.claim  # type: ignore[attr-defined]


def _one_operation_a_request(model: Model) -> None:
    for attempt in model.attempts["ProfileSubnets"]:
        names = {call.answer.operation.name for call in attempt.calls if call.answer is not None}  # type: ignore[attr-defined]
        if attempt.calls[0].request_id and len(names) > 1:
            raise _broken(model.record, f"one request began {sorted(names)}", *attempt.calls)


def _judge_retry(record: Record, first: Call, call: Call) -> None:
    if call.order < first.ended_order or call.verdict is Verdict.OPEN:
        return
    same = _body(call) == _body(first)
    if same and call.verdict is not Verdict.DONE:
        raise _broken(record, f"a retry of what was done is {call.code}", first, call)
    if not same and call.code != "INVALID_ARGUMENT":
        raise _broken(record, f"an id that was used is {call.code} with another body", first, call)


def _body(call: Call) -> tuple[str, bytes]:
    return call.method, call.request.SerializeToString(deterministic=True)


def _grounds(record: Record) -> list[Ground]:
    """With a schedule the last entry whose time came holds, by a wall clock that may have been moved."""
    fail_safe = _bounds(FAIL_SAFE)
    if not record.setting.scheduled:
        known = {one.latency_ms for one in record.contents} - {None}
        defaults = [replace(_bounds(DEFAULT), latency_ms=one) for one in known]
        return [Ground(one, types_pb2.BUDGET_PRIORITY_DEFAULT, fail_safe) for one in defaults]
    return [Ground(_bounds(one), types_pb2.BUDGET_PRIORITY_SCHEDULE, fail_safe) for one in SCHEDULED]


def _bounds(budget: Budget) -> Bounds:
    return Bounds(budget.max_latency_ms, budget.parts_per_minute, budget.min_accuracy, budget.quantile)


def _out_of_time(claim: types_pb2.Claim) -> bool:
    return claim.HasField("remaining") and not (claim.remaining.seconds or claim.remaining.nanos)


def _between(actual: InForce, seen: Seen, ground: Ground) -> bool:
    """A lease whose time is just up, and that counts as failing already, is named though its bounds do not count."""
    leases = [one for one in seen.status.claims if one.kind == types_pb2.CLAIM_KIND_LEASE]
    gone = [one for one in leases if _out_of_time(one)]
    live = [one for one in seen.status.claims if not _out_of_time(one)]
    if not gone or not actual.fail_safe:
        return False
    ruled = arbitrated(live, True, ground)
    ids = tuple(sorted([*ruled.claim_ids, *(one.id for one in gone)]))
    return actual == InForce(ruled.bounds, ruled.priority, ids, ruled.fail_safe)


def _by_run(record: Record) -> dict[tuple[int, str], list[Seen]]:
    """What was seen of each camera in each run of the agent, in the order of the revisions."""
    groups: dict[tuple[int, str], list[Seen]] = defaultdict(list)
    for seen in record.seen:
        groups[seen.run, seen.status.camera].append(seen)
    for group in groups.values():
        group.sort(key=lambda one: one.status.revision)
    return groups


def _state(seen: Seen) -> tuple[object, ...]:
    status = seen.status
    claims = sorted((one.id, one.client, one.budget.max_latency_ms) for one in status.claims)
    changes = sorted((one.prepared_id, one.state) for one in status.changes)
    reports = sorted((one.client, one.stopped, one.parts_per_minute) for one in status.line.reports)
    return (
        status.state, status.active_subnet_id, status.generation, status.verified, status.budget.id, status.swaps_total,
        claims, changes, reports, status.swap.id, status.swap.stage, status.detail,
    )  # fmt: skip


def _ends(model: Model, camera: str) -> list[Write]:
    """The ends of leases on that camera; `sure` and bounded where nothing else can have ended the lease."""
    found = []
    for place, writes in model.writes.items():
        if place[1] != camera:
            continue
        for end in writes:
            if end.why != "expiry" or not end.lease:
                continue
            lease = next(one for one in writes if one.calls == end.calls and one.why != "expiry")
            gone_ns = model.latest_end_ns(place, lease)
            other = any(
                w is not lease and w.why != "expiry" and w.lo_ns <= gone_ns and w.hi_ns >= lease.lo_ns for w in writes
            )
            sure = gone_ns < ETERNITY_NS and not other
            found.append(Write(None, end.lo_ns, gone_ns if sure else ETERNITY_NS, sure, end.calls))
    return found


def _end_of(operation: Any) -> str:
    """How it ended; what is measured of it may still come."""
    if not operation.HasField("error"):
        return f"done: {operation.response.type_url}"
    return f"error {operation.error.code}: {operation.error.message}"


def _answers(model: Model, camera: str) -> list[tuple[int, int]]:
    """When the fail-safe of that camera may have been lifted: by a new lease, or by an acknowledgement of any alarm."""
    found = [
        (write.lo_ns, write.hi_ns)
        for place, writes in model.writes.items()
        if place[1] == camera
        for write in writes
        if write.ttl_ns is not None and write.lease
    ]
    found += [(one.lo_ns, one.hi_ns) for one in model.attempts["AcknowledgeAlarm"] if not one.refused]
    return found
