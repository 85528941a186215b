"""What a daemon does not load: each of these is memory of every station, and time of every start."""

from __future__ import annotations

import subprocess
import sys

from tests.support.tiny_libraries import png

_LOADED = """\
import sys, agent.app, agent.cli.main, agent.cli.run, agent.config.last_good, agent.sim.pyspin, agent.sim.remote
from agent.library.png import decode_golden
from agent.policy.regimes import Regimes
from agent.policy.rungs import SwapTimes

decode_golden(sys.stdin.buffer.read(), 1, "golden.png")
line, times = Regimes(3), SwapTimes()
for _ in range(4):
    line.end(line.of(2, 0), 30.0, line.of(3, 0))
    line.end(line.of(3, 0), 30.0, line.of(2, 0))
line.transitions()
times.use({"a": 1000, "b": 1000})
times.note("a", 2.0)
assert times.of(["a", "b"]).tolist() == [2.0, 2.0]
print(*sys.modules)
"""
UNUSED = {
    "aiohttp": "the status page",
    "agent.web.board": "the status page",
    "cryptography": "certificates, signatures",
    "agent.api.tls_door": "certificates",
    "prometheus_client": "figures, when they are asked for",
    "agent.sim.device": "the simulated camera itself, which is another process",
    "agent.builder": "building libraries",
    "agent.replay": "replaying traces",
    "numpy.ma": "np.median, for which statistics.median does",
    "PIL.BmpImagePlugin": "Image.open, to see which format a picture has",
}


def test_a_daemon_without_page_and_certificates_loads_nothing_of_them() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], input=png(), capture_output=True, check=True, timeout=60)
    loaded = set(done.stdout.decode().split())
    assert "agent.supervisor.loop" in loaded
    assert {name: what for name, what in UNUSED.items() if name in loaded} == {}
