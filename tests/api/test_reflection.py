"""A client can be written from what reflection tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from agent.api.reflection import DESCRIBED, NAMES, descriptor_set
from tests.api.harness import Rig, run, serving


async def ask(rig: Rig, name: str, **question: Any) -> Any:
    call: Any = rig.channel.stream_stream(
        f"/{name}/ServerReflectionInfo",
        lambda message: message.SerializeToString(),
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    call = call()
    await call.write(reflection_pb2.ServerReflectionRequest(**question))
    answer = await call.read()
    await call.done_writing()
    call.cancel()
    return answer


def files(answer: Any) -> dict[str, FileDescriptorProto]:
    parsed = [FileDescriptorProto.FromString(body) for body in answer.file_descriptor_response.file_descriptor_proto]
    return {file.name: file for file in parsed}


@pytest.mark.parametrize("name", NAMES)
def test_all_services_are_listed(tmp_path: Path, name: str) -> None:
    async def scenario() -> set[str]:
        async with serving(tmp_path) as rig:
            answer = await ask(rig, name, list_services="")
        return {service.name for service in answer.list_services_response.service}

    own = {"ofa_agent.v1.ControlService", "ofa_agent.v1.StatusService", "google.longrunning.Operations"}
    assert run(scenario()) == {*own, "grpc.health.v1.Health", DESCRIBED}


@pytest.mark.parametrize("name", NAMES)
def test_a_service_comes_with_its_comments_and_all_it_needs(tmp_path: Path, name: str) -> None:
    async def scenario() -> dict[str, FileDescriptorProto]:
        async with serving(tmp_path) as rig:
            return files(await ask(rig, name, file_containing_symbol="ofa_agent.v1.ControlService"))

    found = run(scenario())
    assert set(found) == {
        "ofa_agent/v1/control.proto",
        "ofa_agent/v1/types.proto",
        "ofa_agent/v1/profile.proto",
        "ofa_agent/v1/config.proto",
        "ofa_agent/v1/capture.proto",
        "ofa_agent/v1/orders.proto",
        "google/api/annotations.proto",
        "google/api/client.proto",
        "google/api/field_behavior.proto",
        "google/api/http.proto",
        "google/api/launch_stage.proto",
        "google/longrunning/operations.proto",
        "google/protobuf/any.proto",
        "google/protobuf/descriptor.proto",
        "google/protobuf/duration.proto",
        "google/protobuf/empty.proto",
        "google/protobuf/timestamp.proto",
        "google/rpc/status.proto",
    }
    needed = {name for file in found.values() for name in file.dependency}
    assert needed <= set(found)
    comments = [place.leading_comments for place in found["ofa_agent/v1/control.proto"].source_code_info.location]
    assert any("Stores the client's one claim" in comment for comment in comments)


def test_every_listed_service_can_be_looked_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as rig:
            listed = await ask(rig, NAMES[0], list_services="")
            for service in listed.list_services_response.service:
                assert files(await ask(rig, NAMES[0], file_containing_symbol=service.name))

    run(scenario())


def test_what_is_unknown_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    async def scenario() -> int:
        async with serving(tmp_path) as rig:
            answer = await ask(rig, NAMES[0], file_by_filename="nothing.proto")
            assert files(await ask(rig, NAMES[0], file_by_filename="ofa_agent/v1/types.proto"))
        code: int = answer.error_response.error_code
        return code

    assert run(scenario()) == 5


def test_every_service_call_message_and_field_is_explained() -> None:
    bare = []
    for file in descriptor_set().file:
        if file.package != "ofa_agent.v1":
            continue
        explained = {tuple(place.path) for place in file.source_code_info.location if place.leading_comments}
        for number, message in enumerate(file.message_type):
            bare += [message.name] if (4, number) not in explained else []
            bare += [
                f"{message.name}.{field.name}"
                for place, field in enumerate(message.field)
                if (4, number, 2, place) not in explained
            ]
        for number, service in enumerate(file.service):
            bare += [service.name] if (6, number) not in explained else []
            bare += [call.name for place, call in enumerate(service.method) if (6, number, 2, place) not in explained]
    assert bare == []
