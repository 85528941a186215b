"""The live table as lines: within the window whatever the names are, the gravest first where room is short."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from agent.cli.fit import ASCII, Glyphs, bar, cells, clean, clip, clip_middle, glyphs_for, left, right
from agent.cli.live.feed import Feed
from agent.cli.live.reading import Bound, Reading, Shares, bounds
from agent.cli.live.table import Head, lines
from agent.cli.live.words import span
from agent.client import AgentClient, RpcFailed
from agent.pb.ofa_agent.v1 import orders_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as pb

NOW = datetime(2026, 11, 23, 4, 12, 31, tzinfo=timezone.utc)
HEAD = Head("unix:/run/ofa-agent/api.sock", NOW)
LONG = "ofa-mbv3-w1.2-d4444-k7777777-e66666666666-r224"


def camera(name: str = "station-1", subnet: str = "net-3") -> pb.CameraStatus:
    made = pb.CameraStatus(camera=name, state="CAMERA_STATE_ACTIVE", active_subnet_id=subnet, generation=4, load=0.52)
    made.budget.budget.max_latency_ms, made.budget.budget.quantile = 80, 0.99
    made.latency.count, made.latency.latency_p99_ms, made.latency.service_p99_ms = 300, 42, 31
    return made


def worst(name: str = f"line-3-{LONG}") -> pb.CameraStatus:
    """Everything at once, all of it long."""
    made = camera(name, LONG)
    made.state, made.generation, made.load = pb.CAMERA_STATE_DISCONNECTED, 2**63, 12.5
    made.degraded.extend(["over_budget", "infeasible", "rolled_back", "stale_profile"])
    made.detail = f"the camera {name}\x1b[31m does not answer " * 3
    made.budget.budget.max_latency_ms = made.latency.latency_p99_ms = 123_456.7
    made.claims.add(id="c").remaining.FromSeconds(86_400)
    made.swap.id, made.swap.to_subnet_id, made.swap.waits_for = "s", LONG, f"waits for {LONG}"
    made.coming_swap.to_subnet_id = LONG
    made.orders.mode = pb.MODE_MANUAL
    made.orders.pin.subnet_id = LONG
    made.line.reports.add(client="plc" * 20)
    return made


def alarm(number: int, name: str, severity: str) -> pb.Alarm:
    return pb.Alarm(
        id=number, camera=name, text=f"{severity} " * 30, title="Title", severity=f"ALARM_SEVERITY_{severity}"
    )


def swapping(status: pb.CameraStatus) -> orders_pb2.SwapMetadata:
    made = orders_pb2.SwapMetadata(to_subnet_id=status.swap.to_subnet_id, progress=0.43)
    made.stage = pb.SWAP_STAGE_UPLOADING
    made.gap_so_far.FromMilliseconds(1200)
    made.expected_gap.FromMilliseconds(2400)
    return made


def shown(reading: Reading, width: int = 80, height: int = 24) -> list[str]:
    return [line.plain for line in lines(reading, HEAD, width, height)]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 10), (20, 3), (132, 40), (250, 60)])
def test_no_line_reaches_the_last_column_whatever_the_names_are(width: int, height: int) -> None:
    cameras = (worst(), worst("摄像机" * 12), camera())
    alarms = (alarm(1, cameras[0].camera, "CRITICAL"), alarm(2, "", "WARNING"))
    reading = Reading(cameras, alarms, {one.camera: swapping(one) for one in cameras[:2]}, Shares().add(cameras))
    for told in (reading, reading.without_answer(NOW, "no answer " * 20)):
        drawn = shown(told, width, height)
        assert {cells(line) for line in drawn} == {width - 1}
        assert len(drawn) <= height
        assert all(line.isprintable() for line in drawn)


def test_a_row_at_80_columns_says_what_one_has_to_see() -> None:
    status = camera()
    status.budget.budget.parts_per_minute = 1800
    status.claims.add(id="other").remaining.FromSeconds(5)
    status.claims.add(id="counts").remaining.FromSeconds(118)
    status.budget.claim_ids.append("counts")
    title, empty, headings, row, budget, foot = shown(Reading((status,), version="0.8.0"))
    assert title.split("  ")[:3] == ["ofa-agent 0.8.0", "unix:/run/ofa-agent/api.sock", "1 camera, 0 alarms"]
    assert (title[-12:], empty.strip(), foot.strip()) == ("04:12:31 UTC", "", "Ctrl-C ends")
    names = camera(subnet="r64-d333-a0ed72")
    assert "r64-d333-a0ed72" in shown(Reading((names,)))[3]
    assert headings.split() == ["camera", "state", "sub-net", "gen", "p99/limit", "ms", "load", "%", "lease"]
    # 1800 parts a minute allow 33.3 ms, of which 31 are used: that is tighter than 42 of 80 ms.
    assert row.split() == ["station-1", "ACTIVE", "net-3", "4", "31.0/33.3", "████████░", "52", "118", "s"]
    assert budget.strip().startswith("budget  service 31.0/33.3 ms, latency 42.0/80.0 ms; <= 80 ms, 1800 parts/min")


def test_notes_go_before_cameras_and_the_least_grave_first_where_room_is_short() -> None:
    cameras = (worst("a"), camera("b"))
    reading = Reading(cameras, (alarm(1, "a", "CRITICAL"), alarm(2, "a", "INFO")), {"a": swapping(cameras[0])})

    def labels(height: int) -> list[str]:
        return [line.split()[0] for line in shown(reading, 80, height)[3:-1]]

    assert labels(24) == ["a", "swap", "alarm", "alarm", "why", "orders", "line", "budget", "b", "budget"]
    assert labels(12) == ["a", "swap", "alarm", "alarm", "why", "orders", "line", "b"]
    assert labels(7) == ["a", "swap", "b"]
    assert labels(6) == ["a", "b"]
    many = Reading(tuple(camera(f"c{i:02}") for i in range(30)))
    *_, last, _ = shown(many)
    assert last.strip() == "11 more, 11 ACTIVE; a higher window shows them"


def test_an_active_camera_that_is_not_as_wanted_is_degraded_and_says_why() -> None:
    status = camera()
    status.degraded.append("infeasible")
    *_, row, why, _, _ = shown(Reading((status,)))
    assert row.split()[1] == "DEGRADED"
    assert why.split() == ["why", "infeasible"]


def test_an_expired_lease_takes_the_place_of_its_time() -> None:
    status = camera()
    status.budget.fail_safe = True
    assert shown(Reading((status,)))[3].split()[-1] == "EXPIRED"


def test_a_swap_shows_how_far_it_is_and_its_gap() -> None:
    status = camera()
    status.state = pb.CAMERA_STATE_SWAPPING
    status.swap.to_subnet_id = "net-1"
    told = shown(Reading((status,), swaps={"station-1": swapping(status)}))[4]
    assert told.strip() == "swap    ██░░░░ to net-1: UPLOADING, 43.0 %, gap 1.2 s of about 2.4 s"
    status.swap.stage = pb.SWAP_STAGE_ACTIVATING  # its operation has just ended
    assert shown(Reading((status,)))[4].strip() == "swap    to net-1: ACTIVATING"


def test_the_worst_alarms_stand_and_the_rest_is_counted() -> None:
    alarms = [alarm(i, "station-1", word) for i, word in enumerate(("INFO", "CRITICAL", "WARNING", "CRITICAL", "INFO"))]
    alarms[3].acknowledged_by = "eng"
    cleared = alarm(9, "station-1", "CRITICAL")
    cleared.cleared_at.FromSeconds(1)
    told = [line for line in shown(Reading((camera(),), (*alarms, cleared))) if line.startswith("  alarm")]
    assert [line.split(":")[0].split("alarm")[1].strip() for line in told[:3]] == [
        "1 critical",
        "3 critical (seen)",
        "2 warning",
    ]
    assert told[3].split("alarm", 1)[1].strip() == "and 2 more; see `ofa-agent alarms`"


def test_without_an_answer_the_states_are_unknown_and_the_rest_is_what_was() -> None:
    reading = Reading((camera(),)).without_answer(NOW - timedelta(seconds=17), "no answer")
    later = reading.without_answer(NOW, f"{HEAD.target}: refused")
    assert shown(later)[1].strip() == "DAEMON LOST since 04:12:14 UTC, 17 s: refused"
    assert shown(later)[3].split()[:3] == ["station-1", "UNKNOWN", "net-3"]


def test_a_terminal_without_blocks_gets_characters_that_it_has() -> None:
    cameras = (camera(),)
    reading = Reading(cameras, shares=Shares().add(cameras))
    assert all(line.plain.isascii() for line in lines(reading, HEAD, 132, 24, ASCII))


def test_the_trend_keeps_the_newest_and_forgets_cameras_that_are_gone() -> None:
    kept = Shares()
    for _ in range(200):
        found = kept.add((camera("a"), camera("b")))
    assert {name: len(shares) for name, shares in found.items()} == {"a": 120, "b": 120}
    assert list(kept.add((camera("b"),))) == ["b"]


def test_bounds_are_those_that_there_are_and_may_not_be_measured_yet() -> None:
    status = camera()
    status.ClearField("latency")
    assert bounds(status) == [Bound("latency", 80, None)]
    assert bounds(pb.CameraStatus()) == []


def test_spans_are_short() -> None:
    assert [span(s) for s in (0.2, 599, 600, 5999, 6000, 1e12)] == [
        "0 s",
        "599 s",
        "10 min",
        "100 min",
        "2 h",
        "9999 h",
    ]


def test_text_is_cut_by_columns_and_marked_where_it_is_cut() -> None:
    assert (cells("ab"), cells("摄x"), cells("e\u0301")) == (2, 3, 1)
    assert (clip("abcdef", 4), clip("abc", 3), clip("摄像机", 4), clip("a", 0)) == ("abc…", "abc", "摄…", "")
    assert (clip_middle("station-12", 7), clip_middle("station-12", 2), clip_middle("ab", 2)) == ("sta…-12", "s…", "ab")
    assert (left("摄像机", 4), right("123456", 4), right("1", 3)) == ("摄… ", "123…", "  1")
    assert clean("a\x1b[31mb\n") == "a?[31mb?"


def test_a_bar_is_full_only_when_all_is_done_and_drawn_with_what_the_terminal_has() -> None:
    wanted = Glyphs()
    assert [bar(share, 4, wanted) for share in (None, -1.0, 0.0, 0.5, 0.99, 1.0, 7.0)] == [
        "    ",
        *("░░░░",) * 2,
        "██░░",
        "███░",
        *("████",) * 2,
    ]
    assert bar(0.5, 4, ASCII) == "##.."
    assert [glyphs_for(name) for name in ("utf-8", "latin-1", "no-such", None)] == [wanted, ASCII, ASCII, ASCII]


def test_a_daemon_that_is_silent_is_told_with_the_time_that_it_was_given() -> None:
    feed = Feed(AgentClient("/none.sock", "eng", 3.0), "", lambda: None)
    assert feed._why(RpcFailed("DEADLINE_EXCEEDED", "Deadline Exceeded")) == "it has not answered within 3 s"
    assert feed._why(RpcFailed("UNAVAILABLE", "the agent\nends", "AGENT_STOPPING")) == "the agent ends"
