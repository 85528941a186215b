"""All rows of the threat table, in the order of the page."""

from __future__ import annotations

from tests.security.threat import Attacker, Entry, Threat
from tests.security.threats_doors import DOORS
from tests.security.threats_files import FILES
from tests.security.threats_library import LIBRARY
from tests.security.threats_web import WEB

_API = "tests/api/"
_REQUEST, _CLIENT = Entry.REQUEST, Attacker.CLIENT
_SLOW = _API + "test_slow_clients.py::"

API = (
    Threat("role", _REQUEST, _CLIENT, "calls what its role is too low for", "agent.api.access:Access._check",
           _API + "test_access.py::test_a_role_may_do_what_needs_it_or_less_and_nothing_else"),
    Threat("method-without-role", _REQUEST, _CLIENT, "calls a new method that nobody gave a role",
           "agent.api.roles:NEEDS", _API + "test_access.py::test_a_call_that_is_in_no_table_is_for_nobody"),
    Threat("unknown-connection", _REQUEST, Attacker.NETWORK, "comes in through no door that is known",
           "agent.api.access:Access.admit",
           _API + "test_access.py::test_a_connection_that_no_door_knows_may_do_nothing"),
    Threat("borrowed-name", _REQUEST, _CLIENT, "takes the name, and so the claims, of another client",
           "agent.api.caller:client_of", _API + "test_access.py::test_nobody_elsewhere_goes_by_the_name_of_another"),
    Threat("local-only", _REQUEST, _CLIENT, "overrides from afar what is for those at the machine",
           "agent.api.commands:local_only",
           _API + "test_orders.py::test_what_only_the_machine_itself_may_ask_for_is_refused_to_others"),
    Threat("maintenance", _REQUEST, _CLIENT, "commands a camera that somebody works on", "agent.api.commands:is_local",
           _API + "test_orders.py::test_in_maintenance_orders_come_from_the_machine_itself"),
    Threat("endless-lease", _REQUEST, _CLIENT, "takes a lease that outlives its gateway", "agent.api.parse:ttl_s_of",
           _API + "test_control.py::test_a_ttl_out_of_bounds_is_refused_and_changes_nothing"),
    Threat("unprintable-name", _REQUEST, _CLIENT, "names itself so that logs and audit cannot be read",
           "agent.api.parse:client_name", _API + "test_control.py::test_a_bad_client_name_is_refused"),
    Threat("request-twice", _REQUEST, _CLIENT, "has a request carried out twice, also over a restart",
           "agent.api.requests:RequestLog._known",
           _API + "test_requests.py::test_the_first_answer_outlives_the_server"),
    Threat("request-id-reused", _REQUEST, _CLIENT, "gets the answer of another request by its id",
           "agent.api.requests:_Key.check_same",
           _API + "test_requests.py::test_an_id_cannot_be_used_for_another_request"),
    Threat("unaudited", _REQUEST, _CLIENT, "changes something without a trace",
           "agent.api.trail:Trail.done",
           _API + "test_audit.py::test_changes_are_listed_newest_first_with_who_asked_and_what_came_of_it"),
    Threat("garbage", _REQUEST, _CLIENT, "makes a handler fail by bytes that are no message",
           "agent.api.gate:Gate._read", _API + "test_errors.py::test_a_request_that_cannot_be_read_harms_nothing"),
    Threat("huge-request", _REQUEST, _CLIENT, "takes memory by large requests", "agent.api.gate:Gate._read",
           _API + "test_caps.py::test_a_request_beyond_the_largest_is_refused_with_a_reason"),
    Threat("impossible-duration", _REQUEST, _CLIENT, "leaves no trace by a Duration that JSON cannot say",
           "agent.api.trail:asked",
           "tests/fuzz/test_fuzz.py::test_sound_cases_and_those_that_once_failed_are_read_as_they_should_be[protobuf]"),
    Threat("unreadable-refusal", _REQUEST, _CLIENT, "is sent its own long text back, which ends the connection",
           "agent.api.errors:clipped",
           "tests/fuzz/test_fuzz.py::test_sound_cases_and_those_that_once_failed_are_read_as_they_should_be[protobuf]"),
    Threat("told-too-much", _REQUEST, _CLIENT, "learns the inside of the agent from an error",
           "agent.api.errors:internal_status",
           _API + "test_errors.py::test_an_unforeseen_error_is_logged_and_tells_the_client_nothing"),
    Threat("all-places", _REQUEST, _CLIENT, "takes all places for calls and streams", "agent.api.caps:Caps._check",
           _API + "test_caps.py::test_no_client_can_take_the_places_of_the_others"),
    Threat("endless-call", _REQUEST, _CLIENT, "keeps a call open for ever", "agent.api.gate:_within",
           _API + "test_caps.py::test_a_call_without_a_deadline_ends_after_the_longest_time_and_its_change_goes_on"),
    Threat("never-reads", _REQUEST, _CLIENT, "opens streams and never reads them", "agent.api.stalls:Stalls._look",
           _SLOW + "test_a_reader_that_does_not_read_is_ended_and_told_why"),
    Threat("dead-peer", _REQUEST, _CLIENT, "dies without a word and keeps its place",
           "agent.api.limits:ApiLimits.options",
           _SLOW + "test_a_peer_that_answers_no_ping_is_cut_off"),
)  # fmt: skip

THREATS: tuple[Threat, ...] = (*DOORS, *WEB, *API, *FILES, *LIBRARY)
