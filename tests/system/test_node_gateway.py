"""The example gateway in Node between a PLC (this test) and a real daemon on a simulated camera."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.pki import Authority
from tests.support.forks import Forks
from tests.support.pages import blocks
from tests.system.station import CAMERA, FAST_PPM, PATIENCE_S, SLOW_PPM, Station

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "deploy" / "clients" / "node"
LEAST_NODE = 18
TTL_S = 1.0
OUT_OF_REACH = ("ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "ENOTCACHED")
NPM_CI = ("npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")

Tags = dict[str, Any]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gateway.js with its packages, installed by its lockfile; packages come from npm's own cache where it has them."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node or npm is missing")
    version = subprocess.run(("node", "--version"), capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < LEAST_NODE:
        pytest.skip(f"node {version} is older than {LEAST_NODE}")
    folder = tmp_path_factory.mktemp("gateway") / "node"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(NPM_CI, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0 and any(word in done.stderr for word in OUT_OF_REACH):
        pytest.skip(f"the npm registry cannot be reached: {done.stderr.strip().splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return folder / "gateway.js"


@pytest.fixture(scope="module")
def station(ladder: Path, forks: Forks) -> Iterator[Station]:
    with Station(ladder, forks=forks) as running:
        yield running


class Plc:
    """A running gateway and the PLC that it has connected to. Owner of the process and both sockets."""

    def __init__(self, process: subprocess.Popen[str], connection: socket.socket) -> None:
        self.process = process
        self.tags: Tags = {}
        self.history: list[Tags] = []
        self._connection = connection
        self._lines = connection.makefile("r", encoding="utf-8")

    def say(self, **tags: Any) -> None:
        self.say_line(json.dumps(tags))

    def say_line(self, line: str) -> None:
        self._connection.sendall(f"{line}\n".encode())

    def until(self, met: Callable[[Tags], bool]) -> Tags:
        """Read what the gateway writes until its tags are as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not met(self.tags):
            line = self._lines.readline()
            assert line, f"the gateway ended; its tags: {self.tags}"
            assert time.monotonic() < deadline, f"waited in vain; its tags: {self.tags}"
            self.history.append(json.loads(line))
            self.tags |= self.history[-1]
        return self.tags

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self._lines.close()
        self._connection.close()


@contextmanager
def gateway(program: Path, station: Station, *options: str) -> Iterator[Plc]:
    with ExitStack() as stack:
        path = station.folder / "plc.sock"
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.settimeout(PATIENCE_S)
        listener.bind(str(path))
        stack.callback(path.unlink)
        listener.listen(1)
        target = ("--target", f"unix:{station.api_socket}", "--root", str(ROOT), "--plc", str(path))
        times = ("--ttl-s", f"{TTL_S}", "--silent-s", "120")
        process = subprocess.Popen(
            ("node", str(program), *target, *times, *options),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        stack.enter_context(process)
        stack.callback(process.kill)
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE_S)
        plc = Plc(process, connection)
        stack.callback(plc.close)
        yield plc


def asked_last(station: Station, method: str) -> Tags:
    """What the last call of that name asked for, without who and when."""
    entries = [one for one in station.json("audit") if one["method"] == method]
    asked: Tags = json.loads(entries[0]["asked"])
    return {key: value for key, value in asked.items() if key == "lift_only"}


def is_ready(tags: Tags) -> bool:
    return bool(tags.get("agent") and tags.get("ready"))


