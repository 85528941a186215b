"""Answers of the page's server: the headers that every one of them has, and the files of the page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

from aiohttp import web

_CSP = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Server": "ofa-agent",
}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file of the page as it is sent; `etag` in quotes."""

    content_type: str
    etag: str
    body: bytes = field(repr=False)


def static_files() -> dict[str, StaticFile]:
    """The files of the page by path; `/` is its entrance. Blocks on the disk."""
    found = {}
    for entry in (resources.files("agent.web") / "static").iterdir():
        content_type = _TYPES.get(entry.name.rpartition(".")[2])
        if content_type is not None:
            body = entry.read_bytes()
            made = StaticFile(content_type, f'"{hashlib.sha256(body).hexdigest()[:20]}"', body)
            found["/" if entry.name == "index.html" else f"/{entry.name}"] = made
    return found


def answer(
    body: bytes | str, content_type: str = "text/plain", status: int = 200, cache: str = "no-store", **headers: str
) -> web.Response:
    """Text is sent as UTF-8; `headers` with _ for -."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else body.encode("utf-8")
    charset = "utf-8" if content_type.startswith("text/") or content_type.endswith(("json", "xml")) else None
    full = f"{content_type}; charset={charset}" if charset and "charset" not in content_type else content_type
    return web.Response(
        body=data, status=status, headers={**HEADERS, "Cache-Control": cache, "Content-Type": full, **more}
    )


def refusal(status: int, why: str, **headers: str) -> web.Response:
    """A line of text; the connection ends, so that what else it sent is not read."""
    refused = answer(f"{why}\n", status=status, Connection="close", **headers)
    refused.force_close()
    return refused


def file_answer(file: StaticFile, known: str | None) -> web.Response:
    """`known`: If-None-Match of the request."""
    if known is not None and file.etag in known:
        return web.Response(status=304, headers={**HEADERS, "ETag": file.etag, "Cache-Control": "no-cache"})
    return answer(file.body, file.content_type, cache="no-cache", ETag=file.etag)
