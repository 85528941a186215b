"""A history of one camera as events of tests/stateful/linear.py: what each call may have done, and what time did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tests.stateful.camera_state import Content, State, pin_of
from tests.stateful.device import Plate
from tests.stateful.linear import Event, Found, search
from tests.stateful.model import Model, Write, ttl_ns_of, value_of
from tests.stateful.record import ETERNITY_NS, Broken, Call, Verdict
from tests.stateful.requests import SUBNETS

Effect = Callable[[Content], Iterable[Content]]
_NO_LEASE = "holds no lease"


def one_order_explains_every_answer(model: Model, _: Mapping[str, Plate]) -> None:
    """Of all that a camera's clients commanded, read and were answered. Notes the states that each search looked at."""
    for camera in model.record.setting.cameras:
        found = search(Calls(model, camera).events(), State())
        model.record.searched.append(found.states)
        if not found.ordered:
            raise Broken(f"{camera}: {_words(found)}")


class Calls:
    """The calls about one camera. Read-only; one history."""

    def __init__(self, model: Model, camera: str) -> None:
        self._model = model
        self._camera = camera
        self._reads = [one for one in model.record.seen if one.watch is None and one.status.camera == camera]
        contents = [Content.of(one.status) for one in self._reads]
        self._named = {seen.status.etag: content.named for seen, content in zip(self._reads, contents, strict=True)}
        self._run_ends_ns = self._ends()
        self._leases = {
            value_of(call.request): ETERNITY_NS for call in model.record.of("SetBudget", "PrepareBudget")
            if ttl_ns_of(call.request) is not None
        }  # fmt: skip
        """By value, the earliest that its time may be up."""
        for _, lease, end in self._expiries():
            self._leases[lease] = min(self._leases.get(lease, ETERNITY_NS), end.lo_ns)  # a bound may be NaN
        self._gone: list[tuple[int, Callable[[Content], Content]]] = [
            *((end.lo_ns, partial(_without_claim, client, lease)) for client, lease, end in self._expiries()),
            *((ends_ns, partial(_without_inhibition, call)) for ends_ns, call in self._lifted()),
        ]
        """What ends by its time, by the earliest that it may."""

    def events(self) -> list[Event]:
        return [*self._read(), *self._commanded(), *self._of_time()]

    def _ends(self) -> dict[int, int]:
        """By run of the agent: when the next one was seen, after which nothing of it happens any more."""
        calls = self._model.record.calls
        return {
            run: min((one.began_ns for one in calls if one.run > run), default=ETERNITY_NS + 1) - 1
            for run in {one.run for one in calls}
        }

    def _read(self) -> Iterator[Event]:
        for seen in self._reads:
            content = Content.of(seen.status)
            yield Event(seen.began_ns, seen.ended_ns, _only(content), why=str(seen))

    # -- commands -----------------------------------------------------------------------------------------------------

    def _commanded(self) -> Iterator[Event]:
        for call in self._model.record.calls:
            effect = self._effect(call) if getattr(call.request, "camera", None) == self._camera else None
            if effect is None:
                continue
            if call.verdict is Verdict.DONE:
                yield Event(call.began_ns, call.ended_ns, self._done(call, effect, call.began_ns), why=str(call))
            elif call.verdict is Verdict.OPEN:
                yield from self._unanswered(call, effect)
            elif call.method == "RenewBudget" and _NO_LEASE in call.text:
                yield Event(call.began_ns, call.ended_ns, self._without_lease(call), why=str(call))

    def _unanswered(self, call: Call, effect: Effect) -> Iterator[Event]:
        """Its run of the agent may have carried it out; where that run answered the request to another call, this is
        its first answer: it names the content that was there when the request ran. A renewal changes no content, and
        matters only where its id was answered."""
        ended_ns, told = self._run_ends_ns[call.run], self._told(call)
        answer = next((one for one in told if one.run == call.run), None)
        answered = None if answer is None else self._effect(answer)
        if answer is not None and answered is not None:
            step = self._done(answer, answered, call.began_ns)
            yield Event(call.began_ns, ended_ns, step, must=False, why=str(call))
        elif told or call.method != "RenewBudget":
            yield Event(call.began_ns, ended_ns, self._open(call, effect), must=False, why=str(call))

    def _told(self, call: Call) -> list[Call]:
        """The calls to which the same request was answered."""
        calls = self._model.record.of(call.method) if call.request_id else ()
        return [one for one in calls if one.request == call.request and one.verdict is Verdict.DONE]

    def _done(self, call: Call, effect: Effect, since_ns: int) -> Callable[[State], Iterable[State]]:
        """It ran after `since_ns` for the etag that it gave, and left the content that its answer's etag names; or it
        had run before, and got the first answer. What it asked for may have ended by its time before the answer, and
        so may other things, where the answer's etag is known to tell so."""
        asked: Any = call.request
        ttl_ns = ttl_ns_of(asked) if call.method in ("SetBudget", "InhibitSwap") else None
        ended = ttl_ns is not None and since_ns + ttl_ns <= call.ended_ns
        given, told = getattr(call.request, "etag", ""), _etag_of(call.answer)

        def step(state: State) -> Iterator[State]:
            ran, answer = state.answer_to(call.request_id)
            if ran:
                if answer is None or answer == call.body:
                    yield state.after(state.content, call.request_id, call.body)
                return
            if not self._is(state.content, given):
                return
            for left in effect(state.content):
                ways = [left, _ended(call, left)] if ended else [left]
                for content in self._aged(ways, call.ended_ns) if told in self._named else ways:
                    if self._is(content, told):
                        yield state.after(content, call.request_id, call.body)

        return step

    def _aged(self, contents: Sequence[Content], until_ns: int) -> Sequence[Content]:
        """These, and with any of that taken out of them which may have ended by its time until then."""
        found = dict.fromkeys(contents)
        for began_ns, gone in self._gone:
            if began_ns <= until_ns:
                found |= dict.fromkeys(gone(content) for content in tuple(found))
        return tuple(found)

    def _open(self, call: Call, effect: Effect) -> Callable[[State], Iterable[State]]:
        def step(state: State) -> Iterator[State]:
            ran, _ = state.answer_to(call.request_id)
            if not ran:
                for content in effect(state.content):
                    yield state.after(content, call.request_id, None)

        return step

    def _is(self, content: Content, etag: str) -> bool:
        """Whether it may have that etag: as far as anybody saw what the etag names."""
        return not etag or self._named.get(etag, content.named) == content.named

    def _without_lease(self, call: Call) -> Callable[[State], Iterable[State]]:
        """It held none, or one whose time was up: that is refused at once, and told of as gone within 250 ms."""
        client = call.request.client  # type: ignore[attr-defined]

        def step(state: State) -> list[State]:
            held = state.content.claim(client)
            live = held in self._leases and self._leases[held] > call.ended_ns
            return [] if live else [state]

        return step

    def _effect(self, call: Call) -> Effect | None:
        """What it does to the content; None for calls that change nothing of it, or do so when their time comes."""
        asked: Any = call.request
        if call.method == "CommitBudget":
            return self._commit(asked)
        if call.method == "Rollback":
            return self._rollback(call)
        return _EFFECTS[call.method](call, asked) if call.method in _EFFECTS else None

    def _commit(self, asked: Any) -> Effect | None:
        told = self._model.prepared.get(asked.prepared_id)
        if told is None or not asked.wait_for_ready:
            return None
        value = value_of(told.calls[0].request)
        return lambda now: [now.with_claim(asked.client, value)]

    def _rollback(self, call: Call) -> Effect:
        """To whatever was pinned then; where nobody was told, to any sub-net: none need have read it before the next
        pin, and an etag names it all the same."""
        client = call.request.client  # type: ignore[attr-defined]
        if call.answer is not None:
            pins = [pin_of(call.answer.orders)]  # type: ignore[attr-defined]
        else:
            pins = [(subnet_id, client, True) for subnet_id in SUBNETS]
        return lambda now: [replace(now, pin=pin) for pin in pins]

    # -- time ---------------------------------------------------------------------------------------------------------

    def _of_time(self) -> Iterator[Event]:
        for client, lease, end in self._expiries():
            yield _event(end, _ends_claim(client, lease), "its end")
        for client, one in self._claimed("commit"):
            if not one.calls[0].request.wait_for_ready:  # type: ignore[attr-defined]
                yield _event(one, _puts_claim(client, one.value), "its coming into force")
        for ends_ns, call in self._lifted():
            yield Event(ends_ns, ETERNITY_NS, _ends_inhibition(call), must=False, why=f"the end of {call}")

    def _lifted(self) -> Iterator[tuple[int, Call]]:
        """The inhibitions that end by their time, and when at the earliest."""
        for call in self._model.record.of("InhibitSwap"):
            ttl_ns = ttl_ns_of(call.request)
            if call.request.camera == self._camera and ttl_ns is not None:  # type: ignore[attr-defined]
                reboots_ns = [at for at in self._model.reboots_ns if at >= call.began_ns]
                yield min([call.began_ns + ttl_ns, *reboots_ns]), call

    def _claimed(self, *why: str) -> Iterator[tuple[str, Write]]:
        """What became of claims on the camera in these ways, with their clients."""
        for (client, camera), writes in self._model.writes.items():
            yield from ((client, one) for one in writes if camera == self._camera and one.why in why)

    def _expiries(self) -> Iterator[tuple[str, float, Write]]:
        """Of each lease its client, its value and its end by its time."""
        leases = {one.calls[0].order: one.value for _, one in self._claimed("set", "commit")}
        for client, one in self._claimed("expiry"):
            value = leases[one.calls[0].order]
            assert isinstance(value, float)
            yield client, value, one


