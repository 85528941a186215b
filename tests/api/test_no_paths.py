"""No call makes the agent open a file or a connection that the caller names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from agent.api.roles import NEEDS
from agent.pb.ofa_agent.v1 import control_pb2, status_pb2
from tests.api.harness import run, serving

FILES = (control_pb2, status_pb2, operations_pb2, health_pb2, reflection_pb2)
REQUESTS = {
    method.full_name: method.input_type
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
PLACE = re.compile(
    r"file|path|dir|folder|ur[il]|href|link|host|port|address|endpoint|target|source|dest|location|bucket|command|script"
    r"|module|template|blob|image|archive|mount|device|socket|proxy|server"
)
REFLECTION = "ServerReflectionRequest"
# What looks like a place and is none, and why.
EXCEPTIONS = {
    (REFLECTION, "host"): "of the protocol; the agent does not look at it",
    (REFLECTION, "file_by_filename"): "a name in the table of protos in memory; nothing is opened",
    (REFLECTION, "file_containing_symbol"): "as above",
    (REFLECTION, "file_containing_extension"): "as above",
}
# Every text that a request may hold, and what it is held against.
TEXTS = {
    "request_id": "a UUID4",
    "client": "a name, kept with claims",
    "camera": "one of the names of the config",
    "group": "one of the names of the config",
    "etag": "compared with that of the camera",
    "why": "kept and shown",
    "label": "kept with each image of a capture and sent back; the client writes the files",
    "prepared_id": "compared with that of an announcement",
    "subnet_id": "one of the ids of the library",
    "subnet_ids": "as above",
    "labels": "compared with those of the library",
    "resume_epoch": "compared with that of the server",
    "name": "of an operation, looked up in the journal",
    "filter": "of the protocol",
    "page_token": "of the protocol",
    "service": "one of the services, or camera/NAME",
    "host": "see EXCEPTIONS",
    "file_by_filename": "see EXCEPTIONS",
    "file_containing_symbol": "see EXCEPTIONS",
    "containing_type": "a name in the table of protos in memory",
    "all_extension_numbers_of_type": "as above",
    "list_services": "of the protocol",
}


def fields(message: Descriptor, seen: set[str] | None = None) -> Iterator[tuple[str, FieldDescriptor]]:
    """Every field of a message and of those in it, with the message that it is in."""
    seen = set() if seen is None else seen
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield message.name, field
        if field.message_type is not None:
            yield from fields(field.message_type, seen)


def places(message: Descriptor) -> set[tuple[str, str]]:
    return {(owner, field.name) for owner, field in fields(message) if PLACE.search(field.name)}


def test_every_call_that_is_served_is_looked_at() -> None:
    assert set(REQUESTS) >= {name for name in NEEDS if ".reflection.v1." not in name}  # v1 is v1alpha on the wire


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
def test_no_request_has_a_field_for_a_file_a_folder_or_a_url(request_: Descriptor) -> None:
    assert places(request_) - set(EXCEPTIONS) == set()


def test_every_exception_is_of_a_field_that_there_is() -> None:
    assert set.union(*(places(request) for request in REQUESTS.values())) == set(EXCEPTIONS)


def test_every_text_in_a_request_is_known_and_none_is_of_any_shape() -> None:
    found: set[str] = set()
    for request in REQUESTS.values():
        for owner, field in fields(request):
            assert owner not in ("Any", "Struct", "Value"), request.full_name
            assert field.type != FieldDescriptor.TYPE_BYTES, f"{owner}.{field.name}"
            if field.type == FieldDescriptor.TYPE_STRING:
                found.add(field.name)
    assert found == set(TEXTS)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "ofa_agent/v1/../../x"])
def test_reflection_knows_the_protos_in_memory_and_no_file(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with serving(tmp_path) as rig:
            stub = reflection_pb2_grpc.ServerReflectionStub(rig.channel)
            asked = reflection_pb2.ServerReflectionRequest(file_by_filename=name)
            (answer,) = [one async for one in stub.ServerReflectionInfo(iter([asked]))]
            assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]

    run(main())
