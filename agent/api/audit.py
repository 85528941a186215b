"""The audit as StatusService tells it."""

from __future__ import annotations

from agent.api.moment import timestamp
from agent.api.parse import count_of
from agent.api.services import Services
from agent.domain.audit import FORMAT, AuditEntry
from agent.pb.ofa_agent.v1 import audit_pb2 as pb

ENTRIES_DEFAULT, ENTRIES_MOST = 100, 1000


async def list_audit_entries(services: Services, request: pb.ListAuditEntriesRequest) -> pb.ListAuditEntriesResponse:
    """One page of it. Raises BadInput, Rejected for an unknown camera, JournalError."""
    limit = count_of("limit", request.limit, ENTRIES_DEFAULT, ENTRIES_MOST)
    camera = services.camera(request.camera).name if request.camera else None
    after = request.after if request.HasField("after") else None
    page = await services.journal.audit(after, limit, camera)
    return pb.ListAuditEntriesResponse(
        entries=[_entry(entry) for entry in page.entries], anchor_sha256=page.anchor_sha256, newest=page.newest
    )


def _entry(entry: AuditEntry) -> pb.AuditEntry:
    return pb.AuditEntry(
        number=entry.seq,
        at=timestamp(entry.wall_ns),
        client=entry.client,
        origin=entry.origin,
        method=entry.method,
        camera=entry.camera,
        request_id=entry.request_id,
        outcome=entry.outcome,
        reason=entry.reason,
        asked=entry.asked,
        before=entry.before,
        after=entry.after,
        previous_sha256=entry.previous_sha256,
        sha256=entry.sha256,
        format=FORMAT,
    )
