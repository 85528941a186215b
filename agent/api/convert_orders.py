"""Orders of a camera into their messages."""

from __future__ import annotations

from agent.api import convert, convert_operation
from agent.api.enums import MODES
from agent.api.moment import Moment, timestamp
from agent.domain.control import OrderOutcome
from agent.domain.orders import Inhibit, Orders, Pin
from agent.pb.ofa_agent.v1 import orders_pb2, types_pb2


def orders(value: Orders, permit_boot_ns: int | None, moment: Moment) -> types_pb2.StandingOrders:
    """Times in it count from `moment`."""
    return types_pb2.StandingOrders(
        mode=MODES[value.mode],
        mode_by=value.mode_by,
        pin=None if value.pin is None else _pin(value.pin),
        inhibitions=[_inhibition(one, moment) for one in value.inhibits],
        permit_remaining=None if permit_boot_ns is None else moment.until_boot(permit_boot_ns),
    )


def outcome(camera: str, value: OrderOutcome, etag: str, moment: Moment) -> orders_pb2.OrderOutcome:
    return orders_pb2.OrderOutcome(
        camera=camera,
        decision=convert.decision(value.decision, moment),
        orders=orders(value.orders, value.permit_boot_ns, moment),
        etag=etag,
        operation=convert_operation.optional(value.operation, moment),
    )


def _pin(value: Pin) -> types_pb2.Pin:
    return types_pb2.Pin(
        subnet_id=value.subnet_id,
        client=value.client,
        pinned_at=timestamp(value.wall_ns),
        rollback=value.rollback,
    )


def _inhibition(value: Inhibit, moment: Moment) -> types_pb2.Inhibition:
    remaining = None if value.expires_boot_ns is None else moment.until_boot(value.expires_boot_ns)
    return types_pb2.Inhibition(client=value.client, why=value.why, remaining=remaining)