def test_a_budget_of_the_plc_is_held_and_swapped_to_and_a_wrong_one_leaves_it_in_force(
    program: Path, station: Station
) -> None:
    with gateway(program, station) as plc:
        slow = plc.until(is_ready)["subnet"]
        plc.say(parts_per_minute=FAST_PPM, line_stopped=False)
        fast = plc.until(lambda tags: is_ready(tags) and tags["subnet"] != slow)
        assert (fast["state"], fast["feasible"], fast["lease"], fast["error"]) == ("ACTIVE", True, True, "")
        stages = [news["swap_stage"] for news in plc.history if news.get("swap_stage")]
        assert "UPLOADING" in stages
        status = station.status()
        assert status["active_subnet_id"] == fast["subnet"]
        assert [(one["client"], one["kind"]) for one in status["claims"]] == [("plc-gateway", "LEASE")]
        assert [one["stopped"] for one in status["line"]["reports"] if one["client"] == "plc-gateway"] == [False]

        plc.say(parts_per_minute=-5)
        wrong = plc.until(lambda tags: tags["error"] != "")
        assert wrong["error"] == "INVALID_ARGUMENT"
        assert "budget.parts_per_minute: -5" in wrong["error_text"]
        plc.say_line("not json")
        assert "not a JSON object" in plc.until(lambda tags: tags["error"] == "BAD_TAGS")["error_text"]
        plc.say(parts_per_minute=FAST_PPM)
        assert is_ready(plc.until(lambda tags: tags["error"] == ""))

        before = plc.tags["results"]
        plc.until(lambda tags: tags["results"] > before + 2)
        assert plc.tags["label"]
        assert plc.tags["results_dropped"] == 0
        assert plc.end(signal.SIGTERM) == 0
        assert station.status()["claims"] == []


def test_a_change_is_told_ahead_and_the_line_goes_when_its_tag_says_ready(program: Path, station: Station) -> None:
    with gateway(program, station) as plc:
        plc.say(parts_per_minute=SLOW_PPM, line_stopped=True)
        plc.until(lambda tags: is_ready(tags) and tags["lease"])
        plc.say(next={"parts_per_minute": FAST_PPM, "line_waits": True})
        ready = plc.until(lambda tags: tags["next_state"] == "READY")
        assert ready["next_feasible"]
        assert 0 < ready["next_accuracy"] <= 1
        plc.say(line_stopped=False)
        plc.until(is_ready)
        assert station.status()["active_subnet_id"] == plc.tags["subnet"]

        plc.say(next={"parts_per_minute": 2 * FAST_PPM, "in_s": 600})
        plc.until(lambda tags: tags["next_state"] == "COMMITTED")
        plc.say(next=None)
        plc.until(lambda tags: tags["next_state"] == "")
        plc.say(next={"parts_per_minute": SLOW_PPM, "in_s": 0.5})
        plc.until(lambda tags: tags["next_state"] == "COMMITTED")
        plc.until(lambda tags: tags["next_state"] == "")
        (claim,) = station.status()["claims"]
        assert claim["budget"]["parts_per_minute"] == SLOW_PPM
        assert plc.end(signal.SIGTERM) == 0


def test_no_swap_begins_while_the_plc_allows_none(program: Path, station: Station) -> None:
    tried = station.json("explain", "--parts-per-minute", f"{FAST_PPM}")["candidates"]
    too_slow = max(tried, key=lambda one: one["accuracy"])["subnet_id"]
    assert station.agent("pin", too_slow).returncode == 0
    station.wait(lambda: station.is_active() and station.status()["active_subnet_id"] == too_slow, "the pinned sub-net")
    with gateway(program, station, "--ttl-s", "30") as plc:
        plc.say(parts_per_minute=SLOW_PPM, swap_allowed=False)
        plc.until(lambda tags: is_ready(tags) and tags["lease"] and tags["swap_inhibited"])
        assert station.agent("unpin").returncode == 0
        assert plc.tags["subnet"] == too_slow
        before = plc.tags["generation"]
        plc.say(parts_per_minute=FAST_PPM)
        plc.until(lambda tags: not tags["ready"])
        (inhibition,) = station.status()["orders"]["inhibitions"]
        assert (inhibition["client"], inhibition["why"]) == ("plc-gateway", "the PLC allows no swap")
        assert plc.tags["generation"] == before
        plc.say(swap_allowed=True)
        plc.until(lambda tags: is_ready(tags) and tags["generation"] > before and not tags["swap_inhibited"])
        plc.say(swap_permit=1)
        station.wait(lambda: asked_last(station, "PermitSwap") != {"lift_only": True}, "the permit")
        assert plc.tags["error"] == ""
        assert plc.end(signal.SIGTERM) == 0


