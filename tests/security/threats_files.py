"""Threats by way of the config file, the state folder, and what is written for others."""

from __future__ import annotations

from tests.security.threat import Attacker, Entry, Threat

_CONFIG, _EDITOR = Entry.CONFIG, Attacker.EDITOR
_LOAD, _RELOAD = "tests/unit/config/test_config_load.py::", "tests/unit/config/test_config_reload.py::"
_FUZZ = "tests/fuzz/test_fuzz.py::test_sound_cases_and_those_that_once_failed_are_read_as_they_should_be"
_JOURNAL = "tests/unit/telemetry/test_journal_orders.py::"
_BUNDLE = "tests/unit/cli/test_cli_support_bundle.py::"

FILES = (
    Threat("yaml-alias", _CONFIG, _EDITOR, "has a few lines grow by aliases into gigabytes",
           "agent.config.document:_Composer._node", _LOAD + "test_hostile_yaml_is_refused"),
    Threat("yaml-tag", _CONFIG, _EDITOR, "has a tag make objects", "agent.config.document:_Composer._node",
           _LOAD + "test_hostile_yaml_is_refused"),
    Threat("yaml-size", _CONFIG, _EDITOR, "gives a file of gigabytes", "agent.config.document:MAX_BYTES",
           _LOAD + "test_hostile_yaml_is_refused"),
    Threat("yaml-depth", _CONFIG, _EDITOR, "nests deeper than a reader can go", "agent.config.document:MAX_DEPTH",
           _LOAD + "test_hostile_yaml_is_refused"),
    Threat("yaml-pipe", _CONFIG, _EDITOR, "puts a pipe in place of the file", "agent.config.document:_read_bounded",
           _LOAD + "test_a_missing_file_a_folder_and_a_pipe_are_refused"),
    Threat("yaml-zero", _CONFIG, _EDITOR, "writes names that no system call takes", "agent.config.document:_NO_TEXT",
           _FUZZ + "[config]"),
    Threat("yaml-lines", _CONFIG, _EDITOR, "forges lines of the log by keys with line breaks", "agent.errors:shown",
           _FUZZ + "[config]"),
    Threat("misspelt-key", _CONFIG, _EDITOR, "misspells a key that was meant to protect something",
           "agent.config.reading:Section.finish", _LOAD + "test_a_wrong_file_is_refused_with_line_key_and_reason"),
    Threat("half-applied", _CONFIG, _EDITOR, "has a file taken over in part",
           "agent.config.reload:ReloadDesk._refuse_restart",
           _RELOAD + "test_a_key_that_needs_a_restart_refuses_the_whole_file_with_its_values"),
    Threat("not-taken-back", _CONFIG, _EDITOR, "has a reload fail midway and stay",
           "agent.config.reload:ReloadDesk._hand_over",
           _RELOAD + "test_where_taking_over_fails_midway_what_was_told_is_taken_back"),
    Threat("torn-last-good", Entry.STATE, Attacker.DISK, "loses power while the last good config is written",
           "agent.config.last_good:_write_durably",
           "tests/unit/config/test_config_last_good.py::test_it_is_on_the_disk_before_it_takes_the_place_of_the_other"),
    Threat("altered-audit", Entry.STATE, Attacker.DISK, "alters, moves or removes an entry of the audit",
           "agent.domain.audit:ChainCheck._wrong",
           _JOURNAL + "test_a_changed_a_missing_and_a_moved_entry_break_the_chain"),
    Threat("cut-off-audit", Entry.STATE, Attacker.DISK, "cuts the newest entries of the audit off",
           "agent.telemetry.audit_check:_check",
           "tests/unit/telemetry/test_audit_head.py::test_what_somebody_did_to_the_journal_is_found_at_the_start_and_stays_told"),
    Threat("other-journal", Entry.STATE, Attacker.DISK, "puts another journal in place of the real one",
           "agent.telemetry.audit_check:_head_witness",
           "tests/unit/telemetry/test_audit_head.py::test_another_journal_in_its_place_is_found_by_the_head_file"),
    Threat("secret-in-bundle", Entry.BUNDLE, Attacker.READER, "finds a password or a key in a bundle",
           "agent.cli.support.redact:Redactor.text", _BUNDLE + "test_no_planted_secret_is_in_any_byte_of_the_bundle"),
    Threat("path-in-bundle", Entry.BUNDLE, Attacker.DEVICE, "has a file unpacked elsewhere by a camera's name",
           "agent.cli.support.pack:_file_name",
           _BUNDLE + "test_a_camera_of_any_name_makes_no_path_out_of_the_archive"),
    Threat("bundle-for-all", Entry.BUNDLE, Attacker.LOCAL, "reads a bundle of another user",
           "agent.cli.support.pack:_write",
           _BUNDLE + "test_the_bundle_is_its_owners_only_and_leaves_nothing_beside_it"),
    Threat("label-elsewhere", Entry.COMMAND, Attacker.LOCAL, "has images written elsewhere by a label with a path",
           "agent.domain.capture:label_of",
           "tests/system/test_cli_capture.py::test_a_label_that_is_no_folder_is_refused_before_anybody_is_asked"),
    Threat("odd-trace", Entry.TRACE, Attacker.SUPPLIER, "has a replay end in a fault, or its refusal fill the screen",
           "agent.replay.trace:_cells", _FUZZ + "[trace]"),
)  # fmt: skip
