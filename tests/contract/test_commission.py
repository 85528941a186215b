"""The first hour on hardware, played on the simulated camera: every check answers, none of them ends the run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.camera.commission import CHECKS, Commission, Outcome, Risk, TrialNetwork, Verdict, contradictions
from agent.camera.commission.check import Bench, Finding
from agent.camera.network import NAME
from agent.domain.device import GoldenCheck
from agent.errors import CameraRefused
from agent.sim.spec import FaultSpec, Quirks, SimulationSpec
from tests.contract import test_camera_self_test as goldens
from tests.contract.rig import NET_A, NEW_FIRMWARE, OLD_FIRMWARE, Rig, only_on, play, profile, settings

pytestmark = pytest.mark.simulation
FACTS_UNKNOWNS = set(range(1, 16))  # facts/firefly-dl.md section 7


def trial() -> TrialNetwork:
    images: list[GoldenCheck] = goldens.goldens_of(NET_A)
    return TrialNetwork(NET_A.setup, NET_A.blob, images)


async def commission(
    made: Rig, network: TrialNetwork | None = None, other: bytes | None = None, agreed: set[Risk] | None = None
) -> dict[str, Outcome]:
    """Run it all; by id."""
    await made.camera.connect(30)
    told: list[Outcome] = []
    run = Commission(made.camera, made.clock, network, other, lambda risk: agreed is None or risk in agreed)
    outcomes = await run.run(told.append)
    assert told == outcomes
    return {outcome.check.id: outcome for outcome in outcomes}


def verdicts(outcomes: dict[str, Outcome]) -> dict[str, Verdict]:
    return {name: outcome.finding.verdict for name, outcome in outcomes.items()}


def test_every_unknown_of_the_facts_has_a_check_and_every_check_is_one_of_a_kind() -> None:
    assert {check.unknown for check in CHECKS if check.unknown is not None} == FACTS_UNKNOWNS
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    risks = [list(Risk).index(check.risk) for check in CHECKS]
    assert risks == sorted(risks), "what reads comes first"
    assert all(check.question.endswith("?") and check.assumed and check.consequence for check in CHECKS)


def test_the_simulated_camera_answers_every_check() -> None:
    """Where it differs from what the agent assumes, that is the profile's own quirk."""

    async def main(made: Rig) -> dict[str, Outcome]:
        return await commission(made, trial(), b"not a network" * 50)

    outcomes = play(main)
    found = verdicts(outcomes)
    assert list(found) == [check.id for check in CHECKS]
    differing = {name for name, verdict in found.items() if verdict is Verdict.DIFFERS}
    failed = {name: outcomes[name].finding.actual for name, verdict in found.items() if verdict is Verdict.FAILED}
    if profile().firmware == OLD_FIRMWARE:
        assert differing <= {"service_time", "corrupt_network"}
        assert set(failed) <= {"corrupt_network", "other_format"}, "F-937: such a network takes the camera off the bus"
    elif profile().quirks == Quirks():
        assert (differing, failed) == (set(), {})
    else:
        assert differing <= {"first_chunks"}
        assert set(failed) <= {"corrupt_network", "other_format"}
    plain = [outcome.to_plain() for outcome in outcomes.values()]
    assert json.loads(json.dumps(plain, default=str))[0]["id"] == CHECKS[0].id


@only_on(NEW_FIRMWARE)
def test_without_a_network_and_consent_nothing_is_written_to_the_slot() -> None:
    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        before = bytes(made.device._parts.files.files["InferenceNetwork"].data)
        outcomes = await commission(made, None, None, set())
        assert bytes(made.device._parts.files.files["InferenceNetwork"].data) == before
        by_risk = {
            outcome.check.risk for outcome in outcomes.values() if outcome.finding.verdict is not Verdict.SKIPPED
        }
        assert by_risk == {Risk.READS, Risk.STREAMS}

    play(main)


@only_on(NEW_FIRMWARE)
def test_consent_is_asked_once_for_each_risk_and_a_no_skips_its_checks() -> None:
    asked: list[Risk] = []

    async def main(made: Rig) -> dict[str, Outcome]:
        await made.camera.connect(30)

        def consent(risk: Risk) -> bool:
            asked.append(risk)
            return risk is Risk.NETWORK

        outcomes = await Commission(made.camera, made.clock, trial(), None, consent).run(lambda _: None)
        return {outcome.check.id: outcome for outcome in outcomes}

    outcomes = play(main)
    assert asked == [Risk.NETWORK, Risk.RESET, Risk.FLASH]
    assert outcomes["upload_times"].finding.verdict is Verdict.TOLD
    assert "not agreed to" in outcomes["flash_times"].finding.actual


