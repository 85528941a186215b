"""The command against a real daemon on a simulated camera in a process of its own."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forks import Forks
from tests.system.station import CAMERA, FAST_PPM, SLOW_PPM, Station

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
ANNOUNCING = ROOT / "docs" / "how-to" / "announce-a-change.md"
GATEWAY = ROOT / "deploy" / "clients" / "python" / "gateway.py"


@pytest.fixture(scope="module")
def station(ladder: Path, forks: Forks) -> Iterator[Station]:
    with Station(ladder, forks=forks) as running:
        yield running


def test_status_tells_what_runs_and_why(station: Station) -> None:
    told = station.status()
    assert (told["camera"], told["state"], told["verified"], told["generation"]) == (CAMERA, "ACTIVE", True, 1)
    assert told["budget"]["priority"] == "DEFAULT"
    assert told["budget"]["budget"]["parts_per_minute"] == SLOW_PPM
    text = station.agent("status").stdout
    assert f"{CAMERA}: ACTIVE" in text
    assert told["active_subnet_id"] in text


def test_subnets_explain_and_swaps_agree_on_the_active_sub_net(station: Station) -> None:
    active = station.status()["active_subnet_id"]
    listed = station.json("subnets")["subnets"]
    assert [one["id"] for one in listed if one["active"]] == [active]
    explained = station.json("explain")
    assert explained["active_subnet_id"] == active
    assert {one["subnet_id"] for one in explained["candidates"]} == {one["id"] for one in listed}
    assert station.json("swaps")[-1]["reason"] == "initial"
    for command in ("subnets", "explain", "swaps"):
        assert active in station.agent(command).stdout


def test_explaining_another_budget_changes_nothing(station: Station) -> None:
    before = station.status()["budget"]["id"]
    other = station.json("explain", "--parts-per-minute", str(FAST_PPM))
    assert other["budget"]["budget"]["parts_per_minute"] == FAST_PPM
    assert other["target_subnet_id"] != other["active_subnet_id"]
    assert station.status()["budget"]["id"] == before


def test_results_and_changes_stream_one_object_a_line(station: Station) -> None:
    done = station.agent("results", "--count", "3", "--json")
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert len(results) == 3
    assert {one["subnet_id"] for one in results} == {station.status()["active_subnet_id"]}
    changes = station.agent("watch", "--count", "1", "--json")
    assert json.loads(changes.stdout)["state"] == "ACTIVE"


def test_a_budget_swaps_and_one_that_needs_the_accuracy_swaps_back(station: Station) -> None:
    slow = station.status()["active_subnet_id"]
    (top1,) = [one["accuracy"]["top1"] for one in station.json("subnets")["subnets"] if one["id"] == slow]
    set_ = station.json("budget", "set", "--parts-per-minute", str(FAST_PPM), "--ttl", "120")
    assert set_["claim"]["kind"] == "LEASE"
    assert set_["swap_id"]
    station.wait(lambda: station.is_active() and station.status()["active_subnet_id"] != slow, "the faster sub-net")
    assert station.json("budget", "renew")["claim"]["remaining_s"] > 100
    # Whether a way back pays for its gap is the policy's to say; what a budget needs is not.
    station.json("budget", "set", "--parts-per-minute", str(SLOW_PPM), "--min-accuracy", str(top1), "--ttl", "120")
    station.wait(lambda: station.is_active() and station.status()["active_subnet_id"] == slow, "the first sub-net")
    station.json("budget", "release")
    assert station.status()["claims"] == []
    assert [one["outcome"] for one in station.json("swaps")][:2] == ["VERIFIED", "VERIFIED"]


def test_a_sub_net_is_pinned_by_hand_followed_to_its_end_and_rolled_back(station: Station) -> None:
    before = station.status()["active_subnet_id"]
    other = next(one["id"] for one in station.json("subnets")["subnets"] if one["id"] != before)
    manual = station.agent("mode", "manual")
    assert (manual.returncode, manual.stdout.splitlines()[0]) == (0, f"{CAMERA}: mode MANUAL")
    pinned = station.agent("pin", other, "--wait")
    assert pinned.returncode == 0, pinned.stderr
    assert pinned.stdout.splitlines()[-1].partition(" in ")[0].endswith(f" to {other}: verified")
    assert re.search(rf"^{CAMERA}: [A-Z_]+, \d", pinned.stderr, re.MULTILINE)
    shown = station.agent("status").stdout
    assert f"\n  pinned    {other} by " in shown
    assert "\n  mode      MANUAL by " in shown
    assert f"sub-net   {other} (" in shown
    back = station.json("rollback", "--wait")
    assert (back["orders"]["pin"]["rollback"], back["swaps"][0]["active_subnet_id"]) == (True, before)
    assert station.agent("unpin").returncode == 0
    assert station.agent("mode", "auto", "--etag", station.status()["etag"]).returncode == 0
    assert station.status()["orders"]["mode"] == "AUTO"


def test_an_operation_is_listed_shown_and_awaited_by_the_beginning_of_its_id(station: Station) -> None:
    newest, *_ = station.json("swaps")
    name = f"operations/{newest['id']}"
    assert name in [one["name"] for one in station.json("operations", "list", "--all")]
    assert newest["id"][:8] in station.agent("swaps").stdout
    assert station.agent("operations", "show", newest["id"][:8]).stdout.startswith(f"{name}\n  work      swap\n")
    ended = station.json("operations", "wait", newest["id"])
    assert ended["response"]["swap"]["to_subnet_id"] == newest["to_subnet_id"]
    assert station.agent("operations", "cancel", name).stdout == f"{name}: has ended\n"
    unknown = station.agent("operations", "show", "beefbeef")
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)


def test_a_held_swap_ends_a_command_that_waits_with_four_and_goes_on_with_the_permit(station: Station) -> None:
    active = station.status()["active_subnet_id"]
    other = next(one["id"] for one in station.json("subnets")["subnets"] if one["id"] != active)
    inhibited = station.agent("swap", "inhibit", "--ttl", "120", "--why", "recipe change")
    assert inhibited.stdout.startswith(f"{CAMERA}: mode AUTO, swaps inhibited by ")
    held = station.agent("pin", other, "--wait")
    assert held.returncode == 4
    assert held.stderr == "it is stored and its swap is held (swap_inhibited); `ofa-agent status` shows by whom\n"
    assert re.search(r"\n  inhibited swaps by \S+ for 1?\d\d s: recipe change\n", station.agent("status").stdout)
    permitted = station.agent("swap", "permit", "--wait")
    assert permitted.returncode == 0, permitted.stderr
    assert f" to {other}: verified" in permitted.stdout
    station.json("unpin")


def test_a_budget_of_the_machine_itself_outranks_and_an_old_etag_is_refused(station: Station) -> None:
    override = station.json("budget", "set", "--parts-per-minute", f"{SLOW_PPM}", "--override", "--ttl", "60")
    assert override["effective"]["priority"] == override["claim"]["kind"] == "LOCAL_OVERRIDE"
    stale = station.agent("budget", "release", "--etag", "0123")
    assert (stale.returncode, len(stale.stderr.splitlines())) == (4, 1)
    assert station.agent("budget", "release", "--etag", override["etag"]).returncode == 0
    assert station.status()["claims"] == []


def test_an_infeasible_budget_ends_with_five_and_is_stored_only_where_that_was_allowed(station: Station) -> None:
    impossible = ("budget", "set", "--parts-per-minute", "30000")
    refused = station.agent(*impossible, "--require-feasible")
    assert refused.returncode == 5, refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert station.status()["claims"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("budget", "set", "--parts-per-minute", "-5"), 2),
        (("budget", "set", "--max-latency-ms", "nan"), 2),
        (("budget", "renew", "--client-name", "nobody"), 2),
        (("status", "--camera", "station-9"), 2),
        (("alarms", "ack", "4711"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_bad_input_ends_with_two_and_one_line(station: Station, arguments: tuple[str, ...], code: int) -> None:
    done = station.agent(*arguments)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_second_daemon_on_the_same_state_is_refused(station: Station) -> None:
    station.wait(station.is_active, "the end of a swap that a test before this one began")
    done = station.agent("run", "--config", str(station.config))
    assert done.returncode == 4, done.stderr
    assert "another ofa-agent uses it" in done.stderr
    assert station.is_active()


def test_a_changed_config_is_taken_over_by_signal_or_command_and_a_bad_one_is_not(station: Station) -> None:
    text = station.config.read_text()
    try:
        station.config.write_text(text.replace("deadline_s: 60", "deadline_s: 59"))
        station.hang_up()
        station.wait(lambda: "config_reloaded origin=signal changes=1" in station.log("daemon"), "a reload")
        station.config.write_text(text.replace("deadline_s: 60", "deadline_s: 0"))
        done = station.agent("reload")
        assert done.returncode == 2
        assert re.fullmatch(r"\S+agent.yaml:\d+: policy.swap.deadline_s: 0 seconds is outside 1 to 3600\n", done.stderr)
        assert "deadline_s: 59" in (station.folder / "state" / "config.last-good.yaml").read_text()
    finally:
        station.config.write_text(text)
    (change,) = station.json("reload", "--dry-run")["changes"]
    assert change == {"key": "policy.swap.deadline_s", "class": "LIVE", "before": "59", "after": "60"}
    assert station.json("reload")["applied"]
    assert station.agent("reload").stdout == "nothing has changed\n"


def test_check_passes_on_the_config_in_use(station: Station) -> None:
    told = station.json("check", "--config", str(station.config))
    assert told["ok"] is True
    assert any("usable sub-net" in line for line in told["checked"])


def test_a_camera_that_the_daemon_owns_is_busy_for_the_camera_commands(station: Station, tmp_path: Path) -> None:
    station.wait(station.is_active, "the end of a swap that a test before this one began")
    socket = str(station.socket(CAMERA))
    for command in (("dump", "--out", str(tmp_path / "p.json")), ("commission", "--out", str(tmp_path / "c"))):
        done = station.agent("camera", *command, "--sdk", "simulated", "--socket", socket)
        assert done.returncode == 1, done.stderr
        assert "a running ofa-agent owns its cameras: stop it first" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert station.is_active()


def test_every_command_of_the_page_on_announcing_does_what_the_page_says(station: Station) -> None:
    """In its order: a line that waits, a change for its time, a release, reports, try-outs."""
    blocks = re.findall(r"```sh\n(.*?)```", ANNOUNCING.read_text(encoding="utf-8"), re.DOTALL)
    commands = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    waited, announced, status, _, released, stopped, running, *tried = [station.agent(*command) for command in commands]
    assert [done.returncode for done in (waited, announced, status, released, stopped, running)] == [0] * 6
    assert waited.stdout.startswith(f"{CAMERA} now, the line waits: {FAST_PPM:g} parts/min, p99, lease\n")
    assert waited.stdout.endswith("READY: the line may go\n")
    assert "\n  sub-net  " in waited.stdout
    assert announced.stdout.endswith("committed; `budget release` takes it back\n")
    assert "READY" not in status.stdout  # a newer announcement took its place
    assert "announced COMMITTED" in status.stdout or "parts/min, p99, lease" in status.stdout
    assert "the line stands, says" in stopped.stdout
    assert f"the line runs at {SLOW_PPM:g} parts/min, says" in running.stdout
    for done in tried:
        lines = done.stdout.splitlines()
        assert done.returncode == 0, done.stderr
        assert lines[0].startswith("what if   ")
        assert max(map(len, lines)) <= 80


def test_a_change_is_announced_for_its_time_and_shown_until_then(station: Station) -> None:
    told = station.json("budget", "set", "--parts-per-minute", f"{FAST_PPM}", "--in", "4", "--ttl", "120")
    (prepared,), (committed,) = told["prepared"]["changes"], told["committed"]["changes"]
    assert prepared["change"]["prepared_id"] == committed["change"]["prepared_id"]
    assert (prepared["effective"]["budget"]["parts_per_minute"], prepared["feasible"]) == (FAST_PPM, True)
    assert committed["change"]["state"] == "COMMITTED"
    shown = station.status()
    assert [change["state"] for change in shown["changes"]] == ["COMMITTED"]
    assert shown["budget"]["budget"]["parts_per_minute"] == SLOW_PPM
    station.wait(lambda: station.status()["budget"]["budget"]["parts_per_minute"] == FAST_PPM, "the time of the change")
    station.json("budget", "release")


def test_the_example_gateway_lets_a_line_go_once_the_camera_is_ready(station: Station) -> None:
    arguments = ("--target", f"unix:{station.api_socket}", "--seconds", "0.5", "--line-waits")
    speeds = ("--speeds", f"{FAST_PPM},{SLOW_PPM}")
    done = subprocess.run(
        (sys.executable, str(GATEWAY), *arguments, *speeds), capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["event"] for one in told] == ["line", "budget", "line", "end"] * 2
    assert [one["parts_per_minute"] for one in told if one["event"] == "line"] == [0, FAST_PPM, 0, SLOW_PPM]
    asked = [one["subnet"] for one in told if one["event"] == "budget"]
    assert asked == [one["subnet"] for one in told if one["event"] == "end"]
    # Whether a budget can be met depends on how fast this machine is: test_announced_virtual.py holds it to that.
    assert all(isinstance(one["feasible"], bool) for one in told if one["event"] in {"budget", "end"}), told