def test_a_gateway_that_is_killed_leaves_the_fail_safe_and_one_that_comes_back_ends_it(
    program: Path, station: Station
) -> None:
    with gateway(program, station) as plc:
        plc.say(parts_per_minute=SLOW_PPM)
        plc.until(lambda tags: is_ready(tags) and tags["lease"])
        plc.end(signal.SIGKILL)
    station.wait(lambda: station.status()["budget"]["fail_safe"], "the fail-safe budget")
    assert "lease_expired" in [alarm["key"] for alarm in station.json("alarms")]
    with gateway(program, station) as plc:
        assert plc.until(lambda tags: "fail_safe" in tags)["fail_safe"]
        plc.say(parts_per_minute=SLOW_PPM)
        plc.until(lambda tags: is_ready(tags) and not tags["fail_safe"])
        assert plc.end(signal.SIGTERM) == 0


def test_the_lease_of_a_plc_that_says_nothing_more_is_not_renewed(program: Path, station: Station) -> None:
    with gateway(program, station, "--silent-s", "0.5") as plc:
        plc.say(parts_per_minute=SLOW_PPM)
        plc.until(lambda tags: tags.get("lease", False))
        plc.until(lambda tags: not tags["plc"])
        plc.until(lambda tags: tags["fail_safe"] and not tags["lease"])
        plc.say()
        plc.until(lambda tags: tags["plc"] and tags["lease"] and not tags["fail_safe"])
        assert plc.end(signal.SIGTERM) == 0


def test_a_restart_of_the_daemon_is_survived(program: Path, station: Station) -> None:
    with gateway(program, station, "--ttl-s", "60") as plc:
        plc.say(parts_per_minute=SLOW_PPM, line_stopped=False)
        plc.until(lambda tags: is_ready(tags) and tags["lease"])
        station.stop("daemon", signal.SIGKILL)
        plc.until(lambda tags: not tags["agent"])
        plc.say(parts_per_minute=FAST_PPM)  # told once the agent is back
        station.start_daemon()
        plc.until(lambda tags: is_ready(tags) and tags["error"] == "")
        status = station.status()
        (claim,) = status["claims"]
        assert claim["budget"]["parts_per_minute"] == FAST_PPM
        assert [one["client"] for one in status["line"]["reports"]] == ["plc-gateway"]
        before = plc.tags["results"]
        plc.until(lambda tags: tags["results"] > before)
        assert plc.end(signal.SIGTERM) == 0


def test_a_refusal_is_told_by_its_reason(program: Path, station: Station) -> None:
    with gateway(program, station, "--camera", "station-9") as plc:
        plc.say(parts_per_minute=SLOW_PPM)
        assert plc.until(lambda tags: tags.get("error", "") != "")["error"] == "CAMERA_NOT_FOUND"
        assert CAMERA in plc.tags["error_text"]


def test_the_smallest_program_of_the_page_asks_and_says_why_it_was_refused(program: Path, station: Station) -> None:
    (shown,) = [block.text for block in blocks("docs/how-to/write-a-gateway.md") if block.language == "js"]

    def run(text: str) -> tuple[int, str]:
        (program.parent / "smallest.mjs").write_text(text, encoding="utf-8")
        env = {**os.environ, "OFA_AGENT_SOCKET": str(station.api_socket)}
        command = ("node", str(program.parent / "smallest.mjs"))
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    code, told = run(shown)
    assert (code, "service" in told) == (0, True), told
    code, told = run(shown.replace("parts_per_minute: 900", "parts_per_minute: -900"))
    assert (code, told.split()[0]) == (1, "INVALID_ARGUMENT")
    station.agent("budget", "release", "--client-name", "gateway-2")


