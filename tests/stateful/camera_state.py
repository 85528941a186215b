"""What clients may change of one camera, as one value: the sequential object of tests/stateful/linear.py."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.pb.ofa_agent.v1 import types_pb2

Pin = tuple[str, str, bool]  # sub-net, client, rollback


@dataclass(frozen=True, slots=True)
class Content:
    """What a state says that commands can be held to: claims by client, mode and who set it, pin, inhibitions."""

    claims: frozenset[tuple[str, float]] = frozenset()
    mode: tuple[int, str] = (types_pb2.MODE_AUTO, "")
    pin: Pin | None = None
    inhibitions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, status: types_pb2.CameraStatus) -> Content:
        """As it was told."""
        return cls(
            frozenset((one.client, one.budget.max_latency_ms) for one in status.claims),
            (status.orders.mode, status.orders.mode_by),
            pin_of(status.orders),
            frozenset((one.client, one.why) for one in status.orders.inhibitions),
        )

    @property
    def named(self) -> object:
        """The part of it that an etag names: not who set the mode, or pinned."""
        return self.claims, self.mode[0], self.pin and self.pin[0], self.inhibitions

    def claim(self, client: str) -> float | None:
        return next((value for who, value in self.claims if who == client), None)

    def with_claim(self, client: str, value: float | None) -> Content:
        """In place of the one before; None: without one."""
        others = frozenset(one for one in self.claims if one[0] != client)
        return replace(self, claims=others if value is None else others | {(client, value)})

    def with_inhibition(self, client: str, why: str | None) -> Content:
        others = frozenset(one for one in self.inhibitions if one[0] != client)
        return replace(self, inhibitions=others if why is None else others | {(client, why)})


@dataclass(frozen=True, slots=True)
class State:
    """`ran`: the requests that have run, with the answer where it is known."""

    content: Content = Content()
    ran: frozenset[tuple[str, bytes | None]] = frozenset()

    def answer_to(self, request_id: str) -> tuple[bool, bytes | None]:
        """Whether that request has run, and the answer that it was given."""
        for one, answer in self.ran:
            if request_id and one == request_id:
                return True, answer
        return False, None

    def after(self, content: Content, request_id: str, answer: bytes | None) -> State:
        """That request has come to this."""
        if not request_id:
            return State(content, self.ran)
        others = frozenset(one for one in self.ran if one[0] != request_id)
        return State(content, others | {(request_id, answer)})


def pin_of(orders: types_pb2.StandingOrders) -> Pin | None:
    return (orders.pin.subnet_id, orders.pin.client, orders.pin.rollback) if orders.HasField("pin") else None
