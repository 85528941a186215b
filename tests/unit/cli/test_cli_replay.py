"""`ofa-agent replay`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from PIL import Image

from agent.cli import exits
from agent.cli.main import main, root
from agent.replay.policies.shipped import Shipped
from tests.support.tiny_libraries import tiny_manifest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "replay-a-trace.md"
TRACE = "t_s,parts_per_minute,max_latency_ms,slowdown,stopped\n0,600,,1,0\n40,1200,,,\n80,,,,\n"
PROFILE: dict[str, Any] = {
    "schema": "ofa-agent.profile/1",
    "subnets": [
        {"id": "fast", "top1": 0.5, "service_ms": 50.0, "swap_s": 1.0},
        {"id": "good", "top1": 0.75, "service_ms": 100.0, "size_bytes": 5_000_000},
    ],
}
KEYS = {"U", "U_star", "ratio", "skill", "attainment", "swaps", "gap_share", "longest_miss_run"}
MORE = {"parts", "kept_attainment", "miscoverage", "settled_miscoverage"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    trace, profile = tmp_path / "t.csv", tmp_path / "p.json"
    trace.write_text(TRACE)
    profile.write_text(json.dumps(PROFILE))
    return trace, profile


def _told(capfd: pytest.CaptureFixture[str], trace: Path, library: Path, *more: str) -> dict[str, Any]:
    assert main(["replay", "--trace", str(trace), "--library", str(library), "--json", *more]) == exits.DONE
    out, err = capfd.readouterr()
    assert err == ""
    found: dict[str, Any] = json.loads(out)
    return found


def test_json_has_the_documented_keys_and_the_figures_computed_by_hand(
    files: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    found = _told(capfd, *files, "--oracle")
    policies = found["policies"]
    assert (found["parts"], found["duration_s"]) == (1200, 80.0)
    assert all(set(row) == KEYS | MORE for row in policies.values())
    # Fast all the time: 1200 x .5. The optimum: the good one until 39 s, then 1 s of gap in the slow phase.
    assert policies["best_fixed"]["U"] == policies["always_fastest"]["U"] == 600.0
    assert policies["optimum"]["U"] == policies["dwell"]["U_star"] == 390 * 0.75 + 800 * 0.5
    assert policies["optimum"]["swaps"] == 1
    assert policies["optimum"]["gap_share"] == pytest.approx(10 / 1200)
    assert policies["optimum"]["longest_miss_run"] == 10
    assert (policies["optimum"]["ratio"], policies["optimum"]["skill"]) == (1.0, 1.0)
    counts = {"in_time": 1190, "late": 0, "in_gap": 10, "judged": 1190, "settling": 0, "held": 0}
    assert policies["optimum"]["parts"] == counts | {"by_subnet": {"fast": 800, "good": 390}}
    assert (policies["best_fixed"]["skill"], policies["best_fixed"]["attainment"]) == (0.0, 1.0)
    assert list(policies)[:3] == ["dwell", "best_fixed", "always_fastest"]
    assert {"lookahead_1s", "lookahead_5s", "lookahead_30s"} < set(policies)


def test_the_same_call_gives_the_same_answer_and_another_seed_another(
    files: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = ("--policy", "greedy_p99", "--jitter", "0.2")
    first = _told(capfd, *files, *noisy, "--seed", "1")
    assert first == _told(capfd, *files, *noisy, "--seed", "1")
    assert first["policies"] != _told(capfd, *files, *noisy, "--seed", "2")["policies"]


def test_what_dwell_learned_on_an_earlier_trace_is_given_to_it_as_json(
    files: tuple[Path, Path], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr(Shipped, "saved", lambda policy: {"learned": (1.0, 2.0)})
    monkeypatch.setattr(Shipped, "restore", lambda policy, saved: given.append(saved))
    earlier = files[0].with_name("monday.csv")
    earlier.write_text(TRACE)
    found = _told(capfd, *files, "--learn", str(earlier), "--policy", "all")
    assert given == [{"learned": [1.0, 2.0]}]
    assert found["learned_from"] == str(earlier)
    assert _told(capfd, *files)["learned_from"] is None
    assert len(given) == 1


def test_swap_costs_are_options_and_a_measured_swap_overrules_them(
    files: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    usual = _told(capfd, *files)["policies"]["dwell"]["U_star"]
    cheap = _told(capfd, *files, "--swap-base-s", "0", "--swap-s-per-mb", "0")["policies"]["dwell"]["U_star"]
    assert usual == cheap  # the only swap of the optimum is to `fast`, whose time is measured


def test_a_library_needs_no_more_than_its_manifest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    values, _ = tiny_manifest(3)
    (tmp_path / "manifest.json").write_text(json.dumps(values))
    (tmp_path / "t.csv").write_text(TRACE)
    found = _told(capfd, tmp_path / "t.csv", tmp_path)["policies"]
    assert found == _told(capfd, tmp_path / "t.csv", tmp_path / "manifest.json")["policies"]
    assert found["best_fixed"]["U"] == pytest.approx(1200 * 0.7)  # net-2: .7 in 30 ms, always in time


def test_a_reader_gets_a_table(files: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    trace, profile = files
    command = ["replay", "--trace", str(trace), "--library", str(profile), "--policy", "all", "--notice", "5"]
    assert main(command) == exits.DONE
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "1200 parts in 1.3 min, 2 sub-nets, changes announced 5 s early"
    assert lines[1].split()[:4] == ["policy", "U/U*", "to", "fixed"]
    assert "U* 692.5, best fixed 600.0; U is the sum of accuracies in time" in lines
    # 600 of 692.5; the good net all the time loses the 800 parts of the fast phase: 300.
    assert any(line.split() == ["always_fastest", "0.8664", "+0.00", "100.00", "0", "0", "0", "0"] for line in lines)
    assert lines[-1].startswith("dwell ran ")
    assert max(map(len, lines)) <= 80


def test_a_reader_is_told_which_subnets_ran(files: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    trace, profile = files
    assert main(["replay", "--trace", str(trace), "--library", str(profile), "--policy", "optimum"]) == exits.DONE
    lines = capfd.readouterr().out.splitlines()
    assert lines[2].split() == ["optimum", "1.0000", "+13.36", "100.00", "0", "10", "1", "10"]
    assert lines[-1] == "optimum ran fast 66.7 %, good 32.5 %, no network 0.8 %"


def test_the_page_shows_what_its_trace_and_its_ladder_give(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(csv|json)\n(.*?)```", text, re.DOTALL))
    (tmp_path / "shift.csv").write_text(blocks["csv"])
    (tmp_path / "ladder.json").write_text(blocks["json"])
    shown = re.search(r"```sh\nofa-agent (.*?)\n```\n\n```\n(.*?)```", text, re.DOTALL)
    assert shown is not None
    monkeypatch.chdir(tmp_path)
    assert main(shown.group(1).split()) == exits.DONE
    # What `dwell` does is another with each release; that of the others is fixed.
    told, page = (
        [line for line in lines.splitlines() if not line.startswith("dwell")]
        for lines in (capfd.readouterr().out, shown.group(2))
    )
    assert len(told) == 5
    assert told == page


def test_every_option_of_the_page_is_one_of_the_command() -> None:
    named = set(re.findall(r"(--[a-z][a-z-]+)", PAGE.read_text(encoding="utf-8")))
    command = root.get_command(click.Context(root), "replay")
    assert command is not None
    known = {name for option in command.params for name in option.opts}
    assert named <= known
    assert {"--notice", "--quantile", "--oracle"} <= named


@pytest.mark.parametrize(
    ("trace", "profile", "policy", "words"),
    [
        ("t_s,parts_per_minute\n0,60\n0,60\n", None, "dwell", "t.csv:3: t_s: 0 is not after the row before (0)"),
        (TRACE, {"schema": "other"}, "dwell", "p.json: is no profile (ofa-agent.profile/1)"),
        (TRACE, {**PROFILE, "subnets": [PROFILE["subnets"][0]] * 2}, "dwell", "subnets[1].id: 'fast' is used twice"),
        (
            TRACE,
            {**PROFILE, "subnets": [{"id": "a", "top1": 0.5, "service_ms": 1.0}]},
            "dwell",
            "subnets[0]: neither swap_s nor size_bytes is given",
        ),
        (TRACE, None, "greedy_p98", "policy: 'greedy_p98' is unknown; did you mean 'greedy_p99'?"),
    ],
    ids=["trace", "profile", "twice", "no swap", "policy"],
)
def test_bad_input_is_one_line_and_exit_code_two(
    trace: str,
    profile: dict[str, Any] | None,
    policy: str,
    words: str,
    files: tuple[Path, Path],
    capfd: pytest.CaptureFixture[str],
) -> None:
    files[0].write_text(trace)
    if profile is not None:
        files[1].write_text(json.dumps(profile))
    command = ["replay", "--trace", str(files[0]), "--library", str(files[1]), "--policy", policy]
    assert main(command) == exits.BAD_INPUT
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_library_that_is_not_there_is_told(files: tuple[Path, Path], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--trace", str(files[0]), "--library", str(files[0].parent)]) == exits.BAD_INPUT
    assert "manifest.json: cannot be read: No such file" in capfd.readouterr().err


def test_the_first_policy_is_drawn_against_the_optimum_in_greys(files: tuple[Path, Path], tmp_path: Path) -> None:
    trace, profile = files
    png = tmp_path / "replay.png"
    # In a process of its own: the drawing library keeps its font files open.
    command = [sys.executable, "-m", "agent", "replay", "--trace", str(trace), "--library", str(profile)]
    done = subprocess.run([*command, "--png", str(png), "--json"], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["png"] == str(png)
    assert list(told["policies"]) == ["dwell", "best_fixed", "always_fastest"]
    with Image.open(png) as image:
        assert image.size == (1200, 800)
        assert all(red == green == blue for _, (red, green, blue) in image.convert("RGB").getcolors(1 << 24) or ())