def test_wrong_usage_ends_with_two_and_the_usage(program: Path) -> None:
    done = subprocess.run(("node", str(program)), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("--target is missing\n\nusage: ")


def test_over_the_network_it_takes_mutual_tls_or_nothing(program: Path, tmp_path: Path) -> None:
    def said(*words: str) -> str:
        command = ("node", str(program), "--plc", str(tmp_path / "plc.sock"), "--root", str(ROOT), *words)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        return done.stderr.splitlines()[0]

    files = ("--ca", f"{tmp_path}/ca.pem", "--cert", f"{tmp_path}/cert.pem", "--key", f"{tmp_path}/key.pem")
    assert said("--target", "line-1:7443") == "--ca is missing: line-1:7443 is reached over mutual TLS"
    assert said("--target", "unix:/x", *files) == "--ca is for HOST:PORT, not for unix:/x"
    assert "no such file" in said("--target", "line-1:7443", *files)


def test_over_mutual_tls_it_does_the_same_and_goes_on_with_a_renewed_certificate(
    program: Path, station: Station, tmp_path: Path
) -> None:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    plant = Authority.create(tmp_path / "plant-ca", "plant", now)
    plant.issue_server(["127.0.0.1"], now)
    first = plant.issue_client("plc-3", now).serial
    own = tmp_path / "own"
    shutil.copytree(plant.folder / "clients" / "plc-3", own)
    files = ("--ca", f"{own}/ca.pem", "--cert", f"{own}/cert.pem", "--key", f"{own}/key.pem")
    port = open_port(station, plant)
    with gateway(program, station, "--ttl-s", "60", "--target", f"127.0.0.1:{port}", *files) as plc:
        plc.say(parts_per_minute=SLOW_PPM, line_stopped=False)
        plc.until(lambda tags: is_ready(tags) and tags["lease"])
        held_by = [one["client"] for one in station.status()["claims"]]
        assert held_by == ["spiffe://plant/plc-3#plc-gateway"]
        renewed = plant.renew("plc-3", now)
        for name in ("cert.pem", "key.pem"):
            shutil.copy(plant.folder / renewed.folder / name, own / f"{name}.new")
            os.replace(own / f"{name}.new", own / name)
        before = plc.tags["results"]
        plc.say(parts_per_minute=FAST_PPM)
        plc.until(lambda tags: is_ready(tags) and tags["results"] > before + 2)
        (claim,) = station.status()["claims"]
        assert claim["budget"]["parts_per_minute"] == FAST_PPM
        assert [tags["agent"] for tags in plc.history if "agent" in tags] == [False, True]
        plant.revoke(first, now, "superseded")  # from here on only the renewed one is good
        plc.until(lambda tags: not tags["agent"])
        plc.say(parts_per_minute=SLOW_PPM)
        plc.until(lambda tags: is_ready(tags) and tags["error"] == "")
        (claim,) = station.status()["claims"]
        assert claim["budget"]["parts_per_minute"] == SLOW_PPM
        assert plc.end(signal.SIGTERM) == 0
    assert station.status()["claims"] == []


def open_port(station: Station, plant: Authority) -> int:
    """Restart the daemon with a port for clients of the plant's CA."""
    served = plant.folder / "servers" / "127.0.0.1"
    tls = {key: f"{served}/{name}.pem" for key, name in (("cert", "cert"), ("key", "key"), ("client_ca", "ca"))}
    tls["revoked"] = f"{plant.folder}/revoked.pem"
    config = yaml.safe_load(station.config.read_text())
    config["api"]["tcp"] = {"listen": "127.0.0.1:0", "tls": tls, "roles": {"spiffe://plant/*": "control"}}
    station.config.write_text(yaml.safe_dump(config))
    station.stop("daemon", signal.SIGTERM)
    station.start_daemon()
    return int(re.findall(r"127\.0\.0\.1:([1-9]\d*) \(mutual TLS\)", station.log("daemon"))[-1])
