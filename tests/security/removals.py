"""How each control is taken away: what is put in its place, given what is there."""

from __future__ import annotations

import csv
import os
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.security.removals_doors import REMOVALS as DOORS
from tests.security.removals_web import REMOVALS as WEB
from tests.security.stand_ins import Put, nothing, same, value, without_options
from tests.security.threat import Threat
from tests.security.threats import THREATS


def remove(threat: Threat) -> None:
    """Take the control of that threat away in this process, wherever it has been imported to."""
    module_name, _, path = threat.control.partition(":")
    module = import_module(module_name)
    *holders, name = path.split(".")
    holder: Any = module
    for one in holders:
        holder = getattr(holder, one)
    real = vars(holder)[name]
    stand_in = REMOVALS[threat.id](real)
    setattr(holder, name, stand_in)
    if not holders:
        for other in [one for key, one in sys.modules.items() if key.startswith(("agent.", "tests."))]:
            if vars(other).get(name) is real:
                setattr(other, name, stand_in)


def threat_of(threat_id: str) -> Threat:
    """The row of that id. Raises KeyError."""
    return {threat.id: threat for threat in THREATS}[threat_id]


# -- requests ------------------------------------------------------------------------------------------------------


def _everybody(real: Any) -> Any:
    from agent.api.access import Who
    from agent.domain.access import Role

    return lambda self, method, peer, auth: Who("", peer, Role.ADMIN, local=True)


def _for_readers(real: Any) -> Any:
    from agent.domain.access import Role

    class Readers(defaultdict[str, Role]):
        def get(self, key: str, default: Any = None) -> Any:
            return Role.READ

    return Readers(lambda: Role.READ, real)


def _any_seconds(real: Any) -> Any:
    return lambda message: message.seconds + message.nanos / 1e9


def _read_anything(real: Any) -> Any:
    def read(self: Any, request: Any, body: bytes) -> None:
        request.ParseFromString(body)

    return read


def _unlimited(real: Any) -> Any:
    async def within(longest_s: float, work: Any) -> Any:
        return await work

    return within


async def _unknown(self: Any, key: Any) -> None:
    return None


def _tells_all(real: Any) -> Any:
    from google.rpc import status_pb2

    return lambda: status_pb2.Status(code=13, message=repr(sys.exc_info()[1]))


def _asked_plainly(real: Any) -> Any:
    import json

    from google.protobuf.json_format import MessageToDict

    return lambda request: json.dumps(MessageToDict(request, preserving_proto_field_name=True), sort_keys=True)


# -- config --------------------------------------------------------------------------------------------------------


def _node_with(event: str) -> Put:
    """The composer takes events of that kind, or a tag, as if they were plain."""

    def put(real: Any) -> Any:
        import yaml

        from agent.config.document import Scalar

        def node(self: Any, found: Any, path: str, depth: int) -> Any:
            if event == "alias" and isinstance(found, yaml.AliasEvent):
                return Scalar("1", True, 1)
            if event == "tag" and getattr(found, "tag", None) is not None:
                found.tag = None
            return real(self, found, path, depth)

        return node

    return put


def _waiting(real: Any) -> Any:
    return lambda file: Path(file).read_bytes()


async def _only_applied(self: Any, staged: Any) -> None:
    staged.apply()
    await staged.commit()


def _finds_nothing(real: Any) -> Any:
    from agent.domain.audit import Head
    from agent.telemetry.audit_check import Checked

    return lambda *_, **__: Checked(0, Head(0, ""))


def _at_once(real: Any) -> Any:
    return lambda path, data: Path(path).write_bytes(data)


# -- files ---------------------------------------------------------------------------------------------------------


def _whole(real: Any) -> Any:
    def content(handle: int, path: Path, limit_bytes: int) -> bytes:
        with os.fdopen(handle, "rb") as file:
            return file.read()

    return content


def _any_format(real: Any) -> Any:
    return lambda data, where, expected=None, platform=None: real(data, where)


def _uninspected(real: Any) -> Any:
    from agent.library.blob import BlobInfo

    return lambda data, where, expected=None, platform=None: BlobInfo(expected or "ncsdk-graph-2", len(data))


