"""Makes the pages of docs/reference that are tables of the code; with --check it changes nothing and fails where they
differ.

    docs/reference/errors.md    every status that the API answers
    docs/reference/alarms.md    every alarm
    docs/reference/vendor-errors.md    every error number of the camera's SDK
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agent.api.errors import RETRY_AFTER_S
from agent.api.reasons import MEANINGS, REJECTIONS, Meaning
from agent.camera.vendor_errors import CODES, VendorCode
from agent.cli.exits import exit_code_of
from agent.domain.alarms import ALARMS, HOLD_OFF_S, AlarmKind
from agent.errors import AgentError, tree

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
_ROOMS = {1: "Camera", 2: "Swap", 3: "Budget and line", 4: "The agent: journal, config, library"}

_DAEMON = {"app", "api", "camera", "config", "library", "policy", "supervisor", "swap", "telemetry"}

_ERRORS_HEAD = f"""# Errors of the API

Every error of the agent's services carries `google.rpc.ErrorInfo` with `domain: "ofa-agent"` and one of the reasons
below; a reason never changes its meaning. `metadata` names the camera where there is one, and `vendor_code` is the
camera SDK's own number. INVALID_ARGUMENT adds `BadRequest` with the field; FAILED_PRECONDITION adds
`PreconditionFailure`; where another try may help, `RetryInfo` says after how long ({RETRY_AFTER_S} s). Send a retry
with the same `request_id`: what was carried out is answered and not done again.

The exit code is that of an `ofa-agent` command which gets the answer. In Python, `agent.client` raises `RpcFailed`,
which is also the class in the second column.
"""
_ERRORS_TAIL = """## Statuses without ErrorInfo

These come from gRPC itself, before a call reaches the agent or after it has left it.

| code | meaning | what to do | exit code |
|---|---|---|---|
| UNAVAILABLE | Nothing listens there, or the connection broke. | Check that the agent runs; then try again. | 3 |
| DEADLINE_EXCEEDED | The call's own deadline passed. | Ask again with the same `request_id`. | 6 |
| CANCELLED | The caller took the call back. | Nothing. | 1 |
| UNIMPLEMENTED | The agent does not know the method: it is of another version. | Compare the versions. | 4 |
| RESOURCE_EXHAUSTED | The request is larger than the agent reads. | Send a smaller one. | 1 |
"""
_ALARMS_HEAD = f"""# Alarms

`ofa-agent alarms` lists what stands. A number never changes its meaning. One cause on one camera is one alarm, however
often it is seen: `count` says how often, and its text is that of the last time.

An alarm that clears *by itself* does so when its cause has stayed away for {HOLD_OFF_S:g} s, so that a cause that
flickers is one alarm; it is then shown as cleared at the moment when its cause went. Its acknowledgement only says
who has seen it; when the cause comes again it has to be seen again. An alarm that clears *by acknowledgement* holds
something until a person has seen it, or tells of something that is over and must not go unseen.

critical: inspection stands or is about to. warning: it goes on, though not as it should. info: good to know.
"""
_VENDOR_HEAD = """# The vendor's error numbers

PySpin gives every failure a number. The agent keeps it: in brackets in its messages and in `ofa-agent swaps`, and as
`vendor_code` in the API's errors. Numbers below -2000 come from GenICam, the node map of the camera. The agent goes by
the number and never by the name or the text, which changed between releases of the SDK.

*Reason* is what the API's error says (see [errors](errors.md)). A number that is not here is a `CAMERA_FAILED`. What
the symptoms look like on a line, and what to check in which order: [troubleshooting](../how-to/troubleshoot.md).
"""
_VENDOR_TAIL = """## Texts that users of the SDK have met

