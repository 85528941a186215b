"""The gap room of `make bench`: what its laws add up to, whose time it is between calls, how its table sums."""

from __future__ import annotations

import pytest

from agent.sim.spec import TransportSpec
from tests.bench.gap import Runs, host_ms
from tests.bench.gap_agent import gap_of
from tests.bench.gap_recorder import PAUSE, Call, Log, Recorded, share
from tests.bench.gap_table import STEPS, Swap, law_ms, of_agent, of_floor, result_ms, table

SWAP = Swap(size_bytes=100_000, golden_bytes=8_192, goldens=2, frame_ms=10.0, result_ms=40.0)
TRANSPORT = TransportSpec(
    file_bytes_per_s=1e6, register_s=1e-3, swap_overhead_s=0.5, network_load_s=0.6, file_access_buffer_bytes=40_000
)


def call(name: str, begun_ms: float, ended_ms: float, cpu_ms: float = 0.0) -> Call:
    """CPU time of the thread goes as `cpu_ms` says at the begin, and stands still in calls."""
    return Call(name, round(begun_ms * 1e6), round(ended_ms * 1e6), round(cpu_ms * 1e6), round(cpu_ms * 1e6))


# -- the laws ------------------------------------------------------------------------------------------------------


def test_the_laws_count_every_operation_byte_and_call_of_the_least_sequence() -> None:
    law = law_ms(TRANSPORT, SWAP)
    assert law["stop"] == pytest.approx(100 + 1)
    assert law["start"] == pytest.approx(100 + 2)
    assert law["delete"] == law["open"] == pytest.approx(100 + 3 + 1)
    # 3 chunks of 3 calls, two lengths, one selector
    assert law["write"] == pytest.approx(100 + 9 + 2 + 1)
    assert law["close"] == pytest.approx(100 + 3)
    assert law["load"] == pytest.approx(600 - 100)
    assert law["first frame"] == law["first inference"] == 0.0
    image = (100 + 4) + (100 + 4) + (100 + 3) + 8.192 + 3 + 1 + 1
    assert law["verify"] == pytest.approx(2 * 2 * 101 + image)
    assert set(law) == set(STEPS)


def test_a_first_result_that_comes_after_the_start_has_answered_is_waited_for() -> None:
    law = law_ms(TRANSPORT, Swap(100_000, 8_192, 1, frame_ms=110.0, result_ms=130.0))
    assert law["first frame"] == pytest.approx(10.0)
    assert law["first inference"] == pytest.approx(20.0)
    assert law["verify"] == pytest.approx(2 * 101 + 30)


def test_a_result_comes_with_the_first_frame_that_ends_after_its_inference() -> None:
    assert result_ms(5.0, 5.0, service_ms=6.0) == pytest.approx(2 * 1e3 / 60)
    assert result_ms(5.0, 5.0, service_ms=20.0) == pytest.approx(3 * 1e3 / 60)


# -- whose time it is ----------------------------------------------------------------------------------------------


def test_time_between_calls_is_the_hosts_and_a_pause_is_nobodys() -> None:
    calls = [call("a", 0, 10), call("b", 12, 20, 1.5), call(PAUSE, 21, 26, 2.0), call("c", 30, 50, 5.0)]
    found = share(calls, 5_000_000, 40_000_000)
    assert (found.wall_ms, found.sdk_ms, found.pause_ms) == (35.0, 5 + 8 + 10, 5.0)
    assert (found.host_ms, found.host_cpu_ms, found.calls) == (7.0, 5.0, 3)


def test_a_gap_lasts_from_the_last_result_before_the_stop_to_the_first_after_the_last_start() -> None:
    def frame(at_ms: float, result: bool) -> list[Call]:
        read = [call("GetInferenceResult", at_ms + 1, at_ms + 1)] if result else []
        return [call("GetNextImage", at_ms - 5, at_ms), *read]

    golden = [call("BeginAcquisition", 300, 380), *frame(390, result=True), call("EndAcquisition", 395, 400)]
    calls = [*frame(100, True), *frame(117, False), call("EndAcquisition", 120, 200), *golden]
    calls += [call("BeginAcquisition", 450, 530), *frame(540, False), *frame(556, True), *frame(573, True)]
    ends = [("prepare", 50_000_000), ("stop", 201_000_000), ("verify", 440_000_000), ("start", 531_000_000)]
    gap = gap_of("station-0", calls, ends, exposure_s=0.45)
    assert (gap.ms, gap.exposure_ms) == (456.0, 450.0)
    assert {name: step["wall_ms"] for name, step in gap.steps.items()} == {
        "stop": 101.0,
        "verify": 239.0,
        "start": 91.0,
        "first frame": 9.0,
        "first inference": 16.0,
    }
    assert gap.whole["sdk_ms"] + gap.whole["host_ms"] == pytest.approx(456.0)