def _any_xml(real: Any) -> Any:
    from xml.etree import ElementTree

    return lambda xml, where: ElementTree.fromstring(xml)


def _keys_that_work(real: Any) -> Any:
    def trusted(paths: Any) -> tuple[Any, ...]:
        from agent.errors import SignatureInvalid
        from agent.library.signing import _public_key

        found = []
        for path in paths:
            try:
                found.append(_public_key(path))
            except SignatureInvalid:
                continue
        return tuple(found)

    return trusted


def _written_over(real: Any) -> Any:
    def write(path: Path, data: bytes, mode: int = 0o666) -> None:
        path.write_bytes(data)

    return write


def _readable_by_all(real: Any) -> Any:
    def write(out: Path, contents: Mapping[str, bytes]) -> int:
        size: int = real(out, contents)
        out.chmod(0o644)
        return size

    return write


def _plain_cells(real: Any) -> Any:
    return lambda line, where: next(csv.reader([line]))


# -- the camera ----------------------------------------------------------------------------------------------------


def _every_id(real: Any) -> Any:
    from agent.camera.attribution import Verdict

    return lambda self, frame_id, timestamp_ns, inference_id: Verdict.NEW


def _first_camera(real: Any) -> Any:
    return lambda self, cameras, serial: cameras.GetByIndex(0)


_FOR_EVER = 1 << 40
REMOVALS: Mapping[str, Put] = {
    **DOORS,
    **WEB,
    "role": nothing,
    "method-without-role": _for_readers,
    "unknown-connection": _everybody,
    "borrowed-name": lambda real: lambda who, given: given or who.identity,
    "local-only": nothing,
    "maintenance": value(lambda: True),
    "endless-lease": _any_seconds,
    "unprintable-name": same,
    "request-twice": value(_unknown),
    "request-id-reused": nothing,
    "unaudited": lambda real: lambda self, entry: entry,
    "garbage": _read_anything,
    "huge-request": _read_anything,
    "impossible-duration": _asked_plainly,
    "unreadable-refusal": same,
    "told-too-much": _tells_all,
    "all-places": nothing,
    "endless-call": _unlimited,
    "never-reads": nothing,
    "dead-peer": without_options("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms"),
    "yaml-alias": _node_with("alias"),
    "yaml-tag": _node_with("tag"),
    "yaml-size": value(_FOR_EVER),
    "yaml-depth": value(_FOR_EVER),
    "yaml-pipe": _waiting,
    "yaml-zero": value(re.compile(r"(?!)")),
    "yaml-lines": same,
    "misspelt-key": nothing,
    "half-applied": nothing,
    "not-taken-back": value(_only_applied),
    "cut-off-audit": _finds_nothing,
    "other-journal": nothing,
    "torn-last-good": _at_once,
    "altered-audit": value(lambda self, entry: ""),
    "secret-in-bundle": lambda real: lambda self, text: text,
    "path-in-bundle": same,
    "bundle-for-all": _readable_by_all,
    "label-elsewhere": same,
    "odd-trace": _plain_cells,
    "forged-manifest": nothing,
    "unsigned": nothing,
    "flipped-bit": nothing,
    "exchanged-later": nothing,
    "rollback": value(lambda self: ""),
    "same-version-twice": value(lambda self: ""),
    "freeze": nothing,
    "mix-and-match": nothing,
    "link-elsewhere": lambda real: real & ~os.O_NOFOLLOW,
    "grows-in-use": _whole,
    "name-elsewhere": nothing,
    "wrong-format": _any_format,
    "wrong-processor": nothing,
    "wrong-shape": nothing,
    "broken-network": _uninspected,
    "zip-of-two-readings": nothing,
    "growing-xml": _any_xml,
    "xml-of-many": _any_xml,
    "odd-picture": same,
    "huge-picture": nothing,
    "long-manifest-words": same,
    "key-replaced": _keys_that_work,
    "key-overwritten": _written_over,
    "other-network": nothing,
    "too-few-answers": nothing,
    "stale-result": value(lambda self, timestamp_ns: False),
    "forged-frame-ids": _every_id,
    "other-camera": _first_camera,
}