| text | number | what it was |
| --- | --- | --- |
| Failed waiting for EventData on NEW_BUFFER_DATA event | `-1011` | No frame in time: no trigger, or no cable. |
| Camera is not streaming | `-1010` | A frame was asked for outside of acquisition. |
| Could not write Port at address | `-1010` | A USB transfer failed: cable, hub, or too little memory for USB. |
| Could not read the XML URL | `-1008` | Opened right after another program was killed; opening again works. |
| something still holds a reference to the camera | `-1004` | A program gave the SDK back before the camera. |
| Camera is still streaming | `-1004` | A program closed the camera before it stopped acquisition. |
| Could not stop acquisition. Access denied | `-1005` | Another program has the camera. |
| Please try reconnecting the device | `-1006` | The cable was out for a moment: the camera has to be opened anew. |
| has been removed from the list and is no longer valid | `-1002` | The same, or a reset. |
| System instance cannot be acquired | | The path of the SDK's GenTL files is not set: install the SDK again. |
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages, or with --check say which differ; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where a page differs")
    check = parser.parse_args(argv).check
    differing = [name for name, text in pages().items() if _read(PAGES / name) != text]
    for name in differing:
        if check:
            sys.stderr.write(f"docs/reference/{name}: not as its tables say; run tools/reference_pages.py\n")
        else:
            (PAGES / name).write_text(pages()[name], encoding="utf-8")
    return 1 if check and differing else 0


def pages() -> dict[str, str]:
    """The text of each page by its name."""
    return {"errors.md": errors_page(), "alarms.md": alarms_page(), "vendor-errors.md": vendor_errors_page()}


def errors_page() -> str:
    own = [_error_row(kind.reason, f"`{kind.__name__}`", MEANINGS[kind]) for kind in tree()]
    own += [_error_row(kind.reason, f"`{base.__name__}`", MEANINGS[base]) for kind, base in further_kinds()]
    transport = [_error_row(reason, "", meaning) for reason, meaning in sorted(REJECTIONS.items())]
    head = ("reason", "class", "code", "meaning", "what to do", "retry may help", "exit code")
    parts = [
        _ERRORS_HEAD,
        "## What the agent says\n",
        _table(head, sorted(own)),
        "## What only the API says\n",
        _table(head[:1] + head[2:], [row[:1] + row[2:] for row in transport]),
    ]
    return "\n".join([*parts, _ERRORS_TAIL])


def alarms_page() -> str:
    parts = [_ALARMS_HEAD]
    for room, title in _ROOMS.items():
        kinds = sorted((kind for kind in ALARMS.values() if kind.number // 100 == room), key=lambda kind: kind.number)
        parts += [f"## {title}\n", *(_alarm(kind) for kind in kinds)]
    return "\n".join(parts)


def vendor_errors_page() -> str:
    rows = [_vendor_row(number, code) for number, code in sorted(CODES.items(), reverse=True)]
    return "\n".join([_VENDOR_HEAD, _table(("number", "name", "reason", "what to do"), rows), _VENDOR_TAIL])


def _vendor_row(number: int, code: VendorCode) -> tuple[str, ...]:
    return (f"`{number}`", f"`{code.name}`", f"`{code.leaf.reason}`", f"{code.advice[0].upper()}{code.advice[1:]}.")


def further_kinds() -> list[tuple[type[AgentError], type[AgentError]]]:
    """Errors of the daemon outside of agent.errors with a reason of their own, and the class of the tree they are."""
    importlib.import_module("agent.app")
    known, found = set(tree()), []
    for kind in _below(AgentError):
        base = next(one for one in kind.__mro__ if one in known)
        if kind not in known and kind.reason != base.reason and _is_of_the_daemon(kind):
            found.append((kind, base))
    return found


def _below(root: type[AgentError]) -> Iterator[type[AgentError]]:
    for child in root.__subclasses__():
        yield child
        yield from _below(child)


def _is_of_the_daemon(kind: type[AgentError]) -> bool:
    return kind.__module__.split(".")[1] in _DAEMON


def _error_row(reason: str, name: str, told: Meaning) -> tuple[str, ...]:
    retry, exit_code = "yes" if told.retry_may_help else "no", exit_code_of(told.code.name, reason)
    return (f"`{reason}`", name, told.code.name, told.meaning, told.action, retry, str(exit_code))


def _alarm(kind: AlarmKind) -> str:
    return (
        f"### {kind.number} {kind.title}\n\n"
        f"`{kind.key}`, {kind.severity}. {kind.cause}\n\n"
        f"**What to do:** {kind.action}\n\n"
        f"**Clears** {kind.clears}: when {kind.clears_when}.\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
