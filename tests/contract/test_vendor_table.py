"""The table of the vendor's rules: every source key of facts/firefly-dl.md with the tests that hold its rules.

What has no rule that a camera or an SDK could break stands in `NO_RULE` with the reason.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.contract.rig import NEW_FIRMWARE, only_on

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = "tests/contract/test_vendor_rules.py"
RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "S1": (
        (HERE, "test_inference_control_has_the_published_names"),
        (HERE, "test_the_type_is_written_by_name_and_keeps_it"),
    ),
    "S1b": ((HERE, "test_old_firmware_has_the_first_group_of_nodes_only"),),
    "S2": ((HERE, "test_mean_and_scale_are_one_for_each_channel_or_one_for_all"),),
    "S3": ((HERE, "test_the_properties_of_the_network_are_read_only"),),
    "S4": ((HERE, "test_inference_events_are_read_only_nodes"),),
    "S5": ((HERE, "test_a_notification_belongs_to_the_selected_event"),),
    "S6": (
        (HERE, "test_chunks_are_fixed_once_acquisition_runs"),
        (HERE, "test_the_image_chunk_is_always_on"),
    ),
    "S7": (
        (HERE, "test_an_open_file_keeps_frames_from_coming_until_it_is_closed"),
        (HERE, "test_file_operations_are_locked_while_frames_come"),
        ("tests/contract/test_camera_connection.py", "test_connect_closes_a_file_that_a_dead_host_left_open"),
    ),
    "S8": ((HERE, "test_there_are_four_lines"),),
    "S9": ((HERE, "test_the_sensor_has_the_size_and_rate_of_the_data_sheet"),),
    "S10": ((HERE, "test_firmware_before_the_fixes_is_warned_about"),),
    "S12": (
        (HERE, "test_the_files_of_the_firefly_are_chosen_by_name"),
        (HERE, "test_the_storage_is_chosen_after_open"),
        (HERE, "test_the_camera_advances_the_offset_itself"),
        (HERE, "test_opening_an_open_file_fails_and_closing_it_helps"),
        (HERE, "test_inference_ready_is_a_trigger_source"),
    ),
    "S13": (
        (HERE, "test_image_processing_can_be_switched_off_for_an_injected_image"),
        ("tests/contract/test_camera_networks.py", "test_a_full_slot_is_deleted_before_it_is_written"),
    ),
    "S14": (
        (HERE, "test_the_last_chunk_is_padded_and_its_length_is_the_true_count"),
        (HERE, "test_a_latched_timestamp_is_in_nanoseconds"),
    ),
    "S15": ((HERE, "test_acquisition_nodes_are_those_of_the_sdk_headers"),),
    "S16": (("tests/unit/camera/test_vendor_errors.py", "test_every_published_code_has_a_leaf_and_advice"),),
    "S17": (("tests/unit/camera/test_sdk.py", "test_a_wheel_of_another_release_is_refused"),),
    "S18": (
        (HERE, "test_a_grab_that_ends_in_a_timeout_says_so_by_number"),
        ("tests/unit/camera/test_events.py", "test_an_sdk_without_device_handlers_gets_a_node_callback"),
    ),
    "S19": (
        (
            "tests/unit/sim/test_system.py",
            "test_the_cable_calls_the_handler_with_the_camera_that_went_and_the_one_that_came",
        ),
    ),
    "S20": ((HERE, "test_results_are_those_of_earlier_frames_and_repeat"),),
    "S22": ((HERE, "test_the_vendors_own_preprocessing_is_accepted"),),
    "S24": ((HERE, "test_a_network_in_ddr_is_gone_after_a_power_cycle_and_one_in_flash_is_not"),),
    "S27": (("tests/unit/camera/test_sdk.py", "test_the_terminal_spinner_is_told_from_the_sdk"),),
}
NO_RULE = {
    "S11": "a read-me without interface rules",
    "S21": "timings of networks, which the simulated VPU is calibrated to (tests/unit/sim/test_latency.py)",
    "S23": "training code for detection",
    "S25": "limits of the vendor's compiler, which runs on a host",
    "S26": "power and weight",
}


@only_on(NEW_FIRMWARE)
@pytest.mark.simulation
def test_every_source_of_the_facts_has_its_rules_tested() -> None:
    """Keys S1 to S27 and S1b: each with a rule here, or with the reason why it has none."""
    keys = {*(f"S{number}" for number in range(1, 28)), "S1b"}
    assert set(RULES) | set(NO_RULE) == keys
    assert not set(RULES) & set(NO_RULE)


@only_on(NEW_FIRMWARE)
@pytest.mark.simulation
@pytest.mark.parametrize(("key", "place", "name"), [(k, *one) for k, rules in RULES.items() for one in rules])
def test_a_rule_of_the_table_is_a_test_that_names_its_source(key: str, place: str, name: str) -> None:
    """A docstring of the test, or of its module, holds the key."""
    tree = ast.parse((REPOSITORY / place).read_text(encoding="utf-8"))
    tests = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert name in tests, f"{place} has no {name}"
    told = (ast.get_docstring(tests[name]) or "") + (ast.get_docstring(tree) or "")
    words = {word.strip(".,:;()") for word in told.replace("/", " ").split()}
    assert key in words, f"{name} does not name {key}"
