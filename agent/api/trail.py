"""What the audit says of a mutation: who asked for what, and the camera's etag before and after."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import Message

from agent.api.caller import CALLER, Caller
from agent.domain.access import Role
from agent.domain.audit import AuditEntry

LONGEST_ASKED = 4096  # bytes of one entry's `asked`
LONGEST_NAME = 256  # characters of a name in an entry; what is carried out has none so long
SECRET = re.compile(r"pass(word|phrase)|secret|token|credential|private|api_?key", re.IGNORECASE)
REDACTED = "(redacted)"


class Etagged(Protocol):
    """A camera, as far as the audit asks."""

    @property
    def etag(self) -> str: ...


class Trail:
    """Makes audit entries; `cameras` by their names."""

    def __init__(self, cameras: Mapping[str, Etagged]) -> None:
        self._cameras = cameras

    def begun(self, request: object, request_id: str) -> AuditEntry:
        """The entry of a mutation that begins now, to be completed with its outcome."""
        caller, camera = CALLER.get(None), self._camera(request)
        client = getattr(request, "client", "") or (caller.client if caller else "")
        return AuditEntry(
            client=client[:LONGEST_NAME],
            origin=_origin(caller) if caller else "",
            method=type(request).__name__.removesuffix("Request"),
            camera=camera[:LONGEST_NAME],
            request_id=request_id,
            outcome="OK",
            asked=asked(request) if isinstance(request, Message) else "",
            before=self._etag(camera),
        )

    def about(self, entry: AuditEntry, camera: str) -> AuditEntry:
        """The entry of a change whose request names no camera, and is about that one."""
        return replace(entry, camera=camera, before=self._etag(camera))

    def done(self, entry: AuditEntry) -> AuditEntry:
        """The entry of a mutation that has been carried out."""
        return replace(entry, outcome="OK", after=self._etag(entry.camera))

    def _camera(self, request: object) -> str:
        """Its name; the only camera's where the request may name one and names neither a camera nor a group."""
        camera: str | None = getattr(request, "camera", None)
        if camera is None or camera or getattr(request, "group", ""):
            return camera or ""
        return next(iter(self._cameras)) if len(self._cameras) == 1 else ""

    def _etag(self, camera: str) -> str:
        return self._cameras[camera].etag if camera in self._cameras else ""


def _origin(caller: Caller) -> str:
    """The connection, and the role that it had where that is not all that there is."""
    return caller.origin if caller.role is Role.ADMIN else f"{caller.origin} role={caller.role.value}"


def asked(request: Message) -> str:
    """The request without its id as one line of JSON with sorted keys, secrets left out.

    Only its size and digest where that is too long, or where JSON cannot say it (a Duration out of its range).
    """
    try:
        fields = MessageToDict(request, preserving_proto_field_name=True)
    except SerializeToJsonError:
        return _digest(request.SerializeToString(deterministic=True))
    fields.pop("request_id", None)
    line = json.dumps(_redacted(fields), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    data = line.encode()
    if len(data) <= LONGEST_ASKED:
        return line
    return _digest(data)


def _digest(data: bytes) -> str:
    return json.dumps({"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}, separators=(",", ":"))


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: REDACTED if SECRET.search(key) else _redacted(one) for key, one in value.items()}
    return [_redacted(one) for one in value] if isinstance(value, list) else value