# -- inside -----------------------------------------------------------------------------------------------------------


def _only(content: Content) -> Callable[[State], Iterable[State]]:
    return lambda state: [state] if state.content == content else []


def _event(write: Write, step: Callable[[State], Iterable[State]], what: str) -> Event:
    return Event(write.lo_ns, ETERNITY_NS, step, must=False, why=f"{what}: {write.calls[0]}")


def _without_claim(client: str, value: float, content: Content) -> Content:
    return content.with_claim(client, None) if content.claim(client) == value else content


def _without_inhibition(call: Call, content: Content) -> Content:
    asked: Any = call.request
    said = (asked.client, asked.why) in content.inhibitions
    return content.with_inhibition(asked.client, None) if said else content


def _ends_claim(client: str, value: float) -> Callable[[State], Iterable[State]]:
    return _ends(partial(_without_claim, client, value))


def _ends(gone: Callable[[Content], Content]) -> Callable[[State], Iterable[State]]:
    def step(state: State) -> Iterator[State]:
        left = gone(state.content)
        if left != state.content:
            yield replace(state, content=left)

    return step


def _puts_claim(client: str, value: object) -> Callable[[State], Iterable[State]]:
    assert isinstance(value, float)
    return lambda state: [replace(state, content=state.content.with_claim(client, value))]


