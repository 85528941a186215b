"""Messages as plain values, lines and table rows."""

from __future__ import annotations

import pytest

from agent.cli import describe
from agent.cli.output import number, print_json, print_lines, print_table, size
from agent.cli.wire import plain, word
from agent.pb.ofa_agent.v1 import types_pb2 as pb


def active_status() -> pb.CameraStatus:
    status = pb.CameraStatus(
        camera="station-1", state="CAMERA_STATE_ACTIVE", active_subnet_id="net-3", generation=4, verified=True
    )
    status.budget.budget.max_latency_ms = 80
    status.budget.budget.parts_per_minute = 1100
    status.budget.budget.quantile = 0.99
    status.budget.priority = pb.BUDGET_PRIORITY_LEASE
    status.latency.service_p50_ms, status.latency.service_p99_ms, status.latency.latency_p99_ms = 10, 12.34, 30
    return status


def test_plain_values_keep_numbers_and_tell_unset_from_zero() -> None:
    status = pb.CameraStatus(camera="a", state="CAMERA_STATE_FAULTED", generation=2**40)
    status.swap.expected_gap.FromMilliseconds(1500)
    status.swap.started_at.FromSeconds(0)
    told = plain(status)
    assert (told["state"], told["generation"], told["load"], told["degraded"]) == ("FAULTED", 2**40, None, [])
    assert told["swap"]["expected_gap_s"] == 1.5
    assert told["swap"]["started_at"] == "1970-01-01T00:00:00Z"
    assert told["swap"]["stage"] == "UNSPECIFIED"
    assert "info" in told


def test_a_state_of_a_later_version_is_shown_as_its_number() -> None:
    assert word(pb.CameraStatus(state=99), "state") == "99"  # type: ignore[arg-type]


def test_a_status_is_told_in_lines_and_in_one_line() -> None:
    lines = "\n".join(describe.status_lines(active_status()))
    assert "station-1: ACTIVE" in lines
    assert "net-3 (generation 4, verified)" in lines
    assert "<= 80 ms, 1100 parts/min, p99, lease" in lines
    assert "service p50 10.0 p99 12.3 ms" in lines
    assert max(map(len, lines.splitlines())) <= 80
    assert "\n" not in describe.change_line(active_status())


def test_a_network_that_no_golden_image_proved_says_so_and_why() -> None:
    status = active_status()
    status.verified_by = pb.PROOF_PROPERTIES
    assert "net-3 (generation 4, verified by properties only)" in describe.change_line(status)
    lines = "\n".join(describe.status_lines(status))
    assert "  proof     its read-only properties only: the library has no golden image for it" in lines
    status.info.firmware = "1.2"
    lines = "\n".join(describe.status_lines(status))
    assert "read-only properties only: firmware 1.2 cannot inject golden images" in lines
    status.verified_by = pb.PROOF_GOLDEN_IMAGES
    assert "proof" not in "\n".join(describe.status_lines(status))


def test_a_swap_that_waits_for_its_turn_says_for_whom() -> None:
    status = active_status()
    status.state = pb.CAMERA_STATE_SWAPPING
    status.swap.to_subnet_id, status.swap.stage = "net-1", pb.SWAP_STAGE_WAITING_PERMIT
    status.swap.waits_for = "waits for station-2: at most 1 of line-1 at once"
    told = "to net-1: WAITING_PERMIT, waits for station-2: at most 1 of line-1 at once"
    assert told in describe.change_line(status)
    assert told in "\n".join(describe.status_lines(status))


def test_a_camera_without_anything_can_be_told() -> None:
    assert "sub-net   none" in "\n".join(describe.status_lines(pb.CameraStatus(camera="a")))


def test_the_wanted_candidate_is_starred_and_the_others_say_why_not() -> None:
    decision = pb.Decision(target_subnet_id="b")
    decision.candidates.add(
        subnet_id="a", accuracy=0.9, why_not="service 30 ms > 20 ms (3000 parts/min); latency 85 ms > 60 ms"
    )
    decision.candidates.add(subnet_id="b", accuracy=0.8, feasible=True)
    rows = describe.candidate_rows(decision)
    assert rows[0][:3] == ("", "a", "no: service, latency")
    assert rows[1][:3] == ("*", "b", "yes")


def test_a_swap_row_shows_its_gap_and_the_step_that_failed() -> None:
    swap = pb.Swap(to_subnet_id="b", reason="budget", outcome="SWAP_OUTCOME_ROLLED_BACK", failed_step="upload")
    assert describe.swap_row(swap)[1:] == ("-", "b", "budget", "rolled_back (upload)", "-")
    swap.gap.FromMilliseconds(1520)
    assert describe.swap_row(swap)[-1] == "1.52"


def test_a_result_names_its_part_and_its_sub_net() -> None:
    line = describe.result_line(pb.InferenceResult(camera="a", part=7, subnet_id="n", generation=2, label="ok"))
    assert line.startswith("a part 7: ok 0.00  n (generation 2)")


def test_figures_are_short_and_json_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert (number(None), number(float("inf")), number(1.25, 1, " ms")) == ("-", "-", "1.2 ms")
    assert (size(999_499), size(1_500_000)) == ("999 kB", "1.50 MB")
    print_json({"a": [float("nan"), 1.0], 3: "é"})
    assert capsys.readouterr().out == '{\n  "a": [\n    null,\n    1.0\n  ],\n  "3": "é"\n}\n'


def test_a_table_off_a_terminal_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "ms"), [("a", "1.0"), ("long", "10.0")])
    assert capsys.readouterr().out == "name    ms\na      1.0\nlong  10.0\n"


def test_a_table_at_a_width_cuts_names_before_figures_and_keeps_them_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    nets = [f"a-sub-net-of-the-second-supernet-{i}-at-224" for i in (1, 2)]
    print_table(("id", "sub-net", "gap s"), [("4d9f01ab", net, "12345.67") for net in nets], left=2)
    assert capsys.readouterr().out.splitlines() == [
        "id        sub-net                  gap s",
        "4d9f01ab  a-sub-net-…-1-at-224  12345.67",
        "4d9f01ab  a-sub-net-…-2-at-224  12345.67",
    ]


def test_a_line_at_a_width_goes_on_below_what_it_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_lines(["  budget    <= 80 ms, 1100 parts/min, p99, lease of plc-3", "short"])
    assert capsys.readouterr().out.splitlines() == [
        "  budget    <= 80 ms, 1100 parts/min,",
        "            p99, lease of plc-3",
        "short",
    ]
    monkeypatch.delenv("COLUMNS")
    print_lines(["x" * 200])
    assert capsys.readouterr().out == "x" * 200 + "\n"


def test_names_that_differ_in_the_middle_are_cut_at_their_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    nets = [f"a-sub-net-of-the-second-supernet-{i}-with-a-long-end" for i in (1, 2)]
    print_table(("from", "to", "gap s"), [(nets[0], nets[1], "1.5")], left=2)
    assert capsys.readouterr().out.splitlines()[1] == "…rnet-1-with-a…  …rnet-2-with-a-…    1.5"