def test_calls_are_noted_with_the_node_they_are_about_and_errors_pass() -> None:
    class Node:
        def GetName(self) -> str:
            return "FileSize"

    class Pointer:
        def GetValue(self) -> int:
            return 7

        def SetValue(self, _value: int) -> None:
            raise ValueError("out of range")

    class Sdk:
        SpinnakerException = ValueError

        def CIntegerPtr(self, _node: Node) -> Pointer:
            return Pointer()

    log = Log()
    sdk = Recorded(Sdk(), log)
    pointer = sdk.CIntegerPtr(Node())
    assert pointer.GetValue() == 7
    with pytest.raises(sdk.SpinnakerException):
        pointer.SetValue(8)
    assert [one.name for one in log.calls("MainThread")] == ["CIntegerPtr", "FileSize.GetValue", "FileSize.SetValue"]


def test_an_upload_is_shown_as_open_write_and_close() -> None:
    calls = [call("EndAcquisition", 110, 190), call("FileOperationExecute.Execute", 200, 280)]
    calls += [call("FileAccessBuffer.Set", 290, 295), call("FileOperationExecute.Execute", 296, 300)]
    calls += [call("FileAccessBuffer.Set", 301, 305), call("FileOperationResult.GetValue", 306, 310)]
    calls += [call("FileOperationSelector.SetIntValue", 312, 313), call("FileOperationExecute.Execute", 313, 390)]
    images = [call("GetNextImage", 90, 100), call("GetInferenceResult", 101, 101)]
    started = [call("BeginAcquisition", 400, 480), call("GetNextImage", 481, 490), call("GetInferenceResult", 491, 491)]
    ends = [("stop", 195_000_000), ("upload", 392_000_000), ("start", 495_000_000)]
    gap = gap_of("station-0", [*images, *calls, *started], ends, exposure_s=0.4)
    found = {name: step["wall_ms"] for name, step in gap.steps.items()}
    assert found == {"stop": 95.0, "open": 95.0, "write": 22.0, "close": 80.0, "start": 98.0, "first frame": 0.0,
                     "first inference": 0.0}  # fmt: skip
    assert sum(found.values()) == gap.ms


def test_only_pauses_while_the_network_loads_are_not_the_hosts() -> None:
    steps = {"activate": {"pause_ms": 400.0}, "verify": {"pause_ms": 3.0}, "stop": {"pause_ms": 0.0}}
    assert host_ms({"steps": steps, "whole": {"host_ms": 12.0, "pause_ms": 403.0}}) == 15.0


def test_a_ratio_is_of_the_mean_gaps_of_one_repeat() -> None:
    runs = Runs()
    for agent, floor in (((110.0, 130.0), (90.0, 110.0)), ((100.0, 100.0), (80.0, 120.0))):
        runs.agent.append([{"ms": ms} for ms in agent])
        runs.other.append([[["stop", ms - 10.0], ["start", 10.0]] for ms in floor])
    assert runs.ratios == (1.2, 1.0)
    assert len(runs.gaps) == len(runs.others) == 4


# -- the table -----------------------------------------------------------------------------------------------------


def test_the_table_puts_the_steps_of_each_program_in_the_same_rows() -> None:
    floor = [["stop", 80.0], ["delete", 81.0], ["open", 82.0], ["write", 40.0], ["close", 83.0], ["load", 500.0],
             ["golden test", 160.0], ["golden write", 5.0], ["start", 80.0], ["first frame", 0.5],
             ["first inference", 0.5]]  # fmt: skip
    step = {"wall_ms": 90.0, "sdk_ms": 85.0, "pause_ms": 0.0, "host_ms": 5.0, "host_cpu_ms": 2.0, "calls": 10.0}
    names = ("stop", "disable", "delete", "open", "write", "close", "activate", "verify", "start", "first frame",
             "first inference")  # fmt: skip
    gap = {"steps": dict.fromkeys(names, step)}
    assert of_floor([floor])["write"] == 40.0
    assert of_floor([floor])["verify"] == 165.0
    assert of_agent([gap], "wall_ms")["stop"] == 180.0
    lines = table("0.1 MB", [gap], [floor], law_ms(TRANSPORT, SWAP)).splitlines()
    assert lines[4] == "| stop | 101 | 80.0 | 180 | 170 | 0.0 | 10.0 | 4.0 | 20.0 |"
    assert lines[-1].startswith("| **sum** |")
    assert lines[-1].endswith("| 1112 | 990 | 935 | 0.0 | 55.0 | 22.0 | 110 |")
