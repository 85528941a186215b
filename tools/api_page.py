"""Makes docs/reference/api.md from the comments of the protos; with --check it changes nothing and fails where they
differ.

It reads `agent/pb/ofa_agent.binpb`, which tools/generate_stubs.py makes from proto/: run that first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import generated  # noqa: E402  run as a program it does not know its package

PAGE = ROOT / "docs" / "reference" / "api.md"
DESCRIPTORS = ROOT / "agent" / "pb" / "ofa_agent.binpb"
PACKAGE = "ofa_agent.v1"
Comments: TypeAlias = dict[tuple[int, ...], str]
# Field numbers of descriptor.proto, of which the paths of comments are made.
_MESSAGE, _ENUM, _SERVICE, _FIELD, _VALUE, _METHOD = 4, 5, 6, 2, 2, 2

_HEAD = f"""# The API

Package `{PACKAGE}`, made from the comments in `proto/` with `python tools/api_page.py`; a running agent tells the same
by reflection. How to use it: [write a gateway](../how-to/write-a-gateway.md). Every refusal: [errors](errors.md);
what one client may take: [limits](api-limits.md); the same from Python: [the Python client](python-client.md).

Beside these services the agent serves `google.longrunning.Operations` (swaps, profiling runs, captures),
`grpc.health.v1.Health` (the empty name is the agent, `camera/NAME` a camera) and reflection.

*optional* marks a field whose absence means something else than its zero.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or with --check say that it differs; returns the exit code."""
    return generated.run(PAGE, "docs/reference/api.md", page, "tools/api_page.py", __doc__, argv)


def page() -> str:
    """The text that the page should have."""
    files = [file for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file if file.package == PACKAGE]
    services = [part for file in files for part in _services(file)]
    shapes = dict(pair for file in files for pair in _shapes(file))
    return "\n".join([_HEAD, *services, "## Messages\n", *(shapes[name] for name in sorted(shapes))])


def _services(file: FileDescriptorProto) -> Iterator[str]:
    comments = _comments(file)
    for number, service in enumerate(file.service):
        yield f"## {service.name}\n\n{_text(comments, (_SERVICE, number))}\n"
        for index, method in enumerate(service.method):
            stream = "stream of " if method.server_streaming else ""
            yield (
                f"### {method.name}\n\n{_link(method.input_type)} answers {stream}{_link(method.output_type)}\n\n"
                f"{_text(comments, (_SERVICE, number, _METHOD, index))}\n"
            )


def _shapes(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Messages and enumerations with their names."""
    comments = _comments(file)
    for number, message in enumerate(file.message_type):
        yield message.name, _message(message, comments, (_MESSAGE, number))
    for number, enum in enumerate(file.enum_type):
        yield enum.name, _enum(enum, comments, (_ENUM, number))


def _message(message: DescriptorProto, comments: Comments, at: tuple[int, ...]) -> str:
    if message.nested_type:
        raise SystemExit(f"{message.name}: a message within a message has no place on the page yet")
    rows = [
        f"| `{field.name}` | {_type(field)} | {_cell(comments, (*at, _FIELD, number))}{_one_of(message, field)} |"
        for number, field in enumerate(message.field)
    ]
    table = ["| field | type | |", "|---|---|---|", *rows, ""] if rows else []
    return "\n".join([f"### {message.name}\n", f"{_text(comments, at)}\n", *table])


def _enum(enum: EnumDescriptorProto, comments: Comments, at: tuple[int, ...]) -> str:
    rows = [
        f"| `{value.name}` | {value.number} | {_cell(comments, (*at, _VALUE, number))} |"
        for number, value in enumerate(enum.value)
    ]
    return "\n".join(
        [f"### {enum.name}\n", f"{_text(comments, at)}\n", "| value | number | |", "|---|---|---|", *rows, ""]
    )


def _type(field: FieldDescriptorProto) -> str:
    name = _link(field.type_name) if field.type_name else FieldDescriptorProto.Type.Name(field.type)[5:].lower()
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def _one_of(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    if field.proto3_optional or not field.HasField("oneof_index"):
        return ""
    return f" One of `{message.oneof_decl[field.oneof_index].name}`."


def _link(type_name: str) -> str:
    """The agent's own shapes are on this page, others by their full names."""
    full = type_name.lstrip(".")
    own = full.removeprefix(f"{PACKAGE}.")
    return f"`{full}`" if own == full else f"[{own}](#{own.lower()})"


def _comments(file: FileDescriptorProto) -> Comments:
    return {tuple(one.path): one.leading_comments for one in file.source_code_info.location}


def _text(comments: Comments, at: tuple[int, ...]) -> str:
    """Paragraphs as they are in the proto."""
    lines = [line.strip() for line in comments[at].strip().splitlines()]
    return "\n".join(lines).replace("<", "&lt;")


def _cell(comments: Comments, at: tuple[int, ...]) -> str:
    return " ".join(_text(comments, at).split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