@only_on(NEW_FIRMWARE)
def test_a_camera_that_is_otherwise_is_told_with_the_consequence(monkeypatch: pytest.MonkeyPatch) -> None:
    """DeviceReset keeps DDR, and frames carry the start of exposure instead of its end."""

    async def main(made: Rig) -> list[Outcome]:
        return list((await commission(made, trial())).values())

    chosen = settings(timestamps="exposure_start")
    outcomes = play(main, SimulationSpec(quirks=Quirks(reset_keeps_ddr=True)), chosen)
    against = {outcome.check.id: outcome.to_plain() for outcome in contradictions(outcomes)}
    assert set(against) == {"reset_keeps_ddr", "timestamp_meaning"}
    assert "set timestamps" in against["timestamp_meaning"]["consequence"]


@only_on(NEW_FIRMWARE)
@pytest.mark.parametrize("effect", ["unplug", "reset", "stall"])
def test_a_check_that_fails_does_not_end_the_run(effect: str) -> None:
    """A camera that comes back is opened again, one that stays away is said to."""

    async def main(made: Rig) -> dict[str, Outcome]:
        await made.camera.connect(30)
        fault = FaultSpec("acquisition.start", effect, nth=2, seconds=30.0 if effect == "stall" else 3.0)  # type: ignore[arg-type]
        made.device.inject_fault(fault)
        return await commission(made)

    outcomes = play(main)
    failed = [outcome for outcome in outcomes.values() if outcome.finding.verdict is Verdict.FAILED]
    assert len(outcomes) == len(CHECKS)
    assert len(failed) >= 1
    assert outcomes["open_file"].finding.verdict is Verdict.AS_ASSUMED, "the last one that needs no network"


@only_on(NEW_FIRMWARE)
def test_a_camera_that_stays_away_is_given_up_and_every_check_has_its_line() -> None:
    async def main(made: Rig) -> dict[str, Outcome]:
        await made.camera.connect(30)
        made.device.inject_fault(FaultSpec("acquisition.start", "unplug"))
        return await commission(made)

    outcomes = play(main)
    assert "could not be opened again" in outcomes["open_file"].finding.actual


@only_on(NEW_FIRMWARE)
def test_a_fault_of_a_check_itself_is_its_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_bench: Bench) -> Finding:
        raise ZeroDivisionError("bug")

    first = replace(CHECKS[0], measure=broken)
    monkeypatch.setattr("agent.camera.commission.run.CHECKS", (first, CHECKS[1]))

    async def main(made: Rig) -> dict[str, Outcome]:
        return await commission(made)

    outcomes = play(main)
    assert outcomes[first.id].finding.actual == "ZeroDivisionError: bug"
    assert outcomes[CHECKS[1].id].finding.verdict is Verdict.AS_ASSUMED


@only_on(NEW_FIRMWARE)
def test_a_node_behind_another_name_is_a_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 7 item 3: the adapter's candidates are found by their display names."""
    monkeypatch.setattr("agent.camera.commission.nodes.BY_DISPLAY_NAME", {"scaling time": ("Elsewhere",)})
    chosen = tuple(check for check in CHECKS if check.id == "node_names")
    monkeypatch.setattr("agent.camera.commission.run.CHECKS", chosen)

    async def main(made: Rig) -> dict[str, Outcome]:
        return await commission(made)

    finding = play(main)["node_names"].finding
    assert finding.verdict is Verdict.DIFFERS
    assert "'scaling time' is InferenceScalingTime" in finding.actual


@only_on(NEW_FIRMWARE)
def test_a_name_that_the_camera_cannot_hold_is_left_out() -> None:
    """How long InferenceNetworkName may be is not published; a verified network must not fail for it."""

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.install(NET_A)
        await made.camera.mark_verified("x" * 5000, 5)
        await made.camera.disconnect(5)
        assert (await made.camera.connect(30)).network_name is None
        assert NAME == "InferenceNetworkName"

    play(main)


@only_on(NEW_FIRMWARE)
def test_a_box_format_that_the_camera_has_not_is_refused_with_the_entries() -> None:
    """S1: the entries of InferenceNetworkOutputFormatSelector are not published."""
    boxes = replace(NET_A.setup, task="detection")

    async def main(made: Rig) -> None:
        await made.camera.connect(30)
        await made.camera.upload_network(NET_A.blob, 30, lambda _done, _total: None)
        with pytest.raises(CameraRefused, match=r"no entry 'Corners' now; it has .*XminYminXmaxYmax"):
            await made.camera.activate_network(boxes, 10)

    play(main, chosen=settings(box_format="Corners", box_threshold=0.4))
