"""Modes, pins, interlocks and operations in words of 80 columns, and how a swap is followed to its end."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2

from agent.cli import describe
from agent.cli.exits import CallFailed, exit_code
from agent.cli.operations import name_of, operation_lines
from agent.cli.orders import order_lines, order_words, outcome_lines
from agent.cli.swap_follow import Begun, Progress, follow, followed, progress_words, swap_ended_words
from agent.cli.wire import plain
from agent.client import AgentClient, Retry
from agent.errors import BadInput, NotPermitted
from agent.pb.ofa_agent.v1 import orders_pb2, profile_pb2, status_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as pb
from tests.support.scripted_daemon import HANGS, Fails, ScriptedDaemon, scripted

ID, OTHER = "4d9f01ab-3f3c-4a51-8a3e-5b6c7d8e9f00", "4d9fffff-3f3c-4a51-8a3e-5b6c7d8e9f00"
NAME = f"operations/{ID}"
LONG = (
    "net-2 is pinned; it breaks the budget of 60 ms at p99, since its latency is bound by 85 ms; it stays all the same"
)


def orders() -> pb.StandingOrders:
    made = pb.StandingOrders(mode="MODE_MANUAL", mode_by="anna@hmi")
    made.pin.subnet_id, made.pin.client = "net-2", "plc"
    made.inhibitions.add(client="plc", why="recipe change of the whole line, see shift book page 12 and following")
    made.inhibitions.add(client="scada").remaining.FromSeconds(42)
    made.permit_remaining.FromSeconds(30)
    return made


def metadata() -> orders_pb2.SwapMetadata:
    made = orders_pb2.SwapMetadata(
        camera="station-1", swap_id=ID, to_subnet_id="net-2", reason="pinned", stage="SWAP_STAGE_UPLOADING"
    )
    made.progress = 0.43
    made.gap_so_far.FromMilliseconds(1200)
    made.expected_gap.FromMilliseconds(2400)
    made.started_at.FromSeconds(1_790_000_000)
    return made


def operation(done: bool = False, error: Fails | None = None, name: str = NAME) -> operations_pb2.Operation:
    made = operations_pb2.Operation(name=name, done=done, error=None if error is None else error.status())
    made.metadata.Pack(metadata())
    if done and error is None:
        swap = pb.Swap(id=ID, to_subnet_id="net-2", outcome="SWAP_OUTCOME_VERIFIED")
        swap.gap.FromMilliseconds(2310)
        swap.duration.FromMilliseconds(2540)
        made.response.Pack(orders_pb2.SwapResult(swap=swap))
    return made


def exchange(folder: Path, daemon: ScriptedDaemon, story: Callable[[AgentClient], Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with scripted(folder, daemon) as path, AgentClient(path, "tester", 20.0, Retry(2, 0.001, 0.01)) as client:
            await story(client)

    asyncio.run(asyncio.wait_for(scenario(), 60.0))


# -- words -----------------------------------------------------------------------------------------------------------


def test_a_status_shows_who_moves_the_network_and_what_stands_in_its_way() -> None:
    status = pb.CameraStatus(camera="station-1", state="CAMERA_STATE_ACTIVE", etag="9f3a11c2")
    status.orders.CopyFrom(orders())
    lines = describe.status_lines(status)
    assert "  mode      MANUAL by anna@hmi" in lines
    assert "  pinned    net-2 by plc" in lines
    assert "  inhibited swaps by plc until it permits: recipe change of the whole line, see" in lines
    assert "            shift book page 12 and following" in lines
    assert "  inhibited swaps by scada for 42 s" in lines
    assert "  permit    one swap within 30 s" in lines
    assert "  etag      9f3a11c2" in lines
    assert max(map(len, lines)) <= 80
    assert "ACTIVE MANUAL pinned inhibited none" in describe.change_line(status)


def test_a_policy_that_is_free_to_swap_takes_one_line_and_no_flag() -> None:
    status = pb.CameraStatus(camera="station-1", state="CAMERA_STATE_ACTIVE")
    status.orders.mode = pb.MODE_AUTO
    assert order_lines(status.orders) == ["  mode      AUTO"]
    assert "AUTO" not in describe.change_line(status)


def test_a_rollback_is_told_as_such() -> None:
    made = orders()
    made.pin.rollback = True
    assert "  pinned    net-2 by a rollback of plc" in order_lines(made)


def test_an_order_tells_what_stands_now_why_and_which_swap_it_starts() -> None:
    outcome = orders_pb2.OrderOutcome(camera="station-1", orders=orders(), operation=operation())
    outcome.decision.text, outcome.decision.target_subnet_id = LONG, "net-2"
    lines = outcome_lines(outcome)
    told = "mode MANUAL, net-2 pinned, swaps inhibited by plc, scada, one swap permitted for 30 s"
    assert order_words(orders()) == told
    assert " ".join(line.strip() for line in lines) == f"station-1: {told} {LONG} swap {ID} to net-2 starts now"
    assert max(map(len, lines)) <= 80


def test_an_operation_is_told_in_lines_and_as_json() -> None:
    lines = operation_lines(operation())
    assert lines[:4] == [NAME, "  work      swap", "  camera    station-1", "  state     uploading 43.0 %"]
    assert "  gap_so_far_s       1.2" in lines
    assert max(map(len, lines)) <= 80
    told = plain(operation())
    assert (told["metadata"]["type"], told["metadata"]["stage"]) == ("ofa_agent.v1.SwapMetadata", "UPLOADING")
    assert (told["error"], told["response"], told["done"]) == (None, None, False)


def test_an_operation_that_failed_says_how_in_both() -> None:
    failed = operation(True, Fails(grpc.StatusCode.ABORTED, "STALE_ETAG", LONG, retry_after_s=1.5))
    lines = operation_lines(failed)
    assert "  state     failed (ABORTED)" in lines
    assert lines[-2].startswith("  error     net-2 is pinned")
    told = plain(failed)["error"]
    assert (told["code"], told["message"]) == (10, LONG)
    info, retry = told["details"]
    assert (info["reason"], info["metadata"]) == ("STALE_ETAG", {})
    assert retry == {"type": "google.rpc.RetryInfo", "retry_delay_s": 1.5}


def test_work_of_a_later_version_is_shown_by_its_name() -> None:
    later = operations_pb2.Operation(name="operations/x", done=True)
    later.metadata.type_url, later.metadata.value = "type.googleapis.com/ofa_agent.v9.Dance", b"\x08\x01"
    assert operation_lines(later)[1:] == ["  work      ofa_agent.v9.Dance", "  camera    -", "  state     done"]
    assert plain(later)["metadata"] == {"type": "ofa_agent.v9.Dance"}


def test_a_profile_run_is_an_operation_with_a_count() -> None:
    run = operations_pb2.Operation(name="operations/y")
    run.metadata.Pack(profile_pb2.ProfileSubnetsMetadata(camera="station-1", done=4, total=9))
    assert "  state     4 of 9" in operation_lines(run)


def test_progress_tells_the_stage_the_share_and_the_gap() -> None:
    swap = metadata()
    assert progress_words(swap) == "station-1: UPLOADING, 43.0 %, gap 1.2 s of about 2.4 s"
    swap.gap_so_far.Clear()
    swap.stage, swap.cancelling = pb.SWAP_STAGE_UNSPECIFIED, True
    assert progress_words(swap) == "station-1: begins, 43.0 %, gap about 2.4 s to come, cancelling"


# -- following -------------------------------------------------------------------------------------------------------


def begun(reason: str = "budget", started: bool = True) -> Begun:
    return Begun("station-1", pb.Decision(reason=reason, text="the reason"), operation() if started else None)


def test_a_swap_is_followed_with_a_line_for_each_stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(client: AgentClient) -> None:
        (swap,) = await follow(client, [begun()], 10.0, quiet=False)
        assert swap_ended_words(swap) == "swap 4d9f01ab to net-2: verified in 2.5 s, gap 2.31 s"

    exchange(tmp_path, ScriptedDaemon({"WaitOperation": [operation(), operation(), operation(done=True)]}), story)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "station-1: UPLOADING, 43.0 %, gap 1.2 s of about 2.4 s\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_swap_has_one_line_that_changes_and_several_have_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    one = Progress(quiet=False)
    for _ in range(2):
        one(operation())
    one.end()
    words = "station-1: UPLOADING, 43.0 %, gap 1.2 s of about 2.4 s"
    assert terminal.getvalue() == f"\r####...... {words}\n"  # what did not change is not written again
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    several = Progress(quiet=False, alone=False)
    for _ in range(2):
        several(operation())
    several.end()
    assert terminal.getvalue() == f"{words}\n"


@pytest.mark.parametrize("reason", ["mode", "swap_inhibited", "swap_window", "swap_cancelled"])
def test_a_swap_that_somebody_holds_is_refused_with_four(tmp_path: Path, reason: str) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(NotPermitted, match=f"its swap is held .station-1: {reason}.") as caught:
            await follow(client, [begun(reason, started=False)], 10.0, quiet=True)
        assert exit_code(caught.value) == 4

    exchange(tmp_path, ScriptedDaemon(), story)


def test_where_no_swap_is_needed_nothing_is_waited_for(tmp_path: Path) -> None:
    async def story(client: AgentClient) -> None:
        assert await follow(client, [begun("best_already_active", started=False)], 10.0, quiet=True) == []

    exchange(tmp_path, ScriptedDaemon(), story)


def test_a_swap_that_waits_for_the_end_of_the_dwell_is_followed_too(tmp_path: Path) -> None:
    waits = pb.CameraStatus(camera="station-1", decision=pb.Decision(reason="min_dwell"))
    swaps = pb.CameraStatus(camera="station-1", swap=pb.RunningSwap(id=ID))
    states = [status_pb2.WatchStatusResponse(revision=n, status=one) for n, one in enumerate((waits, swaps), 1)]
    daemon = ScriptedDaemon({"WaitOperation": [operation(done=True)]}, {"WatchStatus": [[*states, HANGS]]})

    async def story(client: AgentClient) -> None:
        (swap,) = await follow(client, [begun("min_dwell", started=False)], 10.0, quiet=True)
        assert swap.id == ID

    exchange(tmp_path, daemon, story)


def test_a_swap_that_comes_after_one_that_is_under_way_is_the_one_that_is_followed(tmp_path: Path) -> None:
    wanted = pb.Decision(action="DECISION_ACTION_SWAP", reason="pinned", target_subnet_id="net-2")
    states = (
        pb.CameraStatus(camera="station-1", decision=wanted, swap=pb.RunningSwap(id="other", to_subnet_id="net-1")),
        pb.CameraStatus(camera="station-1", decision=wanted),
        pb.CameraStatus(camera="station-1", decision=wanted, swap=pb.RunningSwap(id=ID, to_subnet_id="net-2")),
    )
    messages = [status_pb2.WatchStatusResponse(revision=n, status=one) for n, one in enumerate(states, 1)]
    daemon = ScriptedDaemon({"WaitOperation": [operation(done=True)]}, {"WatchStatus": [[*messages, HANGS]]})

    async def story(client: AgentClient) -> None:
        (swap,) = await follow(client, [Begun("station-1", wanted, None)], 10.0, quiet=True)
        assert swap.id == ID

    exchange(tmp_path, daemon, story)


def test_a_swap_after_the_dwell_that_is_not_wanted_any_more_is_not_waited_for(tmp_path: Path) -> None:
    stays = pb.CameraStatus(camera="station-1", decision=pb.Decision(reason="best_already_active"))
    daemon = ScriptedDaemon(
        streams={"WatchStatus": [[status_pb2.WatchStatusResponse(revision=1, status=stays), HANGS]]}
    )

    async def story(client: AgentClient) -> None:
        assert await follow(client, [begun("min_dwell", started=False)], 10.0, quiet=True) == []

    exchange(tmp_path, daemon, story)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Fails(grpc.StatusCode.CANCELLED, "CANCELLED"), 1),
        (Fails(grpc.StatusCode.FAILED_PRECONDITION, "SWAP_NOT_PERMITTED"), 4),
        (Fails(grpc.StatusCode.DEADLINE_EXCEEDED, "CAMERA_TIMEOUT"), 6),
    ],
)
def test_a_swap_that_fails_ends_the_command_as_it_ended(tmp_path: Path, error: Fails, code: int) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(CallFailed, match="station-1: the swap ended with no") as caught:
            await followed(client, NAME, 10.0, Progress(quiet=True))
        assert exit_code(caught.value) == code

    exchange(tmp_path, ScriptedDaemon({"WaitOperation": [operation(True, error)]}), story)


def test_a_swap_that_takes_too_long_is_a_timeout(tmp_path: Path) -> None:
    async def story(client: AgentClient) -> None:
        with pytest.raises(TimeoutError) as caught:
            await followed(client, NAME, 0.05, Progress(quiet=True))
        assert exit_code(caught.value) == 6

    exchange(tmp_path, ScriptedDaemon({"WaitOperation": [operation()]}), story)


# -- which operation is meant ----------------------------------------------------------------------------------------


def test_the_beginning_of_an_id_names_an_operation_where_it_is_the_only_one(tmp_path: Path) -> None:
    daemon = ScriptedDaemon(
        {
            "ListOperations": [operations_pb2.ListOperationsResponse(operations=[operation()])],
            "ListSwaps": [status_pb2.ListSwapsResponse(swaps=[pb.Swap(id=ID), pb.Swap(id=OTHER)])],
        }
    )

    async def story(client: AgentClient) -> None:
        for word in (ID, NAME, "4d9f0", "operations/4d9f01ab"):
            assert await name_of(client, word) == NAME
        for word, why in (("4d9f", "stands for 2"), ("beef", "is no operation"), ("4d9", "too short")):
            with pytest.raises(BadInput, match=why):
                await name_of(client, word)

    exchange(tmp_path, daemon, story)