def _ends_inhibition(call: Call) -> Callable[[State], Iterable[State]]:
    return _ends(partial(_without_inhibition, call))


def _ended(call: Call, now: Content) -> Content:
    """Without what that call asked for."""
    asked: Any = call.request
    if call.method == "InhibitSwap":
        return now.with_inhibition(asked.client, None)
    return now.with_claim(asked.client, None)


def _renews(call: Call, now: Content) -> bool:
    held = now.claim(call.request.client)  # type: ignore[attr-defined]
    told: Any = call.answer
    return held is not None and (told is None or told.claim.budget.max_latency_ms == held)


def _with_mode(call: Call, after: Content) -> list[Content]:
    """Whoever is answered is told the orders as they then stand."""
    told: Any = call.answer
    stands = told is None or all(pin_of(one.orders) == after.pin for one in told.cameras)
    return [after] if stands else []


def _permitted(now: Content, asked: Any) -> Content:
    if asked.everyone:
        return replace(now, inhibitions=frozenset())
    return now.with_inhibition(asked.client, None)


_EFFECTS: Mapping[str, Callable[[Call, Any], Effect]] = {
    "SetBudget": lambda _, asked: lambda now: [now.with_claim(asked.client, value_of(asked))],
    "ReleaseBudget": lambda _, asked: lambda now: [now.with_claim(asked.client, None)],
    "RenewBudget": lambda call, _: lambda now: [now] if _renews(call, now) else [],
    "SetMode": lambda call, asked: lambda now: _with_mode(call, replace(now, mode=(asked.mode, asked.client))),
    "PinSubnet": lambda _, asked: lambda now: [replace(now, pin=(asked.subnet_id, asked.client, False))],
    "UnpinSubnet": lambda *_: lambda now: [replace(now, pin=None)],
    "InhibitSwap": lambda _, asked: lambda now: [now.with_inhibition(asked.client, asked.why)],
    "PermitSwap": lambda _, asked: lambda now: [_permitted(now, asked)],
}


def _etag_of(answer: object) -> str:
    cameras = getattr(answer, "cameras", ())
    return str(cameras[0].etag) if cameras else str(getattr(answer, "etag", ""))


def _words(found: Found) -> str:
    if found.given_up:
        return f"after {found.states} states no order was found; the history is too large for the search"
    stuck = "\n".join(f"  {one.why}" for one in found.stuck)
    return (
        f"no order of the calls explains what was told; after the longest that does, none of these can come:\n{stuck}"
    )
