"""Config files: YAML text and trees, broken in every way. They load, or say FILE:LINE: KEY: reason."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agent.config.document import MAX_BYTES
from agent.config.dump import effective
from agent.config.keys import AGENT
from agent.config.load import parse_config
from agent.errors import ConfigError
from tests.fuzz.mutate import changed_tree, mutated, odd_text
from tests.fuzz.target import Plain, ensure, one_line

FILE = Path("/etc/ofa-agent/agent.yaml")
_SHAPE = re.compile(re.escape(str(FILE)) + r":[1-9][0-9]*: .+?: \S.*", re.DOTALL)
_NO_NAME = re.compile("[\0\ud800-\udfff]")
_WORDS = tuple(
    word.encode()
    for word in (
        "&a ", "*a", "<<: *a", "!!python/object/apply:os.system ['id']", "!!binary ", "!<tag:x,1> ", "? ", ": ", "- ",
        "---\n", "...\n", "%YAML 9.9\n", "%TAG ! tag:x:\n", "|\n", ">-\n", "|999999999\n", "{", "}", "[", "]", "'", '"',
        "\\x00", "\\U0010FFFF", "\\ud800", "#", "\t", "\r", "\0", "\x85", "\u2028", "\ufeff", "  ", "\n", "~", ".nan",
        "1e999", "0x7fffffffffffffff", "0o777", "190:20:30", "2001-01-01", "yes", "\xff",
    )
)  # fmt: skip
_SMALL = ("version: 1\n", "cameras: [{name: a, sdk: spinnaker}]\n")
_TREES: tuple[dict[str, Any], ...] = (
    {"version": 1, "cameras": [{"name": "a", "sdk": "spinnaker", "serial": "20381234"}]},
    {
        "version": 1,
        "state_dir": "state",
        "api": {"unix_socket": "api.sock"},
        "library": {"path": "library", "trusted_keys": ["one.pub"]},
        "cameras": [{"name": "a", "sdk": "simulated", "simulation": {"seed": 7, "spec": {"quirks": "default"}}}],
    },
    {
        "version": 1,
        "api": {
            "tcp": {
                "listen": "0.0.0.0:7443",
                "tls": {"cert": "a.pem", "key": "a.key", "client_ca": "ca.pem"},
                "roles": {"spiffe://plant/plc-3": "control", "spiffe://plant/*": "read"},
            },
            "unix_roles": {"root": "admin", "@video": "read"},
        },
        "cameras": [{"name": "a", "sdk": "spinnaker", "serial": "1"}],
    },
    {
        "version": 1,
        "cameras": [
            {
                "name": "a", "sdk": "spinnaker", "serial": "1", "accepted_formats": ["ncsdk-graph-2"],
                "acquisition": {"roi": {"x": 8, "y": 4, "width": 640, "height": 480}, "exposure_us": 5000,
                                "trigger": {"source": "Line0", "activation": "falling"}},
                "line_stopped_input": {"line": "Line2", "stopped_when": "low"},
            },
            {"name": "b", "sdk": "spinnaker", "serial": "2", "network_storage": "flash"},
        ],
        "groups": [{"name": "line-1", "cameras": ["a", "b"], "max_concurrent_swaps": 2, "wait_s": 12}],
        "policy": {
            "default_budget": {"max_latency_ms": 70, "min_accuracy": 0.8, "quantile": 0.95},
            "fail_safe_budget": {"max_latency_ms": 35},
            "schedule": [{"cron": "0 22 * * *", "timezone": "Europe/Berlin", "max_latency_ms": 50}],
            "swap": {"min_dwell_s": 3, "deadline_s": 40, "window": "line_stopped"},
            "infeasible": "hold", "miss_cost": 2.5, "notice_s": 4,
        },
        "telemetry": {"journal_days": 30},
    },
)  # fmt: skip


class Configs(Plain):
    """See tests.fuzz.target."""

    name = "config"

    def __init__(self) -> None:
        self._seeds = ["".join(_SMALL).encode(), *(block(tree).encode() for tree in _TREES)]

    def seeds(self) -> Sequence[bytes]:
        return self._seeds

    def make(self, chance: random.Random) -> bytes:
        kind = chance.random()
        if kind < 0.55:
            tree: Any = chance.choice(_TREES)
            for _ in range(1 + chance.getrandbits(1)):
                tree = changed_tree(chance, tree, _TREES)
            text = block(tree) if chance.random() < 0.6 and isinstance(tree, dict) else json.dumps(tree)
            return text.encode("utf-8", "surrogatepass")
        if kind < 0.97:
            return mutated(chance, chance.choice(self._seeds), self._seeds, _WORDS)
        return chance.choice(_BOMBS)(chance)

    def check(self, case: bytes) -> None:
        try:
            config = parse_config(FILE, case)
        except ConfigError as error:
            one_line(str(error))
            ensure(_SHAPE.fullmatch(str(error)) is not None, f"not FILE:LINE: KEY: reason: {str(error)[:200]!r}")
            return
        odd = [text for text in _texts(AGENT.plain(config)) if _NO_NAME.search(text)]
        ensure(not odd, f"a text that no system call takes: {odd[:1]!r}")
        written = effective(config)
        ensure(parse_config(FILE, written.encode()) == config, "the effective config loads to other values")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *_texts(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def block(tree: Any, indent: int = 0) -> str:
    """A tree as YAML with one key a line; what is odd stays as it is."""
    lines = []
    for key, value in tree.items():
        start = f"{' ' * indent}{key}:"
        if isinstance(value, dict) and value:
            lines.append(f"{start}\n{block(value, indent + 2)}")
        elif isinstance(value, list) and value and all(isinstance(one, dict) and one for one in value):
            items = (" " * indent + "- " + block(one, indent + 2).lstrip(" ") for one in value)
            lines.append(f"{start}\n{''.join(items)}")
        else:
            lines.append(f"{start} {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines)


def _nested(chance: random.Random) -> bytes:
    count = chance.choice((10, 25, 1000, 50_000))
    return b"version: 1\ncameras: " + chance.choice((b"[", b"{a: ", b"- ", b"? ", b"[{")) * count


def _aliases(chance: random.Random) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, chance.choice((2, 9, 60)))]
    return "\n".join(lines).encode()


def _wide(chance: random.Random) -> bytes:
    count = chance.choice((1000, 19_000, 30_000))
    return b"version: 1\ncameras: [" + b"a," * count + b"]" if chance.random() < 0.5 else b"a: 1\n" * count


def _long(chance: random.Random) -> bytes:
    size = chance.choice((1000, 65_536, MAX_BYTES))
    start = chance.choice(
        (b"version: ", b"version: '", b'version: "', b"version: |\n ", b"? ", b"# ", b"&", b"!", b"*", b"%")
    )
    return start + chance.choice((b"9", b"a", b" ", b"\xc3\xa9", b"-", b"\\", b"'", b"\n", b"\r")) * size


def _odd(chance: random.Random) -> bytes:
    return "".join(odd_text(chance) for _ in range(20)).encode("utf-8", "surrogatepass")


_BOMBS = (_nested, _aliases, _wide, _long, _odd)
