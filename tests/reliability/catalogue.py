"""The reliability list: what is promised, how many cases are asked, and what plays them, at length and in `make test`.

An item whose goal is a number of another kind than cases (item 8 asks for none) has here the number that is played.
"""

from __future__ import annotations

from tests.reliability.item import Item
from tests.reliability.proofs import OTHERS, Booted, Flooded, Fuzzed, Proof, Suite

FAULTS, SYSTEM, API = "tests/faults", "tests/system", "tests/api"
FUZZ_CASES = 1_000_000
# Of a target that has a real server behind each case, or a slow parser, so many are a day's work.
SLOW_TARGETS = {"wire": 20, "golden": 2}
ASKED_TARGETS = ("config", "manifest", "blob", "trace", "protobuf")
OTHER_TARGETS = ("wire", "golden", "audit", "crl", "pem")
FLAVOURS = (*ASKED_TARGETS, *OTHER_TARGETS)

PROOFS: tuple[Proof, ...] = (
    Suite(
        "crash states",
        ("1",),
        8,
        (
            f"{FAULTS}/test_crash_states_files.py::test_in_every_state_there_is_the_old_or_the_new_one",
            f"{FAULTS}/test_crash_states_journal.py::test_in_thousands_of_states_the_journal_is_the_old_or_the_new_one",
            f"{FAULTS}/test_crash_states_recovery.py::test_in_every_state_of_a_recovery_no_claim_is_lost",
            f"{FAULTS}/test_crash_states_journal.py"
            "::test_a_head_of_the_audit_that_is_renamed_before_it_is_on_the_disk_is_found_out",
            f"{FAULTS}/test_crash_states_recovery.py"
            "::test_a_recovered_journal_that_is_put_in_place_before_it_is_on_the_disk_is_found_out",
        ),
    ),
    Suite(
        "kill loop",
        ("2",),
        60,
        (
            f"{SYSTEM}/test_kill_loop.py::test_a_daemon_that_forgets_a_command_is_found_out",
            f"{SYSTEM}/test_kill_loop.py::test_a_thousand_kills_lose_no_acknowledged_command",
        ),
    ),
    Suite(
        "swap faults",
        ("3",),
        12,
        (f"{FAULTS}/test_swap_matrix.py::test_each_fault_at_each_stage_for_each_sub_net_ends_as_it_should",),
    ),
    Suite(
        "transactions that fail",
        ("3",),
        10,
        (f"{FAULTS}/test_camera_faults.py::test_any_register_transaction_of_a_swap_may_fail",),
    ),
    Suite(
        "many swaps",
        ("4", "12"),
        15,
        (f"{SYSTEM}/test_many_swaps.py::test_10_000_swaps_leak_nothing_and_attribute_nothing_wrongly",),
    ),
    Suite(
        "a million frames",
        ("4",),
        20,
        (f"{SYSTEM}/test_virtual_line.py::test_a_million_frames_are_attributed_rightly",),
    ),
    Suite(
        "histories of clients",
        ("5",),
        45,
        ("tests/stateful/test_histories.py::test_no_promise_is_broken_over_ten_thousand_histories",),
    ),
    Suite(
        "histories of the journal",
        ("5",),
        4,
        (f"{FAULTS}/test_journal_histories.py::test_long_histories_hold_the_same",),
    ),
    Suite(
        "vanished clients",
        ("6",),
        2,
        (
            f"{FAULTS}/test_vanished_clients.py::test_the_fail_safe_is_in_time_over_many_stories",
            f"{FAULTS}/test_vanished_clients.py"
            "::test_a_client_process_that_is_killed_or_stopped_holds_its_budget_for_its_ttl",
        ),
    ),
    Suite(
        "operations that hang",
        ("7",),
        5,
        (
            f"{FAULTS}/test_operation_ends.py::test_operations_end_in_time_whatever_hangs_a_thousand_times",
            f"{FAULTS}/test_operation_ends.py"
            "::test_a_run_whose_turn_never_comes_ends_by_its_deadline_though_the_disk_hangs",
        ),
    ),
    Suite(
        "an adversary's line",
        ("8",),
        3,
        ("tests/unit/policy/test_engine_adversary.py::test_over_many_worlds_an_adversary_gets_one_swap_a_dwell",),
    ),
    *(Fuzzed(name, FUZZ_CASES // SLOW_TARGETS.get(name, 1), minutes=90) for name in FLAVOURS),
    Flooded("floods", 12, "tests.reliability.floods"),
    Suite(
        "libraries",
        ("11",),
        6,
        (
            f"{FAULTS}/test_library_races.py::test_every_flipped_bit_of_a_file_is_found_before_anything_is_handed_out",
            f"{FAULTS}/test_library_races.py::test_every_bit_of_manifest_signature_and_key_counts",
            f"{FAULTS}/test_library_races.py::test_at_no_point_between_two_reads_a_change_gets_past_the_signature",
        ),
    ),
    Suite("attacks on libraries", ("11",), 1, (f"{FAULTS}/test_library_attacks.py",), unit="attacks"),
    Suite(
        "a shift",
        ("12",),
        6,
        (
            f"{SYSTEM}/test_virtual_line.py::test_an_hour_played_again_is_the_same_hour",
            f"{SYSTEM}/test_virtual_line.py::test_a_shift_of_24_hours_at_the_slowest_frame_rate",
        ),
    ),
    Suite(
        "starvation",
        ("13",),
        3,
        (
            f"{FAULTS}/test_journal_faults.py"
            "::test_on_a_bad_disk_a_write_is_refused_whole_reads_go_on_and_it_recovers_alone",
            f"{FAULTS}/test_alarms_without_journal.py",
            f"{SYSTEM}/test_starvation.py::test_short_of_one_thing_after_the_other_for_a_long_time",
            f"{SYSTEM}/test_starvation.py::test_a_file_system_that_is_full_and_empty_again",
            f"{SYSTEM}/test_starvation.py"
            "::test_a_state_directory_that_cannot_be_written_at_the_start_is_told_and_used_as_soon_as_it_can_be",
        ),
    ),
    Suite(
        "reloads",
        ("14",),
        5,
        (f"{SYSTEM}/test_reload_traffic.py::test_a_thousand_reloads_disturb_no_other_call",),
    ),
    Booted("boot", 8, boots=1),
    Suite(
        "audit, replay and threats",
        (OTHERS,),
        70,
        (
            f"{FAULTS}/test_audit_attacks.py"
            "::test_turning_each_bit_of_each_field_and_a_bit_of_each_byte_of_the_file_is_found",
            f"{API}/test_hostile.py::test_ten_thousand_calls_above_ones_role_change_nothing",
            f"{SYSTEM}/test_replay_agrees.py::test_an_hour_of_the_benchmark_is_worth_the_same",
            "tests/security/test_threats.py::test_every_row_is_true",
        ),
        unit="tests",
    ),
    Suite(
        "pages and compilers",
        (OTHERS,),
        20,
        (
            f"{SYSTEM}/test_cli_profile.py",
            f"{SYSTEM}/test_docs.py",
            f"{SYSTEM}/test_docs_soak.py",
            f"{SYSTEM}/test_demo.py::test_a_demo_in_an_empty_folder_searches_its_ladder_first",
            f"{SYSTEM}/test_programs.py::test_a_program_ends_so_in_an_interpreter_that_has_nothing_imported",
            "tests/unit/builder/targets/test_myriad_compiler.py",
        ),
        unit="tests",
    ),
)

ITEMS: tuple[Item, ...] = (
    Item(
        "1",
        "post-crash disk states of every persistence step: each restart reaches the old or the new state",
        {"states": 5000},
        ("crash states",),
        (
            f"{FAULTS}/test_crash_states_files.py::test_after_a_power_loss_there_is_the_old_or_the_new_one",
            f"{FAULTS}/test_crash_states_files.py"
            "::test_code_that_leaves_out_a_sync_or_replaces_in_two_steps_is_found_out",
            f"{FAULTS}/test_crash_states_journal.py"
            "::test_after_a_power_loss_the_journal_has_what_was_acknowledged_and_no_third_state",
            f"{FAULTS}/test_crash_states_recovery.py"
            "::test_a_power_loss_in_a_recovery_loses_no_claim_and_repeats_no_generation",
        ),
    ),
    Item(
        "2",
        "kill -9 at random under load: no acknowledged command lost, READY again in 3 s",
        {"kills": 1000},
        ("kill loop",),
        (f"{SYSTEM}/test_kill_loop.py::test_commands_outlive_a_daemon_that_is_killed",),
    ),
    Item(
        "3",
        "camera faults x swap stages x 3 sub-nets: ends new verified, old verified again, or FAULTED with an alarm",
        {"cases": 300},
        ("swap faults", "transactions that fail"),
        (
            f"{FAULTS}/test_swap_matrix.py::test_a_fault_of_each_kind_ends_as_it_should",
            f"{FAULTS}/test_swap_faults.py::test_a_step_that_fails_once_ends_on_a_verified_network",
            f"{FAULTS}/test_fault_matrix.py::test_any_fault_of_a_stage_ends_in_time_and_the_camera_works_again",
        ),
    ),
    Item(
        "4",
        "10^6 frames and 10^4 swaps: no result attributed to a wrong sub-net",
        {"frames": 1_000_000, "swaps": 10_000},
        ("many swaps", "a million frames"),
        (
            f"{SYSTEM}/test_many_swaps.py::test_500_swaps_leak_nothing_and_attribute_nothing_wrongly",
            f"{SYSTEM}/test_virtual_line.py::test_twenty_minutes_of_the_line_attribute_every_result_rightly",
        ),
    ),
    Item(
        "5",
        "concurrent histories of clients: the same request_id runs once, every promise kept",
        {"histories": 10_000},
        ("histories of clients", "histories of the journal"),
        (
            "tests/stateful/test_histories.py::test_no_promise_is_broken_over_some_histories",
            "tests/stateful/test_histories.py::test_what_broke_a_promise_once_keeps_it",
            f"{FAULTS}/test_journal_histories.py::test_what_was_confirmed_is_there_and_what_was_refused_is_not",
        ),
    ),
    Item(
        "6",
        "vanished clients: fail-safe within TTL + 250 ms and never early",
        {"clients": 500},
        ("vanished clients",),
        (
            f"{FAULTS}/test_vanished_clients.py"
            "::test_the_fail_safe_is_in_force_within_250_ms_of_the_end_of_a_lease_and_never_early",
            f"{FAULTS}/test_vanished_clients.py::test_stories_that_broke_the_promise_once_keep_it",
        ),
    ),
    Item(
        "7",
        "every operation ends by its deadline + 1 s; a cancel is answered within 200 ms",
        {"operations": 1000, "cancels": 100},
        ("operations that hang",),
        (
            f"{FAULTS}/test_operation_ends.py::test_operations_end_in_time_whatever_hangs",
            f"{FAULTS}/test_operation_ends.py"
            "::test_a_cancel_of_a_swap_is_answered_at_once_in_every_stage_though_the_disk_hangs",
        ),
    ),
    Item(
        "8",
        "adversarial load: at most one policy swap for each dwell; exemptions counted",
        {"worlds": 1000},
        ("an adversary's line",),
        (
            "tests/unit/policy/test_engine_adversary.py::test_an_adversary_gets_one_swap_a_dwell",
            "tests/unit/policy/test_engine_properties.py::test_there_is_at_most_one_swap_for_a_gain_in_each_min_dwell",
        ),
    ),
    Item(
        "9",
        "config, manifest, blob, trace and protobuf inputs fuzzed: no crash, no partial apply, bounded memory and time",
        dict.fromkeys(ASKED_TARGETS, FUZZ_CASES),
        FLAVOURS,
        ("tests/fuzz/test_fuzz.py::test_a_short_seeded_run_finds_nothing",),
        also=tuple(f"{name} guided" for name in FLAVOURS),
    ),
    Item(
        "10",
        "slow-loris, ping flood, 1 000 half-open connections: other clients' p99 at most twice",
        {"repeats": 9},
        ("floods",),
        (
            f"{API}/test_slow_clients.py::test_others_hear_the_same_byte_for_byte_beside_a_client_that",
            f"{API}/test_slow_clients.py::test_connections_beyond_the_cap_are_refused_and_those_that_are_open_go_on",
            f"{API}/test_hostile.py::test_others_hear_the_same_over_tls_beside_whatever_a_client_says",
        ),
    ),
    Item(
        "11",
        "bit flips, rolled-back and mixed manifests, wrong-platform blobs: all refused before any camera write",
        {"flips": 40_000, "attacks": 95},
        ("libraries", "attacks on libraries"),
        (
            f"{FAULTS}/test_library_races.py::test_a_flipped_bit_of_a_file_is_found_before_anything_is_handed_out",
            f"{FAULTS}/test_library_races.py::test_every_bit_of_manifest_signature_and_key_counts",
            f"{FAULTS}/test_library_attacks.py::test_an_older_version_is_refused_after_a_restart_too",
            f"{FAULTS}/test_library_attacks.py::test_parts_of_two_good_versions_make_no_library",
            f"{FAULTS}/test_library_attacks.py::test_a_released_network_for_something_else_is_refused",
        ),
    ),
    Item(
        "12",
        "10 000 swaps and 24 simulated hours: under 1 kB a swap of growth, threads and descriptors constant",
        {"swaps": 10_000, "simulated hours": 24},
        ("many swaps", "a shift"),
        (
            f"{SYSTEM}/test_many_swaps.py::test_500_swaps_leak_nothing_and_attribute_nothing_wrongly",
            f"{SYSTEM}/test_virtual_line.py::test_equal_seeds_give_equal_journals_and_other_seeds_do_not",
        ),
    ),
    Item(
        "13",
        "disk full, read-only state, EMFILE, memory limit: reads go on, an alarm is raised, it recovers by itself",
        {"disk full": 20, "read-only state": 10, "EMFILE": 10, "memory limit": 10},
        ("starvation",),
        (
            f"{SYSTEM}/test_starvation.py"
            "::test_a_daemon_that_is_short_of_disk_descriptors_or_memory_can_be_read_and_recovers",
            f"{FAULTS}/test_journal_faults.py"
            "::test_on_a_bad_disk_a_write_is_refused_whole_reads_go_on_and_it_recovers_alone",
            f"{FAULTS}/test_alarms_without_journal.py"
            "::test_what_was_raised_and_acknowledged_on_a_bad_disk_is_in_the_journal_afterwards",
        ),
    ),
    Item(
        "14",
        "reloads, 30 % of them invalid, under traffic: no unrelated call fails",
        {"reloads": 1000, "invalid reloads": 250},
        ("reloads",),
        (f"{SYSTEM}/test_reload_traffic.py::test_a_daemon_that_is_reloaded_serves_its_clients_all_the_same",),
    ),
    Item(
        "15",
        "units booted for real: notify, watchdog kill and restart, static user, credentials, security at most 2.0",
        {"boots": 1, "points": 29},
        ("boot",),
        ("tests/unit/test_systemd_units.py", "tests/system/test_service.py"),
    ),
    Item(
        OTHERS,
        "other long runs: audit, replay, threats, roles, the documentation's long commands, compilers",
        {},
        ("audit, replay and threats", "pages and compilers"),
        (),
    ),
)
